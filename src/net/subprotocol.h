#pragma once
// Sub-protocol: which of those that a WebSocket client offers do we answer?
//
// A browser closes the connection when it asked for some and is answered none. Which one does
// not matter here, the first message tells a client's dialect; but browsers, which can set no
// header of their own, put secrets among them, and these are not to be said again.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>

// Zeroed is nothing offered yet.
struct subprotocol {
        const char *name;  // the one chosen, `n` characters of what was offered; NULL: none
        size_t n;
        bool is_secret_next;  // the last one offered said that a secret follows
        // One that did no more than that, and was followed: "token" of "token, SECRET".
        const char *marker;
        size_t n_marker;
        bool is_followed;
};

// Take in the value of a Sec-WebSocket-Protocol header; there may be several. The first one
// offered is chosen that is a token (RFC 9110) and bears no secret: names such as "token" and
// "bearer" and what follows them, "openai-insecure-api-key.KEY", and what looks like a signed
// token. The value is lent.
void subprotocol_offer(struct subprotocol *chosen, const char *offers);

// There are no more offers. Where nothing else was offered than "token" or "bearer" and the
// secret behind it, that word is chosen: clients of Deepgram's wait for it.
void subprotocol_end(struct subprotocol *chosen);
