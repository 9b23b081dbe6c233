#pragma once
// Raw: one connection's bytes, both ways, for protocols that are no HTTP. A listener hands it
// out (listener_handler.on_raw).
//
// A page of any website can have a browser connect to this machine and send an HTTP request:
// whoever reads such a connection must refuse what begins like one.
//
// What arrives is taken in by and by, in turn with other connections (util/run_queue.h).
//
// Threads: loop thread only.
// Memory:  what arrives is not kept, but for what was read last (TRANSPORT_READ). What waits to
//          be sent may have send_max bytes (or be one larger piece); a peer that reads too
//          slowly for that is dropped.
// Life:    a raw connection lives until its on_close was called; then the pointer is dead.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw;

struct raw_handler {
        // Bytes arrived, at least one; lent. Take in one step's worth of them, a message or a
        // part of one, and return how many that were: at least one, or none where it pauses
        // the connection. It is called again with the others, unless it paused or closed the
        // connection, and others have their turn between.
        size_t (*on_bytes)(void *context, const uint8_t *bytes, size_t n);
        // The peer will send no more, but may still wait for what it is owed: whoever owes
        // nothing closes. Optional: the connection is dropped.
        void (*on_end)(void *context);
        // Nothing waits to be sent any more. Optional.
        void (*on_drained)(void *context);
        // The end, for whatever reason; called exactly once. `is_dropped`: the peer read too
        // slowly.
        void (*on_close)(void *context, bool is_dropped);
        void *context;
};

// Say who listens, and how many bytes may wait to be sent (0: 1 MiB).
void raw_set_handler(struct raw *raw, const struct raw_handler *handler, size_t send_max);

// Send (copied). After close was begun it is ignored. May drop a slow reader, but on_close
// never comes from inside these calls.
void raw_send(struct raw *raw, const void *bytes, size_t n);

// Close: what was queued is sent first, then the end; what still arrives is thrown away. The
// connection is dropped when the peer has closed its side too, or after 5 s.
void raw_close(struct raw *raw);

// Stop and start taking in what the peer sends (backpressure through TCP).
void raw_pause(struct raw *raw);
void raw_resume(struct raw *raw);

// Bytes waiting to be sent.
size_t raw_pending(const struct raw *raw);
