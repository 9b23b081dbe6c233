#include "source/source_url.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/allow.h"
#include "media/formats.h"
#include "source/source.h"
#include "util/mem.h"
#include "util/redact.h"

_Static_assert(SOURCE_ALLOW_MAX < MEDIA_ALLOW_MAX, "all that is allowed can be handed on");

// Shorter than util/process keeps of a stderr line: a URL there is never cut before the '@'
// that tells where its password ends.
#define URL_MAX 1024

// Times are in microseconds: silence on the wire for 5 s (RTSP, where sound never pauses) or
// 10 s (HTTP, where segments come in steps) is a dead peer. The short analyzeduration brings
// the first G.711 sample at once; with ffmpeg's own 5 s it comes that late.
#define RTSP_OPTIONS                         \
        "option allowed_media_types audio\n" \
        "option timeout 5000000\n"           \
        "option analyzeduration 100000\n"
#define HTTP_OPTIONS                   \
        "option rw_timeout 10000000\n" \
        "option analyzeduration 2000000\n"

#define SRT_OPTIONS                \
        "option timeout 5000000\n" \
        "option analyzeduration 2000000\n"

// The way out of many a network. ffmpeg asks for these two and no other.
static const char *const http_variables[] = {"http_proxy", "no_proxy", NULL};

static const struct source_scheme schemes[] = {
        {"rtsp", MEDIA_FORMATS_RTSP_PROTOCOLS, MEDIA_FORMATS_RTSP, NULL, RTSP_OPTIONS, true},
        {"rtsps", MEDIA_FORMATS_RTSPS_PROTOCOLS, MEDIA_FORMATS_RTSP, NULL, RTSP_OPTIONS, true},
        {"http", MEDIA_FORMATS_HTTP_PROTOCOLS, MEDIA_FORMATS_PLAYLISTS, http_variables,
         HTTP_OPTIONS, false},
        {"https", MEDIA_FORMATS_HTTP_PROTOCOLS, MEDIA_FORMATS_PLAYLISTS, http_variables,
         HTTP_OPTIONS, false},
        {"rtmp", MEDIA_FORMATS_RTMP_PROTOCOLS, MEDIA_FORMATS_RTMP, NULL, HTTP_OPTIONS, false},
        {"rtmps", MEDIA_FORMATS_RTMPS_PROTOCOLS, MEDIA_FORMATS_RTMP, NULL, HTTP_OPTIONS, false},
        {"srt", MEDIA_FORMATS_SRT_PROTOCOLS, MEDIA_FORMATS_SRT, NULL, SRT_OPTIONS, false},
};

#define N_SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

const struct source_scheme *source_url_scheme(const char *url) {
        for (size_t i = 0; i < N_SCHEMES; i++) {
                size_t n = strlen(schemes[i].name);

                if (strncasecmp(url, schemes[i].name, n) == 0 &&
                    strncmp(url + n, "://", 3) == 0)
                        return &schemes[i];
        }
        return NULL;
}

static size_t scheme_length(const char *url) {
        size_t n = 0;

        while (isalnum((unsigned char)url[n]) || (n > 0 && strchr("+.-", url[n]) && url[n]))
                n++;
        return strncmp(url + n, "://", 3) == 0 ? n : 0;
}

const char *source_url_file(const char *url) {
        if (strncasecmp(url, "file:", 5) == 0) {
                url += 5;
                return strncmp(url, "//", 2) == 0 ? url + 2 : url;
        }
        return scheme_length(url) == 0 ? url : NULL;
}

// --- check ----------------------------------------------------------------------

// What is taken for a file may be a mistyped address.
static int file_check(const char *path, struct error *error) {
        CLEANUP(mem_freep) char *shown = redact_value(path);
        struct stat status;

        if (stat(path, &status) < 0)
                return error_set(error, -EINVAL, "file '%s': %s", shown,
                                 strerrordesc_np(errno));
        if (S_ISDIR(status.st_mode))
                return error_set(error, -EINVAL, "'%s' is a directory, not a file", shown);
        if (access(path, R_OK) < 0)
                return error_set(error, -EINVAL, "file '%s': %s", shown,
                                 strerrordesc_np(errno));
        return 0;
}

static bool is_port(const char *text, const char *end) {
        char *stop;
        long port;

        if (text == end)
                return true;  // "host:" means the scheme's own port
        if (!isdigit((unsigned char)*text))
                return false;
        port = strtol(text, &stop, 10);
        return stop == end && port > 0 && port <= 65535;
}

static int address_check(const char *url, const struct source_scheme *scheme,
                         struct error *error) {
        const char *host = url + strlen(scheme->name) + 3;
        const char *end = host + strcspn(host, "/?#");
        const char *at = memrchr(host, '@', (size_t)(end - host));
        const char *colon;

        // Cameras have no fragments: somebody's password has a '#' in it.
        if (!at && *end == '#' && strchr(end, '@'))
                return error_set(error, -EINVAL,
                                 "the URL's host ends with a '#'; in a user name or password "
                                 "write '#' as %%23");
        if (at)
                host = at + 1;
        if (*host == '[') {
                colon = memchr(host, ']', (size_t)(end - host));
                if (!colon)
                        return error_set(error, -EINVAL, "the URL's '[' has no ']'");
                colon++;
        } else {
                colon = memchr(host, ':', (size_t)(end - host));
        }
        if (host == end || host == colon)
                return error_set(error, -EINVAL, "the URL names no host");
        if (!colon || colon == end)
                return 0;
        // The port's own text is not shown: it may be a piece of a password.
        if (*colon != ':' || !is_port(colon + 1, end))
                return error_set(error, -EINVAL,
                                 "the URL's port is not a number from 1 to 65535; in a user "
                                 "name or password write '/', '?', '#', ':' and '@' as %%2F, "
                                 "%%3F, %%23, %%3A and %%40");
        return 0;
}

int source_url_check(const char *url, struct error *error) {
        const struct source_scheme *scheme = source_url_scheme(url);
        const char *path = source_url_file(url);

        if (*url == '\0')
                return error_set(error, -EINVAL, "the URL is empty");
        if (strlen(url) > URL_MAX)
                return error_set(error, -EINVAL, "the URL is longer than %d bytes", URL_MAX);
        for (const char *place = url; *place; place++)
                if (iscntrl((unsigned char)*place) || (!path && *place == ' '))
                        return error_set(error, -EINVAL, "the URL holds a %s",
                                         *place == ' ' ? "space; write it as %20"
                                                       : "line break or control character");
        if (path)
                return file_check(path, error);
        if (!scheme)
                return error_set(error, -EINVAL,
                                 "unknown scheme '%.*s://'; expected rtsp, rtsps, http, https, "
                                 "rtmp, rtmps, srt, or a file's path",
                                 (int)scheme_length(url), url);
        return address_check(url, scheme, error);
}

// --- what strangers may give ----------------------------------------------------

// Is that the key, and its value none of the good ones (NULL at the end)?
static bool option_is_bad(const char *option, size_t n, const char *key,
                          const char *const *good) {
        size_t n_key = strlen(key);

        if (n < n_key || strncmp(option, key, n_key) != 0 ||
            (n > n_key && option[n_key] != '='))
                return false;
        for (; *good; good++)
                if (n == n_key + 1 + strlen(*good) &&
                    strncmp(option + n_key + 1, *good, strlen(*good)) == 0)
                        return false;
        return true;
}

// Options are read by FFmpeg from the query, but for HTTP, where it is the far end's.
static bool url_waits_for_callers(const char *url) {
        static const char *const modes[] = {"caller", NULL};
        static const char *const listens[] = {"0", NULL};
        const char *option = strchr(url, '?');

        while (option) {
                size_t n = strcspn(++option, "&");

                if (option_is_bad(option, n, "mode", modes) ||
                    option_is_bad(option, n, "listen", listens))
                        return true;
                option = option[n] ? option + n : NULL;
        }
        return false;
}

int source_url_check_untrusted(const char *url, struct error *error) {
        int code;

        if (*url && source_url_file(url))
                return error_set(error, -EINVAL,
                                 "a file cannot be added while the server runs; expected an "
                                 "address: rtsp, rtsps, http, https, rtmp, rtmps or srt");
        code = source_url_check(url, error);
        if (code < 0)
                return code;
        if (strncasecmp(url, "http", 4) != 0 && url_waits_for_callers(url))
                return error_set(error, -EINVAL,
                                 "the URL asks us to wait for callers (mode or listen); a "
                                 "stream that is added while the server runs can only call");
        return 0;
}

bool source_allow_is_good(const char *word) {
        return media_allow_word_is_good(word);
}
