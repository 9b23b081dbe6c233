#include "net/http_head.h"

#include <ctype.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"

enum { PART_TARGET, PART_NAME, PART_VALUE };

// A piece of another kind than the one before begins a new string; the same kind goes on.
static bool head_add(struct http_head *head, int part, const char *piece, size_t n) {
        // The parser lets a zero through at the beginning of a value; here it would end it.
        if (n && memchr(piece, '\0', n))
                return false;
        if (part != head->part) {
                if (!bytes_append(&head->text, "", 1))
                        return false;
                if (head->part == PART_TARGET)
                        head->headers = head->text.n;
                head->part = part;
        }
        return bytes_append(&head->text, piece, n);
}

bool http_head_add_target(struct http_head *head, const char *piece, size_t n) {
        return head_add(head, PART_TARGET, piece, n);
}

bool http_head_add_name(struct http_head *head, const char *piece, size_t n) {
        return head_add(head, PART_NAME, piece, n);
}

bool http_head_add_value(struct http_head *head, const char *piece, size_t n) {
        return head_add(head, PART_VALUE, piece, n);
}

bool http_head_complete(struct http_head *head) {
        // A last name without value still gets one, so that strings come in pairs.
        size_t zeros = head->part == PART_NAME ? 2 : 1;

        if (!bytes_append(&head->text, "\0", zeros))
                return false;
        if (head->part == PART_TARGET)
                head->headers = head->text.n;
        head->is_complete = true;
        return true;
}

const char *http_head_next(const struct http_head *head, const char *name,
                           const char *previous) {
        const char *end = (const char *)head->text.data + head->text.n;
        const char *at = previous ? previous + strlen(previous) + 1
                                  : (const char *)head->text.data + head->headers;

        while (head->is_complete && at < end) {
                const char *value = at + strlen(at) + 1;

                if (strcasecmp(at, name) == 0)
                        return value;
                at = value + strlen(value) + 1;
        }
        return NULL;
}

bool http_head_request(struct http_head *head, struct http_request *ret) {
        char *target = (char *)head->text.data;
        struct http_parser_url url;

        ret->headers = head;
        ret->path = "/";
        ret->query = "";
        http_parser_url_init(&url);
        if (strcmp(target, "*") == 0) {  // OPTIONS *
                ret->path = target;
                return true;
        }
        if (http_parser_parse_url(target, strlen(target), 0, &url) != 0)
                return false;
        // Each part is followed by at least the "?", the "#" or the zero that ends it.
        if (url.field_set & (1 << UF_PATH)) {
                ret->path = target + url.field_data[UF_PATH].off;
                target[url.field_data[UF_PATH].off + url.field_data[UF_PATH].len] = '\0';
        }
        if (url.field_set & (1 << UF_QUERY)) {
                ret->query = target + url.field_data[UF_QUERY].off;
                target[url.field_data[UF_QUERY].off + url.field_data[UF_QUERY].len] = '\0';
        }
        return true;
}

bool http_list_has(const char *list, const char *token) {
        size_t length = strlen(token);

        while (*list) {
                size_t n;

                list += strspn(list, " \t,");
                n = strcspn(list, ",");
                while (n && (list[n - 1] == ' ' || list[n - 1] == '\t'))
                        n--;
                if (n == length && strncasecmp(list, token, n) == 0)
                        return true;
                list += strcspn(list, ",");
        }
        return false;
}

void http_head_clear(struct http_head *head) {
        struct bytes text = head->text;

        bytes_clear(&text);
        *head = (struct http_head){.text = text};
}

void http_head_deinit(struct http_head *head) {
        bytes_deinit(&head->text);
}

// --- listener.h ----------------------------------------------------------------

const char *http_request_header(const struct http_request *request, const char *name) {
        return http_head_next(request->headers, name, NULL);
}

bool http_request_repeats(const struct http_request *request, const char *name) {
        const char *first = http_head_next(request->headers, name, NULL);

        return first && http_head_next(request->headers, name, first);
}

static int hex_value(char digit) {
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        if (isxdigit((unsigned char)digit))
                return tolower((unsigned char)digit) - 'a' + 10;
        return -1;
}

// Decode `n` characters into a new string. What is not a valid escape, and %00, which no C
// string can hold, stays as it is.
static char *query_decode(const char *text, size_t n) {
        char *decoded = xcalloc(n + 1, 1);
        size_t length = 0;

        for (size_t i = 0; i < n; i++) {
                int high = i + 2 < n && text[i] == '%' ? hex_value(text[i + 1]) : -1;
                int low = high >= 0 ? hex_value(text[i + 2]) : -1;

                if (low >= 0 && (high || low)) {
                        decoded[length++] = (char)(high * 16 + low);
                        i += 2;
                } else {
                        decoded[length++] = (char)(text[i] == '+' ? ' ' : text[i]);
                }
        }
        return decoded;
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
