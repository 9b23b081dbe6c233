#pragma once
// WebSocket: one connection's messages, both ways (RFC 6455), with permessage-deflate when the
// peer offers it.
//
// What arrives is taken in by and by, in turn with other connections (util/run_queue.h).
//
// Threads: loop thread only.
// Memory:  bounded: of an incoming text text_max bytes (else close 1009), of a binary message
//          and of a text that is taken in pieces one piece; what waits to be sent may have
//          send_max bytes (or be one larger message), and a peer that reads too slowly for that
//          is closed with 1008 "reader too slow" and then dropped.
// Life:    a websocket lives until its on_close was called; then the pointer is dead.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/loop.h"

struct websocket;

// A binary message is handed on in pieces of this many bytes (and so may a text be), which is a
// multiple of every sample's size: 0.26 s of float32 samples, which stock clients send at a
// time.
#define WEBSOCKET_PIECE ((size_t)16 * 1024)

// A piece of a binary message. A message shorter than WEBSOCKET_PIECE is one piece, the first
// and the last in one. Of a longer one each piece has WEBSOCKET_PIECE bytes, but the last,
// which has the rest, maybe none.
struct websocket_piece {
        const uint8_t *bytes;  // lent
        size_t n;
        bool is_first, is_last;
};

static inline bool websocket_piece_is_whole(const struct websocket_piece *piece) {
        return piece->is_first && piece->is_last;
}

struct websocket_handler {
        // A whole text message (valid UTF-8, `text` is zero-terminated).
        void (*on_text)(void *context, const char *text, size_t n);
        void (*on_binary)(void *context, const struct websocket_piece *piece);
        // Nothing waits to be sent any more. May be NULL.
        void (*on_drained)(void *context);
        // The end, for whatever reason; called exactly once. `code` as in the close frame, 1006
        // when there was none.
        void (*on_close)(void *context, uint16_t code);
        void *context;
        // Texts come here instead, in pieces as a binary message's, and are looked at for UTF-8
        // by whoever takes them. May be NULL.
        void (*on_text_piece)(void *context, const struct websocket_piece *piece);
};

// A text that has begun must be complete after so long, and so must each piece of a binary
// message (else close 1008). Only the time in which we wait for the peer counts. 128 KiB within
// it are 4 KiB/s, and a piece in it is a thirtieth of the slowest sound.
#define WEBSOCKET_MESSAGE_TIMEOUT (30 * NSEC_PER_SEC)

struct websocket_limits {
        size_t text_max;       // bytes of one incoming text; default 8 MiB
        size_t binary_max;     // bytes of one incoming binary message; default 8 MiB
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

// Stop and start taking in what the peer sends (backpressure through TCP): after
// websocket_pause() nothing is handed on, not even the rest of the message at hand.
void websocket_pause(struct websocket *socket);
void websocket_resume(struct websocket *socket);

// Bytes waiting to be sent.
size_t websocket_pending(const struct websocket *socket);
