#pragma once
// HTTP reply: writes the head of a response, or all of one.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/exchange.h"
#include "net/transport.h"
#include "util/loop.h"

enum http_framing {
        HTTP_LENGTH,       // "Content-Length", but for a status that has no body
        HTTP_CHUNKED,      // "Transfer-Encoding: chunked"
        HTTP_UNTIL_CLOSE,  // neither
};

// Send the head of `response`, dated `wall` (Unix time), for the scripts of `page` to read
// (http_request.h) where that is not NULL. With is_last the connection is closed behind the
// answer.
void http_reply_head(struct transport *transport, nsec_t wall, const char *page,
                     const struct http_response *response, enum http_framing framing,
                     bool is_last);

// Send an error of ours: in the words of the request's kind of client (http_request.phrase), or
// else `status` with its standard name and the reason (UTF-8), in plain text; or as JSON (RFC
// 9457) to a program, which asks for what is under /api/. Of that only the head to whoever has
// asked with HEAD. The path of a request whose head has not come is NULL.
void http_reply_refuse(struct transport *transport, nsec_t wall,
                       const struct http_request *request, int status, const char *reason,
                       bool is_head_only);

// Whether a response with this status may have a body (RFC 9110, 6.4.1).
bool http_status_has_body(int status);
