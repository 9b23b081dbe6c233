#pragma once
// HTTP request fixture: a request from its target and headers, without a connection. Only in
// tests.

#include <string.h>

#include "net/http_head.h"
#include "net/http_request.h"

// Fill `request` and `head`, which http_head_deinit() frees, with "/PATH?QUERY" and names and
// values by turns, NULL at the end. False: the target makes no sense.
static inline bool request_fill(struct http_request *request, struct http_head *head,
                                const char *target, const char *const *headers) {
        const char *reason;
        bool is_good = http_head_add_target(head, target, strlen(target));

        for (; is_good && *headers; headers += 2)
                is_good = http_head_add_name(head, headers[0], strlen(headers[0])) &&
                          http_head_add_value(head, headers[1], strlen(headers[1]));
        return is_good && http_head_complete(head) && http_request_read(request, head, &reason);
}
