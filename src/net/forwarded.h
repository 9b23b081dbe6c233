#pragma once
// Forwarded: what a proxy says of whose request it hands on (RFC 7239, and X-Forwarded-For,
// -Host and -Proto, which most proxies send). Anybody can send these headers; whether they are
// believed, somebody else decides.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/http_request.h"

#define FORWARDED_TEXT_MAX 256

struct forwarded {
        char client[FORWARDED_TEXT_MAX];  // its address, perhaps with a port; "" for unknown
        char host[FORWARDED_TEXT_MAX];    // that it asked for; "" when nothing is said
        char scheme[FORWARDED_TEXT_MAX];  // "https"; "" likewise
};

// Whether the request has been handed on, as any such header says.
bool forwarded_is(const struct http_request *request);

// Whose it is: of the chain of addresses that the proxies have written down, the last that is
// none of `proxies` (networks, blanks between them), since what stands before it may be
// anybody's invention. False when the headers make no sense or say two things at once.
bool forwarded_read(const struct http_request *request, const char *proxies,
                    struct forwarded *ret);
