#include "net/http_head.h"

#include <string.h>
#include <strings.h>

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
