#pragma once
// Transport: one connection's bytes, both ways. The only place where net/ reads from and writes
// to a socket; encryption would go in here.
//
// Threads: loop thread only.
// Memory:  what the socket does not take at once waits in memory without a limit of its own:
//          callers look at transport_pending().
// Life:    no callback comes from inside a call. After transport_close() the only one to come
// is
//          on_closed, after which the transport is gone.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/loop.h"

struct sockaddr;
struct transport;

struct transport_handler {
        // Bytes arrived; lent.
        void (*on_bytes)(void *context, const uint8_t *bytes, size_t n);
        // The peer will send no more. (When the connection broke, on_closed comes instead.)
        void (*on_end)(void *context);
        // Nothing waits to be sent any more.
        void (*on_drained)(void *context);
        // The end, exactly once.
        void (*on_closed)(void *context);
        // transport_connect() only: connected (0), or not (negative errno; the owner closes).
        void (*on_connected)(void *context, int status);
};

// Take over a connected socket. NULL when that fails; the socket is closed then.
struct transport *transport_open(struct loop *loop, int fd,
                                 const struct transport_handler *handler, void *context);

// Connect to an address; on_connected tells how that went. NULL when there are no sockets left.
struct transport *transport_connect(struct loop *loop, const struct sockaddr *address,
                                    const struct transport_handler *handler, void *context);

// Send (copied as far as the socket does not take it now). A broken connection closes itself.
void transport_write(struct transport *transport, const void *bytes, size_t n);

// Bytes that the socket has not taken yet.
size_t transport_pending(const struct transport *transport);

// Read, or leave the bytes to TCP's own backpressure.
void transport_read_start(struct transport *transport);
void transport_read_stop(struct transport *transport);

// Tell the peer that no more comes, once everything was sent. Reading goes on: whoever closes
// while the peer still sends makes TCP throw away what was sent last.
void transport_finish(struct transport *transport);

// Drop the connection now.
void transport_close(struct transport *transport);
bool transport_is_closing(const struct transport *transport);
