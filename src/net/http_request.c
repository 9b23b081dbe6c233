#include "net/http_request.h"

#include <ctype.h>
#include <http_parser.h>
#include <string.h>

#include "net/http_head.h"
#include "util/mem.h"

const char *http_request_header(const struct http_request *request, const char *name) {
        return http_head_next(request->head, name, NULL);
}

const char *http_request_next(const struct http_request *request, const char *name,
                              const char *previous) {
        return http_head_next(request->head, name, previous);
}

bool http_request_repeats(const struct http_request *request, const char *name) {
        const char *first = http_head_next(request->head, name, NULL);

        return first && http_head_next(request->head, name, first);
}

// --- percent-encoding ------------------------------------------------------------

static int hex_value(char digit) {
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        if (isxdigit((unsigned char)digit))
                return tolower((unsigned char)digit) - 'a' + 10;
        return -1;
}

// The byte that the first of `n` characters escapes, or -1.
static int escape_value(const char *text, size_t n) {
        int high = n >= 3 && text[0] == '%' ? hex_value(text[1]) : -1;
        int low = high >= 0 ? hex_value(text[2]) : -1;

        return low >= 0 ? high * 16 + low : -1;
}

// Decode `n` characters into a new string. What is not a valid escape, and %00, which no C
// string can hold, stays as it is.
static char *query_decode(const char *text, size_t n) {
        char *decoded = xcalloc(n + 1, 1);
        size_t length = 0;

        for (size_t i = 0; i < n; i++) {
                int value = escape_value(text + i, n - i);

                if (value > 0) {
                        decoded[length++] = (char)value;
                        i += 2;
                } else {
                        decoded[length++] = (char)(text[i] == '+' ? ' ' : text[i]);
                }
        }
        return decoded;
}

// Decode in place. Nobody has to look for a zero, which is refused, as is a "%" that escapes
// nothing.
static bool path_decode(char *path) {
        char *to = path;

        for (const char *from = path; *from; from++) {
                bool is_escape = *from == '%';
                int value = is_escape ? escape_value(from, strnlen(from, 3)) : *from;

                if ((is_escape && value <= 0) || (char)value == HTTP_PATH_SLASH)
                        return false;
                if (is_escape && value == '/')
                        value = HTTP_PATH_SLASH;
                *to++ = (char)value;
                from += is_escape ? 2 : 0;
        }
        *to = '\0';
        return true;
}

char *http_request_query(const struct http_request *request, const char *name) {
        const char *at = request->query;
        size_t length = strlen(name);

        while (*at) {
                size_t n = strcspn(at, "&");

                if (n >= length && strncmp(at, name, length) == 0 &&
                    (n == length || at[length] == '='))
                        return query_decode(at + length + (n > length),
                                            n - length - (n > length));
                at += n + (at[n] == '&');
        }
        return NULL;
}

bool http_request_query_next(const char **at, char **ret_name, char **ret_value) {
        size_t n, n_name;

        *at += strspn(*at, "&");
        if (!**at)
                return false;
        n = strcspn(*at, "&");
        n_name = strcspn(*at, "&=");
        *ret_name = query_decode(*at, n_name);
        *ret_value = query_decode(*at + n_name + (n > n_name), n - n_name - (n > n_name));
        *at += n;
        return true;
}

// --- the target ------------------------------------------------------------------

bool http_request_read(struct http_request *request, struct http_head *head,
                       const char **ret_reason) {
        char *target = (char *)head->text.data;
        char *path = NULL;
        struct http_parser_url url;

        request->head = head;
        request->path = "/";
        request->query = "";
        http_parser_url_init(&url);
        if (strcmp(target, "*") == 0) {  // OPTIONS *
                request->path = target;
                return true;
        }
        *ret_reason = "the target is invalid";
        if (http_parser_parse_url(target, strlen(target), 0, &url) != 0)
                return false;
        // Each part is followed by at least the "?", the "#" or the zero that ends it.
        if (url.field_set & (1 << UF_PATH)) {
                request->path = path = target + url.field_data[UF_PATH].off;
                path[url.field_data[UF_PATH].len] = '\0';
        }
        if (url.field_set & (1 << UF_QUERY)) {
                request->query = target + url.field_data[UF_QUERY].off;
                target[url.field_data[UF_QUERY].off + url.field_data[UF_QUERY].len] = '\0';
        }
        *ret_reason =
                "in the path, %00, %FF and a % without two hexadecimal digits have no place";
        return !path || path_decode(path);
}
