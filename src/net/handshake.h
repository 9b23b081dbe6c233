#pragma once
// Handshake: the HTTP upgrade that opens a WebSocket (RFC 6455, section 4) and the negotiation
// of permessage-deflate (RFC 7692).
//
// Threads: loop thread only.

#include <stdbool.h>

#include "net/http_head.h"
#include "net/subprotocol.h"

struct handshake {
        const char *key;              // as the client sent it; lent by the head
        bool has_deflate;             // permessage-deflate was agreed on
        int window_bits;              // named in the answer; 0: not named
        struct subprotocol protocol;  // that is answered; lent likewise
        const char *headers;          // more of the answer's, each with its "\r\n"; NULL: none
};

// Check an upgrade request. Returns 0 and fills *ret, or the HTTP status of the refusal with
// the words in *ret_reason (static).
int handshake_check(const struct http_head *head, struct handshake *ret,
                    const char **ret_reason);

// The Sec-WebSocket-Accept that belongs to a key; the caller frees it.
char *handshake_accept(const char *key);

// The whole 101 answer; the caller frees it.
char *handshake_answer(const struct handshake *handshake);

// Choose among the extensions offered in one header's value. Sets has_deflate and window_bits
// if an offer can be accepted.
void handshake_negotiate(struct handshake *handshake, const char *offers);
