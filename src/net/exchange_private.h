#pragma once
// Exchange, the side of it that its connection sees: what it does with each part of a request
// as it arrives, and what is then to be done about the connection.
//
// Threads: loop thread only.

#include "net/exchange.h"
#include "net/transport.h"
#include "util/run_queue.h"

// A connection's one exchange at a time; it lies within the connection.
struct exchange {
        struct http_request request;
        struct exchange_handler handler;
        struct transport *transport;
        struct loop *loop;
        struct loop_timer *deadline;   // the connection's: for what the peer is to send
        struct loop_timer *stall;      // for what it is to take; made when it first is slow
        struct run_queue_entry entry;  // its `serve` is the connection's

        // The body.
        uint64_t n_announced;  // bytes; UINT64_MAX: chunked
        uint64_t n_body;       // that came
        uint64_t n_body_due;   // that must have come before the deadline
        nsec_t body_due_at;    // the deadline, while it is waited for
        nsec_t body_patience;  // what was left of it when the body was paused
        bool is_continue_due;  // the client waits for "100 Continue"
        bool is_body_complete;
        bool is_paused;

        // The answer.
        size_t n_unsent;  // written since last everything was sent
        size_t n_left;    // bytes to be written yet, where the length was said
        uint64_t n_sent;  // bytes of all answers on this connection, as a measure of work
        int64_t n_taken;  // of them by the peer, when last looked at while it was slow
        bool is_head_only;
        bool is_1_0;  // HTTP/1.0
        bool is_chunked;
        bool is_choked;   // a write was refused
        bool is_drained;  // all was sent after that, and on_drained is due
        bool is_begun;
        bool is_answered;  // completely

        bool has_handler;
        bool is_active;    // a request's head came, and not all is over
        bool is_serving;   // a call of the connection's is under way, which will look
        bool is_refused;   // by us: it is over, whatever its handler does
        bool keeps_alive;  // the connection, behind it
};

// What a head says besides the request.
struct exchange_terms {
        uint64_t n_announced;  // bytes of the body; UINT64_MAX: chunked
        bool expects_continue;
        bool keeps_alive;
        bool is_1_0;
};

// A head is complete: exchange->request was filled in, and is to be answered.
void exchange_start(struct exchange *exchange, const struct exchange_terms *terms);

// on_request has returned: somebody must have taken the exchange on.
void exchange_check_taken(struct exchange *exchange);

// Parts of the body, and its end.
void exchange_take(struct exchange *exchange, const uint8_t *bytes, size_t n);
void exchange_take_end(struct exchange *exchange);

// Whether more of its request may be looked at now.
bool exchange_takes_input(const struct exchange *exchange);

// What is written was sent. If somebody waits for that, `serve` will be called.
void exchange_drained(struct exchange *exchange);

// In `serve`: have more written by who waited for it.
void exchange_serve(struct exchange *exchange);

// Say with an error that it is over, unless it has been answered. exchange_stop() is to follow.
void exchange_refuse(struct exchange *exchange, int status, const char *reason);

// Answered, and the rest of the body is not worth waiting for, or the peer wants no more: close
// behind the answer.
bool exchange_is_last(const struct exchange *exchange);

// Forget it: the connection goes on to the next, or ends. Calls on_gone if the answer is not
// complete.
void exchange_stop(struct exchange *exchange);

void exchange_deinit(struct exchange *exchange);
