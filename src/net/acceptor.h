#pragma once
// Acceptor: a listening socket, of TCP or unix, that hands out connected ones.
//
// When the process runs out of descriptors it does not try again at once (which would take all
// of the CPU) but after a moment; what waits meanwhile waits in the kernel's queue.
//
// Threads: loop thread only.

#include <stdbool.h>

#include "util/error.h"
#include "util/loop.h"

struct acceptor;

// Peers may vanish without a word (a cable, a NAT's memory). The kernel asks a silent one after
// ACCEPTOR_SILENCE seconds, then every ACCEPTOR_ASK, and gives a connection up when it has not
// heard of it for ACCEPTOR_PATIENCE, or what was sent has not been taken for so long.
#define ACCEPTOR_SILENCE  60
#define ACCEPTOR_ASK      15
#define ACCEPTOR_PATIENCE 120

// Bind to "HOST:PORT", "[v6]:PORT" or ":PORT", listen, and call on_accept with each new socket
// (non-blocking, close-on-exec, owned by the callee).
int acceptor_open(struct acceptor **ret, struct loop *loop, const char *address,
                  void (*on_accept)(void *context, int fd), void *context, struct error *error);

struct acceptor_local {
        const char *path;
        const char *group;  // whose members it is for, too; NULL: nobody's
};

// Listen on a unix socket (local_socket.h, which has the errors).
int acceptor_open_local(struct acceptor **ret, struct loop *loop,
                        const struct acceptor_local *place,
                        void (*on_accept)(void *context, int fd), void *context,
                        struct error *error);

// The number of that group; -1: there is none, or the socket is TCP's.
int acceptor_group(const struct acceptor *acceptor);

// The port in use; 0 for a unix socket.
int acceptor_port(const struct acceptor *acceptor);

// True when only this machine can connect.
bool acceptor_is_loopback(const struct acceptor *acceptor);

// Stop listening, and remove a unix socket's file. The handle closes in the background. NULL is
// fine. Returns NULL.
struct acceptor *acceptor_close(struct acceptor *acceptor);
