#pragma once
// HTTP head: the request line and headers of one request, as they arrive in pieces.
//
// Threads: loop thread only.
// Memory:  bounded by LISTENER_HEADER_BYTES_MAX (net/listener.h), which the parser enforces.

#include <stdbool.h>
#include <stddef.h>

#include "net/bytes.h"
#include "net/http_request.h"

struct http_head {
        struct bytes text;  // target, then name, value, name, value..., each zero-terminated
        size_t headers;     // where the first name begins
        int part;           // which piece came last
        bool is_complete;
};

// Append a piece. False when it has a zero byte in it or there is no memory.
bool http_head_add_target(struct http_head *head, const char *piece, size_t n);
bool http_head_add_name(struct http_head *head, const char *piece, size_t n);
bool http_head_add_value(struct http_head *head, const char *piece, size_t n);

// All has arrived.
bool http_head_complete(struct http_head *head);

// The next value of this header after `previous` (NULL: the first), or NULL. Names match
// without regard to case.
const char *http_head_next(const struct http_head *head, const char *name,
                           const char *previous);

// True if the comma-separated list has this token, without regard to case.
bool http_list_has(const char *list, const char *token);

void http_head_clear(struct http_head *head);
void http_head_deinit(struct http_head *head);
