#pragma once
// WebSocket: one connection's messages, both ways (RFC 6455), with permessage-deflate when the
// peer offers it.
//
// Threads: loop thread only.
// Memory:  bounded: an incoming message may have message_max bytes (else close 1009); what
//          waits to be sent may have send_max bytes (or be one larger message), and a peer that
//          reads too slowly for that is closed with 1008 "reader too slow" and then dropped.
// Life:    a websocket lives until its on_close was called; then the pointer is dead.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/loop.h"

struct websocket;

struct websocket_handler {
        // A whole text message (valid UTF-8, `text` is zero-terminated) or binary message.
        void (*on_text)(void *context, const char *text, size_t n);
        void (*on_binary)(void *context, const uint8_t *bytes, size_t n);
        // The end, for whatever reason; called exactly once. `code` as in the close frame, 1006
        // when there was none.
        void (*on_close)(void *context, uint16_t code);
        void *context;
};

struct websocket_limits {
        size_t message_max;    // bytes of one incoming message; default 8 MiB
        size_t send_max;       // bytes waiting to be sent; default 1 MiB
        nsec_t ping_interval;  // default 20 s; a peer silent for 3 of them is dropped
};

// Say who listens and, in *limits, what is allowed; NULL, or 0 in a field, is the default.
void websocket_set_handler(struct websocket *socket, const struct websocket_handler *handler,
                           const struct websocket_limits *limits);

// Queue a message (copied). After close was begun it is ignored. May drop a slow reader, but
// on_close never comes from inside these calls.
void websocket_send_text(struct websocket *socket, const char *text, size_t n);
void websocket_send_binary(struct websocket *socket, const uint8_t *bytes, size_t n);

// Begin the closing handshake: what was queued is sent first, then a close frame with code and
// reason (at most 123 bytes); the connection is dropped when the peer answers or after 5 s.
void websocket_close(struct websocket *socket, uint16_t code, const char *reason);

// Stop and start reading from the peer (backpressure through TCP). What was read already, up to
// 64 KiB, still arrives.
void websocket_pause(struct websocket *socket);
void websocket_resume(struct websocket *socket);

// Bytes waiting to be sent.
size_t websocket_pending(const struct websocket *socket);
