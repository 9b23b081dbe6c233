#include "media/read_ahead.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#define BUFFER_SIZE 4096

// Children look in step with some others, so that their reader is not woken for each.
#define PHASES 8

static _Thread_local bool is_begun;

static struct {
        void (*on_idle)(void *context);
        void *context;
        int64_t phase;
        int descriptor;  // whose bytes these are
        size_t begin, end;
        bool is_drained;  // there were no more
        uint8_t bytes[BUFFER_SIZE];
} ahead;

void media_read_ahead_begin(void (*on_idle)(void *context), void *context) {
        ahead.on_idle = on_idle;
        ahead.context = context;
        ahead.phase = getpid() % PHASES * (MEDIA_READ_AHEAD_PERIOD / PHASES);
        ahead.begin = ahead.end = 0;
        ahead.is_drained = false;
        is_begun = true;
}

void media_read_ahead_end(void) {
        is_begun = false;
}

static bool has_bytes_of(int descriptor) {
        return ahead.begin < ahead.end && ahead.descriptor == descriptor;
}

// Sockets of which we have bytes are ready, whatever the kernel says. Their number.
static int sockets_mark(struct pollfd *sockets, nfds_t n) {
        int n_ready = 0;

        for (nfds_t i = 0; i < n; i++) {
                if (has_bytes_of(sockets[i].fd))
                        sockets[i].revents =
                                (short)(sockets[i].revents | (sockets[i].events & POLLIN));
                n_ready += sockets[i].revents != 0;
        }
        return n_ready;
}

static bool has_bytes_of_any(const struct pollfd *sockets, nfds_t n) {
        for (nfds_t i = 0; i < n; i++)
                if (has_bytes_of(sockets[i].fd) && sockets[i].events & POLLIN)
                        return true;
        return false;
}

// Is it known that nothing is there? Whatever has come in the meantime may wait until the next
// look.
static bool is_drained(const struct pollfd *sockets, nfds_t n) {
        bool was = ahead.is_drained && n == 1 && sockets[0].fd == ahead.descriptor &&
                   !(sockets[0].events & POLLOUT);

        ahead.is_drained = false;
        return was;
}

// Until it is time to look again, but no longer than was allowed.
static void nap(int timeout) {
        int64_t now = media_patience_now();
        int64_t until =
                now - (now - ahead.phase) % MEDIA_READ_AHEAD_PERIOD + MEDIA_READ_AHEAD_PERIOD;
        int64_t latest = now + timeout * (MEDIA_SECOND / 1000);

        media_patience_sleep(timeout >= 0 && until > latest ? latest : until);
}

int media_read_ahead_poll(const struct media_read_ahead_calls *calls, struct pollfd *sockets,
                          nfds_t n, int timeout) {
        int code;

        if (!is_begun || timeout == 0)
                return calls->next_poll(sockets, n, timeout);
        if (has_bytes_of_any(sockets, n)) {
                for (nfds_t i = 0; i < n; i++)
                        sockets[i].revents = 0;
                return sockets_mark(sockets, n);
        }
        code = is_drained(sockets, n) ? 0 : calls->next_poll(sockets, n, 0);
        if (code != 0)
                return code;
        ahead.on_idle(ahead.context);
        nap(timeout);
        return calls->next_poll(sockets, n, timeout);
}

static ssize_t bytes_take(void *bytes, size_t n, int flags) {
        size_t left = ahead.end - ahead.begin;

        if (n > left)
                n = left;
        memcpy(bytes, ahead.bytes + ahead.begin, n);
        if (!(flags & MSG_PEEK))
                ahead.begin += n;
        return (ssize_t)n;
}

ssize_t media_read_ahead_recv(const struct media_read_ahead_calls *calls, int descriptor,
                              void *bytes, size_t n, int flags) {
        ssize_t n_read;

        if (!is_begun)
                return calls->next_recv(descriptor, bytes, n, flags);
        if (has_bytes_of(descriptor))
                return bytes_take(bytes, n, flags);
        // Large reads are that already, and those with flags mean something else.
        if (flags != 0 || n >= BUFFER_SIZE || ahead.begin < ahead.end)
                return calls->next_recv(descriptor, bytes, n, flags);
        n_read = calls->next_recv(descriptor, ahead.bytes, BUFFER_SIZE, 0);
        if (n_read <= 0)
                return n_read;
        ahead.descriptor = descriptor;
        ahead.begin = 0;
        ahead.end = (size_t)n_read;
        ahead.is_drained = n_read < BUFFER_SIZE;
        return bytes_take(bytes, n, 0);
}
