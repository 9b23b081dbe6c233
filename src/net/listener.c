#include "net/listener.h"

#include <assert.h>
#include <http_parser.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/param.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/acceptor.h"
#include "net/connection.h"
#include "net/listening.h"
#include "net/raw_private.h"
#include "net/tls_identity.h"
#include "util/mem.h"

// Connections over the limit that are being refused in words at one time: so many, and no more
// than a part of the limit, for that takes descriptors, too.
#define BUSY_MAX  32
#define BUSY_PART 8

// However many children there may be, this part of all descriptors is for connections.
#define CONNECTIONS_PART 8

// How many connections the descriptor limit allows: a part is kept for everything else.
static size_t connections_allowed(size_t n_children) {
        size_t kept = n_children * LISTENER_PER_CHILD, all, allowed;
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
            limit.rlim_cur > 2 * LISTENER_CONNECTIONS_MAX + kept)
                return LISTENER_CONNECTIONS_MAX;
        all = limit.rlim_cur;
        allowed =
                all < 4 * LISTENER_DESCRIPTORS_KEPT ? all / 2 : all - LISTENER_DESCRIPTORS_KEPT;
        if (allowed < kept + all / CONNECTIONS_PART)
                return all / CONNECTIONS_PART;
        return allowed - kept;
}

void listener_limit(struct listener *listener, const struct listener_limits *limits) {
        listener->connections_max = connections_allowed(limits->n_children);
        if (limits->parts)
                listener->connections_max =
                        MAX(1, listener->connections_max * limits->parts / LISTENER_PARTS);
        listener->busy_max = MIN(BUSY_MAX, listener->connections_max / BUSY_PART);
        listener->per_address_max = MIN(
                limits->per_address, listener->connections_max - listener->connections_max / 4);
}

static void listener_on_accept(void *context, int fd) {
        struct listener *listener = context;

        // Refusing in words takes descriptors too; what comes on top is closed without any.
        if (listener->n_connections >=
            listener->connections_max + (listener->handler.on_raw ? 0 : listener->busy_max))
                close(fd);
        else if (listener->handler.on_raw)
                raw_open(listener, fd);
        else
                connection_open(listener, fd,
                                listener->n_connections >= listener->connections_max);
}

static struct listener *listener_new(struct loop *loop,
                                     const struct listener_handler *handler) {
        struct listener *listener = xnew(struct listener);

        assert(loop_is_current(loop));
        listener->loop = loop;
        listener->handler = *handler;
        listener_limit(listener, &(struct listener_limits){0});
        return listener;
}

// What only one that listens needs.
static struct listener *listener_begin(struct listener *listener) {
        listener->deflater = deflater_new();
        listener->port = acceptor_port(listener->acceptor);
        listener->is_loopback = acceptor_is_loopback(listener->acceptor);
        http_parser_set_max_header_size(LISTENER_HEADER_BYTES_MAX);
        // A peer that hung up is an error of write(), not a reason to die.
        (void)signal(SIGPIPE, SIG_IGN);
        return listener;
}

int listener_open(struct listener **ret, struct loop *loop, const char *address,
                  const struct listener_handler *handler, struct error *error) {
        struct listener *listener = listener_new(loop, handler);
        int result = acceptor_open(&listener->acceptor, loop, address, listener_on_accept,
                                   listener, error);

        if (result < 0) {
                free(listener);
                return result;
        }
        *ret = listener_begin(listener);
        return 0;
}

int listener_open_local(struct listener **ret, struct loop *loop, const char *path,
                        const char *group, const struct listener_handler *handler,
                        struct error *error) {
        struct acceptor_local place = {path, group};
        struct listener *listener = listener_new(loop, handler);
        int result = acceptor_open_local(&listener->acceptor, loop, &place, listener_on_accept,
                                         listener, error);

        if (result < 0) {
                free(listener);
                return result;
        }
        listener->connections_max = MIN(listener->connections_max, LISTENER_LOCAL_MAX);
        *ret = listener_begin(listener);
        return 0;
}

void listener_encrypt(struct listener *listener, struct tls_identity *identity) {
        assert(loop_is_current(listener->loop));
        tls_identity_free(listener->identity);
        listener->identity = identity;
}

const struct tls_identity *listener_identity(const struct listener *listener) {
        return listener->identity;
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
        for (struct raw *raw = listener->raws, *later; raw; raw = later) {
                later = raw_next(raw);
                raw_drop(raw);
        }
        deflater_free(listener->deflater);
        tally_deinit(&listener->addresses);
        tls_identity_free(listener->identity);
        return mem_free(listener);
}
