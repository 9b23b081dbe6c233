#pragma once
// HTTP reply: writes one response.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/listener.h"
#include "net/transport.h"
#include "util/loop.h"

enum http_reply_flags {
        HTTP_REPLY_CLOSE = 1 << 0,      // "Connection: close"
        HTTP_REPLY_HEAD_ONLY = 1 << 1,  // answer to HEAD: the length, not the body
};

// Send `response`, dated `wall` (Unix time).
void http_reply_send(struct transport *transport, nsec_t wall,
                     const struct http_response *response, unsigned flags);

// Send an error of ours: `status` with its standard name and the reason in plain text.
void http_reply_refuse(struct transport *transport, nsec_t wall, int status,
                       const char *reason);

// The standard name of a status, "Not Found".
const char *http_status_name(int status);
