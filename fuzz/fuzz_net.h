#pragma once
// Fuzz net: a listener, and connections to it that need no network.
//
// Threads: main thread.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/connection.h"
#include "util/loop.h"

// A listener that is made once and lives until the process ends.
static inline struct listener *net_listener(const struct listener_handler *handler) {
        static struct listener *listener;

        if (!listener &&
            listener_open(&listener, loop_new_fake(0), "127.0.0.1:0", handler, NULL) < 0)
                abort();
        return listener;
}

static inline void net_swallow(int fd) {
        static char bytes[65536];

        while (recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
                ;
}

// Turns of the loop that a listener which does not read is waited for: a handler may have
// paused.
#define NET_PATIENCE 1000

// Send bytes in pieces of `step`, reading the answers.
static inline void net_send(struct listener *listener, int fd, const uint8_t *bytes, size_t n,
                            size_t step) {
        for (int patience = NET_PATIENCE; n && patience; patience--) {
                size_t piece = n < step ? n : step;
                ssize_t sent = send(fd, bytes, piece, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (sent > 0) {
                        bytes += sent;
                        n -= (size_t)sent;
                        patience = NET_PATIENCE;
                } else if (errno != EAGAIN) {
                        return;  // hung up on
                }
                loop_turn(listener->loop);
                net_swallow(fd);
        }
}

// A new connection to the listener; our end.
static inline int net_connect(struct listener *listener) {
        int fds[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) < 0)
                abort();
        connection_open(listener, fds[0], false);
        return fds[1];
}

// Hang up, and let all timeouts pass.
static inline void net_hang_up(struct listener *listener, int fd) {
        for (int turns = 0; turns < 4; turns++) {
                loop_turn(listener->loop);
                net_swallow(fd);
        }
        close(fd);
        loop_advance(listener->loop, 120 * NSEC_PER_SEC);
}

// Hang up, and see that nothing is left.
static inline void net_disconnect(struct listener *listener, int fd) {
        net_hang_up(listener, fd);
        if (listener_connections(listener) != 0)
                abort();
}
