#pragma once
// Connection: HTTP requests one after another on one connection, until one of them turns it
// into a WebSocket.
//
// Threads: loop thread only.
// Life:    frees itself when its socket has closed, taking itself off the listener's list.

#include "net/listening.h"

#define CONNECTION_IDLE_TIMEOUT (10 * NSEC_PER_SEC)   // between requests
#define CONNECTION_LINGER       (2 * NSEC_PER_SEC)    // for the peer to hang up after us
#define CONNECTION_MEMORY       ((size_t)64 * 1024)   // that a WebSocket is taken in with
#define CONNECTION_OUTPUT_MAX   ((size_t)256 * 1024)  // unsent replies; then no more requests

// Serve an accepted socket, which it takes over. A busy server only says 503.
void connection_open(struct listener *listener, int fd, bool is_busy);

// The listener goes: end the websocket, drop the socket, forget the listener.
void connection_drop(struct connection *connection);

// The next on the listener's list.
struct connection *connection_next(const struct connection *connection);
