#include "net/listener.h"

#include <assert.h>
#include <http_parser.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/acceptor.h"
#include "net/connection.h"
#include "net/listener_private.h"
#include "util/mem.h"

#define BUSY_MAX 32  // connections over the limit that are being told so at one time

// How many connections the descriptor limit allows: a part is kept for everything else.
static size_t connections_allowed(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
            limit.rlim_cur > 2 * LISTENER_CONNECTIONS_MAX)
                return LISTENER_CONNECTIONS_MAX;
        if (limit.rlim_cur < 4 * LISTENER_DESCRIPTORS_KEPT)
                return limit.rlim_cur / 2;
        return limit.rlim_cur - LISTENER_DESCRIPTORS_KEPT;
}

static void listener_on_accept(void *context, int fd) {
        struct listener *listener = context;

        // Telling the surplus so takes descriptors too; what comes on top is not even told.
        if (listener->n_connections >= listener->connections_max + BUSY_MAX)
                close(fd);
        else
                connection_open(listener, fd,
                                listener->n_connections >= listener->connections_max);
}

int listener_open(struct listener **ret, struct loop *loop, const char *address,
                  const struct listener_handler *handler, struct error *error) {
        struct listener *listener = xnew(struct listener);
        int result;

        assert(loop_is_current(loop));
        result = acceptor_open(&listener->acceptor, loop, address, listener_on_accept, listener,
                               error);
        if (result < 0) {
                free(listener);
                return result;
        }
        listener->loop = loop;
        listener->handler = *handler;
        listener->deflater = deflater_new();
        listener->connections_max = connections_allowed();
        listener->port = acceptor_port(listener->acceptor);
        listener->is_loopback = acceptor_is_loopback(listener->acceptor);
        http_parser_set_max_header_size(LISTENER_HEADER_BYTES_MAX);
        // A peer that hung up is an error of write(), not a reason to die.
        (void)signal(SIGPIPE, SIG_IGN);
        *ret = listener;
        return 0;
}

int listener_port(const struct listener *listener) {
        return listener->port;
}

bool listener_is_loopback(const struct listener *listener) {
        return listener->is_loopback;
}

void listener_stop(struct listener *listener) {
        assert(loop_is_current(listener->loop));
        listener->acceptor = acceptor_close(listener->acceptor);
}

size_t listener_connections(const struct listener *listener) {
        return listener->n_connections;
}

struct listener *listener_close(struct listener *listener) {
        struct connection *next;

        if (!listener)
                return NULL;
        listener_stop(listener);
        for (struct connection *connection = listener->connections; connection;
             connection = next) {
                next = connection_next(connection);
                connection_drop(connection);
        }
        deflater_free(listener->deflater);
        return mem_free(listener);
}
