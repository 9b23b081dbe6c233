#include "sink/mqtt_address.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

#define PORT_PLAIN 1883
#define PORT_TLS   8883

#define SCHEME_PLAIN "mqtt://"
#define SCHEME_TLS   "mqtts://"

// A part of the URL as text of its own; NULL when it is not there. False when it has what no
// text of ours can hold (a percent-encoded zero or control character).
static bool part_get(CURLU *url, CURLUPart part, unsigned flags, char **ret) {
        char *text = NULL;
        CURLUcode code = curl_url_get(url, part, &text, flags);

        *ret = NULL;
        if (code == CURLUE_NO_USER || code == CURLUE_NO_PASSWORD || code == CURLUE_NO_PORT ||
            code == CURLUE_NO_QUERY || code == CURLUE_NO_FRAGMENT)
                return true;
        if (code != CURLUE_OK)
                return false;
        *ret = xstrdup(text);
        curl_free(text);
        return true;
}

static bool part_is_empty(CURLU *url, CURLUPart part, const char *ok) {
        char *text;
        bool is_empty = part_get(url, part, 0, &text) && (!text || strcmp(text, ok) == 0);

        free(text);
        return is_empty;
}

// Take "[" and "]" off.
static void brackets_remove(char *host) {
        size_t n = strlen(host);

        if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
                memmove(host, host + 1, n - 2);
                host[n - 2] = '\0';
        }
}

static int address_take(struct mqtt_address *ret, CURLU *url, struct error *error) {
        CLEANUP(mem_freep) char *port = NULL;

        ret->port = ret->is_tls ? PORT_TLS : PORT_PLAIN;
        if (!part_get(url, CURLUPART_HOST, 0, &ret->host) || !ret->host || !*ret->host)
                return error_set(error, -EINVAL, "url: has no host");
        brackets_remove(ret->host);
        if (!part_get(url, CURLUPART_USER, CURLU_URLDECODE, &ret->user) ||
            !part_get(url, CURLUPART_PASSWORD, CURLU_URLDECODE, &ret->password))
                return error_set(error, -EINVAL,
                                 "url: user or password has a character that none may have");
        if (!part_get(url, CURLUPART_PORT, 0, &port))
                return error_set(error, -EINVAL, "url: the port is none");
        if (port)
                ret->port = (int)strtol(port, NULL, 10);  // libcurl has checked it
        if (ret->port == 0)
                return error_set(error, -EINVAL, "url: the port is none");
        if (!part_is_empty(url, CURLUPART_PATH, "/") ||
            !part_is_empty(url, CURLUPART_QUERY, "") ||
            !part_is_empty(url, CURLUPART_FRAGMENT, ""))
                return error_set(error, -EINVAL,
                                 "url: nothing may stand behind the host and the port; topics "
                                 "begin as prefix says, and what is no letter or digit of a "
                                 "password is percent-encoded");
        return 0;
}

int mqtt_address_read(struct mqtt_address *ret, const char *url, struct error *error) {
        CURLU *parsed = curl_url();
        int r;

        *ret = (struct mqtt_address){
                .is_tls = strncasecmp(url, SCHEME_TLS, strlen(SCHEME_TLS)) == 0};
        if (!parsed)
                return error_set(error, -ENOMEM, "url: no memory");
        // libcurl would take "mqtt:/" as well, and more.
        if (!ret->is_tls && strncasecmp(url, SCHEME_PLAIN, strlen(SCHEME_PLAIN)) != 0)
                r = error_set(error, -EINVAL, "url: begins with mqtt:// or mqtts://");
        else if (curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) ==
                 CURLUE_OK)
                r = address_take(ret, parsed, error);
        else
                r = error_set(
                        error, -EINVAL,
                        "url: is none; it reads mqtt://user:password@host:port, where what "
                        "is no letter or digit of a password is percent-encoded");
        curl_url_cleanup(parsed);
        if (r < 0)
                mqtt_address_deinit(ret);
        return r;
}

void mqtt_address_deinit(struct mqtt_address *address) {
        free(address->host);
        free(address->user);
        if (address->password)
                explicit_bzero(address->password, strlen(address->password));
        free(address->password);
        *address = (struct mqtt_address){0};
}
