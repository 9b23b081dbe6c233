#pragma once
// Read-ahead: how the sockets of live sound are read. The libraries ask for a few bytes at a
// time and wake up for every packet; a camera sends fifty in a second. From when a child's
// sound flows, what they ask is answered out of one larger read, and where nothing has come
// they wait as long as is still fresh: what comes meanwhile is then read at once.
//
// Threads: the one that begins it; calls of all others go straight on to libc.
// Memory:  one page, of its own.

#include <poll.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "media/patience.h"

// From one look at a socket to the next, while nothing is there: so long a sample waits at
// most.
#define MEDIA_READ_AHEAD_PERIOD (MEDIA_SECOND * 8 / 100)

// libc's own.
struct media_read_ahead_calls {
        __typeof__(&poll) next_poll;
        __typeof__(&recv) next_recv;
};

// From now on. `on_idle` is called when all that has come was read, before each wait.
void media_read_ahead_begin(void (*on_idle)(void *context), void *context);

// No longer; what was read and not asked for is gone. Fine where it was not begun.
void media_read_ahead_end(void);

// As poll(2) and recv(2), by these calls.
int media_read_ahead_poll(const struct media_read_ahead_calls *calls, struct pollfd *sockets,
                          nfds_t n, int timeout);
ssize_t media_read_ahead_recv(const struct media_read_ahead_calls *calls, int descriptor,
                              void *bytes, size_t n, int flags);
