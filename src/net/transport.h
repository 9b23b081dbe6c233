#pragma once
// Transport: one connection's bytes, both ways, encrypted where that was asked for (tls.h). The
// only place where net/ reads from and writes to a socket.
//
// A peer decides how much arrives, and how much work that is. What was read, TRANSPORT_READ
// bytes at most, is therefore handed on in turn with the other connections' (util/run_queue.h),
// and nothing more is read before it was used. What is written in one round of the loop is
// gathered and sent at its end.
//
// Threads: loop thread only.
// Memory:  what the socket does not take waits in memory without a limit of its own: callers
//          look at transport_pending().
// Life:    no callback comes from inside a call. After transport_close() the only one to come
//          is on_closed, after which the transport is gone.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/budget.h"
#include "util/loop.h"
#include "util/run_queue.h"

struct sockaddr;
struct tls_identity;
struct transport;

#define TRANSPORT_READ   ((size_t)16 * 1024)  // bytes read at a time
#define TRANSPORT_GATHER ((size_t)64 * 1024)  // bytes that do not wait for the round's end

struct transport_handler {
        // Bytes arrived; lent. Returns how many of them were used: fewer than `n` only when the
        // quantum is spent or reading was stopped; the others come again later. After a spent
        // quantum it is called again in any case, if need be with n = 0, and after
        // transport_read_start() too.
        size_t (*on_bytes)(void *context, const uint8_t *bytes, size_t n,
                           struct quantum *quantum);
        // The peer will send no more, and all it sent was used; called once. (When the
        // connection broke, on_closed comes instead.)
        void (*on_end)(void *context);
        // Nothing waits to be sent any more.
        void (*on_drained)(void *context);
        // The end, exactly once.
        void (*on_closed)(void *context);
        // transport_connect() only: connected (0), or not (negative errno; the owner closes).
        void (*on_connected)(void *context, int status);
        // transport_encrypt() only: the peer began with an HTTP request that is not encrypted.
        // It comes next, and what is written goes to it as it is.
        void (*on_plain)(void *context);
};

// Take over a connected socket, of TCP or unix. NULL when that fails; the socket is closed
// then. What it keeps is charged to the budget (NULL: none); a peer that does not take what
// there is no memory for is dropped.
struct transport *transport_open(struct loop *loop, int fd, struct budget *budget,
                                 const struct transport_handler *handler, void *context);

// Speak TLS from the first byte on. The identity is lent for the call. What is written before
// the handshake is over waits for that, as part of transport_pending(). A peer that breaks TLS
// is told and dropped. False when there is no memory: close it.
bool transport_encrypt(struct transport *transport, const struct tls_identity *identity);

// Connect to an address; on_connected tells how that went. NULL when there are no sockets left.
struct transport *transport_connect(struct loop *loop, const struct sockaddr *address,
                                    const struct transport_handler *handler, void *context);

// Whose it is: transports of one owner are served in turn with those of others
// (util/run_queue.h), however many they are.
void transport_set_owner(struct transport *transport, const char *owner);

// Send (copied), with all else that is written in this round of the loop. A broken connection
// closes itself.
void transport_write(struct transport *transport, const void *bytes, size_t n);

// Do not wait for the round's end.
void transport_flush(struct transport *transport);

struct budget *transport_budget(const struct transport *transport);

// Bytes that the socket has not taken yet.
size_t transport_pending(const struct transport *transport);

// Read, or leave the bytes to TCP's own backpressure. No on_bytes comes once it is stopped.
// After the peer's end there is nothing to start.
void transport_read_start(struct transport *transport);
void transport_read_stop(struct transport *transport);

// Tell the peer that no more comes, once everything was sent. Reading goes on: whoever closes
// while the peer still sends makes TCP throw away what was sent last.
void transport_finish(struct transport *transport);

// The connection is broken, which only reading or writing would tell otherwise. What the peer
// has sent, its end included, does not break it.
bool transport_is_broken(const struct transport *transport);

// Drop the connection now; what was gathered is sent as far as the socket takes it.
void transport_close(struct transport *transport);
bool transport_is_closing(const struct transport *transport);
