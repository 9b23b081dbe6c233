#include "net/forwarded.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "net/network.h"

static const char *const headers[] = {
        "Forwarded",        "X-Forwarded-For",    "X-Forwarded-Host", "X-Forwarded-Proto",
        "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-By"};

bool forwarded_is(const struct http_request *request) {
        for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++)
                if (http_request_header(request, headers[i]))
                        return true;
        return false;
}

// The text without what is around it, and without quotes. False when it is too long.
static bool text_take(const char *from, size_t n, char ret[static FORWARDED_TEXT_MAX]) {
        while (n && isspace((unsigned char)*from)) {
                from++;
                n--;
        }
        while (n && isspace((unsigned char)from[n - 1]))
                n--;
        if (n >= 2 && from[0] == '"' && from[n - 1] == '"') {
                from++;
                n -= 2;
        }
        if (n >= FORWARDED_TEXT_MAX)
                return false;
        memcpy(ret, from, n);
        ret[n] = '\0';
        return true;
}

// The end of what ends with one of `signs`, which count for nothing between quotes.
static size_t part_length(const char *text, const char *signs) {
        bool is_quoted = false;
        size_t n = 0;

        for (; text[n] && (is_quoted || !strchr(signs, text[n])); n++)
                if (text[n] == '"')
                        is_quoted = !is_quoted;
        return n;
}

// One more address of the chain: it counts while all behind it are the proxies' own.
static bool client_take(struct forwarded *ret, const char *from, size_t n,
                        const char *proxies) {
        char client[FORWARDED_TEXT_MAX];

        if (!text_take(from, n, client))
                return false;
        if (!ret->client[0] || !networks_have(proxies, client))
                memcpy(ret->client, client, sizeof(client));
        return true;
}

// "for=192.0.2.7"; what it says of other things is not asked for.
static bool pair_read(const char *text, size_t n, const char *proxies, struct forwarded *ret) {
        if (n > 4 && strncasecmp(text, "for=", 4) == 0)
                return client_take(ret, text + 4, n - 4, proxies);
        if (n > 5 && strncasecmp(text, "host=", 5) == 0)
                return text_take(text + 5, n - 5, ret->host);
        if (n > 6 && strncasecmp(text, "proto=", 6) == 0)
                return text_take(text + 6, n - 6, ret->scheme);
        return true;
}

// Whether all quotes that are opened are closed; none needs an escape.
static bool quotes_are_whole(const char *text) {
        size_t n_quotes = 0;

        for (; *text; text++) {
                if (*text == '\\')
                        return false;
                n_quotes += *text == '"';
        }
        return n_quotes % 2 == 0;
}

// "for=192.0.2.7;host=cam.example;proto=https".
static bool element_read(const char *text, size_t n, const char *proxies,
                         struct forwarded *ret) {
        const char *end = text + n;

        while (text < end) {
                size_t blanks = strspn(text, " \t");
                size_t length = part_length(text + blanks, ";,");
                bool is_good = pair_read(text + blanks, length, proxies, ret);

                if (!is_good)
                        return false;
                text += blanks + length;
                text += text < end;
        }
        return true;
}

static bool standard_read(const struct http_request *request, const char *proxies,
                          struct forwarded *ret) {
        const char *value = NULL;

        while ((value = http_request_next(request, "Forwarded", value))) {
                // What a client begins must not swallow what a proxy adds behind it.
                if (!quotes_are_whole(value))
                        return false;
                for (const char *at = value; *at;) {
                        size_t n = part_length(at, ",");

                        if (!element_read(at, n, proxies, ret))
                                return false;
                        at += n + (at[n] == ',');
                }
        }
        return true;
}

// The first of a header's values: what the client asked the outermost proxy for.
static bool first_take(const struct http_request *request, const char *name,
                       char ret[static FORWARDED_TEXT_MAX]) {
        const char *value = http_request_header(request, name);

        if (!value)
                return true;
        return !http_request_repeats(request, name) &&
               text_take(value, strcspn(value, ","), ret);
}

static bool usual_read(const struct http_request *request, const char *proxies,
                       struct forwarded *ret) {
        const char *value = NULL;

        while ((value = http_request_next(request, "X-Forwarded-For", value)))
                for (const char *at = value; *at;) {
                        size_t n = strcspn(at, ",");

                        if (!client_take(ret, at, n, proxies))
                                return false;
                        at += n + (at[n] == ',');
                }
        return first_take(request, "X-Forwarded-Host", ret->host) &&
               first_take(request, "X-Forwarded-Proto", ret->scheme);
}

bool forwarded_read(const struct http_request *request, const char *proxies,
                    struct forwarded *ret) {
        bool is_standard = http_request_header(request, "Forwarded");
        bool is_usual = http_request_header(request, "X-Forwarded-For") ||
                        http_request_header(request, "X-Forwarded-Host");

        *ret = (struct forwarded){0};
        if (is_standard && is_usual)
                return false;
        return is_standard ? standard_read(request, proxies, ret)
                           : usual_read(request, proxies, ret);
}
