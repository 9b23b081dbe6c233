#pragma once
// Media socket: the control packets between us and the media process (media/control.h), without
// ever waiting for it. For source/ only.
//
// Threads: loop thread only.
// Memory:  packets that it does not take yet are kept, a few for each of its children.
//          media_socket_close() may be called from within the listener's calls.

#include <stddef.h>

#include "media/control.h"
#include "util/cleanup.h"
#include "util/loop.h"

struct media_socket;

struct media_socket_listener {
        void (*on_packet)(void *context, const struct media_control *packet);
        // The other end is closed, or sends what makes no sense, as `words` say. Called once,
        // last.
        void (*on_broken)(void *context, const char *words);
        void *context;
};

// Over a connected SOCK_SEQPACKET socket, which is taken.
struct media_socket *media_socket_open(struct loop *loop, int descriptor,
                                       const struct media_socket_listener *listener);

// Send a packet with descriptors, which stay the caller's, now or as soon as there is room. 0,
// or a negative errno: it will not be sent. What breaks the socket is told by on_broken alone.
int media_socket_send(struct media_socket *socket, const struct media_control *packet,
                      const int *descriptors, size_t n);

// How long packets have been waiting since one was taken last; 0: none waits.
nsec_t media_socket_waiting(const struct media_socket *socket);

// Close it; packets that wait are forgotten. NULL is fine. Returns NULL.
struct media_socket *media_socket_close(struct media_socket *socket);

DEFINE_CLEANUP(struct media_socket *, media_socket_close);
