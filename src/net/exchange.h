#pragma once
// Exchange: one HTTP request and its answer.
//
// The answer is given at once (exchange_reply) or in pieces (exchange_begin, exchange_write,
// exchange_end). Whoever does not answer before on_request returns sets a handler in it. A body
// is handed on in pieces to whoever wants it; it and the answer may go on side by side.
//
// Threads: loop thread only.
// Memory:  bounded. Of a body only the piece at hand is kept; of an answer in pieces
//          EXCHANGE_UNSENT_MAX, charged to the listener's budget.
// Life:    an exchange lives until exchange_reply() or exchange_end(), or until its on_gone was
//          called; then the pointer is dead. No callback comes from inside a call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/http_request.h"
#include "util/loop.h"

struct exchange;

// Bytes of an answer in pieces that were written and not yet sent; and the largest piece.
#define EXCHANGE_UNSENT_MAX ((size_t)64 * 1024)

// A body that is wanted, and not paused, must bring EXCHANGE_BODY_STEP bytes each time so much
// has passed (else 408): a thirtieth of the slowest sound's rate, as in net/websocket.h.
#define EXCHANGE_BODY_TIMEOUT (30 * NSEC_PER_SEC)
#define EXCHANGE_BODY_STEP    ((uint64_t)16 * 1024)

// A peer that takes nothing for so long, while it is waited for or behind the answer's end, is
// dropped.
#define EXCHANGE_STALL_TIMEOUT (30 * NSEC_PER_SEC)

// A client that is not read, since its body is paused or its next request has to wait, is
// looked at so often: is the connection still there? The kernel knows within acceptor.h's
// patience.
#define EXCHANGE_LOOK (30 * NSEC_PER_SEC)

// Of a body that nobody wants so many bytes are read, and the connection is kept; beyond that
// it is closed behind the answer.
#define EXCHANGE_UNREAD_MAX ((uint64_t)64 * 1024)

struct http_response {
        int status;                // 200
        const char *content_type;  // "text/plain; charset=utf-8"
        const char *headers;       // more of them, each with its "\r\n"; NULL: none
        const char *body;          // exchange_reply() only; copied
        size_t body_length;        // of all that will be written; or EXCHANGE_LENGTH_UNKNOWN
};

// For exchange_begin() only: the answer is chunked, or for HTTP/1.0 ends with the connection.
#define EXCHANGE_LENGTH_UNKNOWN SIZE_MAX

struct exchange_handler {
        // A piece of the body, not empty; lent. Optional: without it the body is not wanted.
        void (*on_body)(void *context, const uint8_t *bytes, size_t n);
        // The body, which may be empty, is complete. Optional.
        void (*on_body_end)(void *context);
        // exchange_write() has refused something, and what was taken has been sent. Optional.
        void (*on_drained)(void *context);
        // It is over without an end of the answer: the client went away, hung up its side, sent
        // too much or too slowly or read too slowly, or the listener is closed.
        void (*on_gone)(void *context);
        void *context;
        uint64_t body_max;  // bytes; a larger body is refused (413), as soon as that is known
};

// What is asked; lent while the exchange lives.
const struct http_request *exchange_request(const struct exchange *exchange);

// Say who listens. Only before on_request returns and the answer is begun; where the client
// asks whether it should send its body (Expect: 100-continue), this says yes, if on_body is set
// and it is not too large.
void exchange_set_handler(struct exchange *exchange, const struct exchange_handler *handler);

// The body is complete, and not answered yet: who listens from now on to the rest.
void exchange_hand_over(struct exchange *exchange, const struct exchange_handler *handler);

// Stop and start taking in the body (backpressure through TCP). While it is paused its deadline
// waits; and that its client has gone is seen within EXCHANGE_LOOK.
void exchange_pause(struct exchange *exchange);
void exchange_resume(struct exchange *exchange);

// Answer with all at once, and forget the exchange. An answer that there is no memory for
// becomes a 503.
void exchange_reply(struct exchange *exchange, const struct http_response *response);

// Begin an answer in pieces. True: its body is to be written. False: none is wanted (HEAD, a
// status without one, a request that was refused meanwhile), and what is written is dropped:
// end the exchange.
bool exchange_begin(struct exchange *exchange, const struct http_response *response);

// Write a piece (copied; at most EXCHANGE_UNSENT_MAX). False: the peer has yet to take what was
// written before, and nothing of this piece is; it may be left out, or written in on_drained.
bool exchange_write(struct exchange *exchange, const void *bytes, size_t n);

// The answer is complete; forget the exchange.
void exchange_end(struct exchange *exchange);

// Break off an answer that was begun, so that the client sees that it is not whole, by closing
// the connection; forget the exchange.
void exchange_cut(struct exchange *exchange);
