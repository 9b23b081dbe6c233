#include "net/acceptor.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "net/address.h"
#include "net/local_socket.h"
#include "util/log.h"
#include "util/mem.h"

#define BACKLOG       512
#define ACCEPT_ROUND  64            // connections taken before other handles get a turn
#define ACCEPT_PAUSE  NSEC_PER_SEC  // when out of descriptors
#define HOST_MAX      256
#define PORT_TEXT_MAX 8

struct acceptor {
        uv_poll_t poll;
        struct loop *loop;
        struct local_socket *local;  // NULL: TCP
        int fd;                      // that of `local`, or ours
        struct loop_timer *retry;
        void (*on_accept)(void *context, int fd);
        void *context;
};

static void acceptor_listen(void *context);

static void option_set(int fd, int level, int option, int value) {
        // Failing costs only that it is noticed later.
        (void)setsockopt(fd, level, option, &value, sizeof(value));
}

static void peer_watch(int fd) {
        option_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        option_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, ACCEPTOR_SILENCE);
        option_set(fd, IPPROTO_TCP, TCP_KEEPINTVL, ACCEPTOR_ASK);
        option_set(fd, IPPROTO_TCP, TCP_KEEPCNT,
                   (ACCEPTOR_PATIENCE - ACCEPTOR_SILENCE) / ACCEPTOR_ASK);
        option_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, ACCEPTOR_PATIENCE * 1000);
}

static void acceptor_on_ready(uv_poll_t *poll, int status, int events) {
        struct acceptor *acceptor = poll->data;

        (void)status;
        (void)events;
        for (int i = 0; i < ACCEPT_ROUND && !uv_is_closing((uv_handle_t *)poll); i++) {
                int fd = accept4(acceptor->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

                if (fd >= 0) {
                        if (!acceptor->local)
                                peer_watch(fd);
                        acceptor->on_accept(acceptor->context, fd);
                } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
                        return;
                } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
                           errno == ENOMEM) {
                        log_warning("listener", "accept-failed",
                                    "cannot accept a connection: %s; trying again in a second",
                                    strerrordesc_np(errno));
                        uv_poll_stop(&acceptor->poll);
                        loop_timer_set(acceptor->retry, ACCEPT_PAUSE);
                        return;
                }
                // Anything else concerns only the connection that was to be taken.
        }
}

static void acceptor_listen(void *context) {
        struct acceptor *acceptor = context;

        uv_poll_start(&acceptor->poll, UV_READABLE, acceptor_on_ready);
}

// --- binding ---------------------------------------------------------------------

// Split "HOST:PORT"; an empty host stays empty.
static int address_split(const char *address, char host[static HOST_MAX],
                         char port[static PORT_TEXT_MAX], struct error *error) {
        const char *colon = strrchr(address, ':');
        const char *from = address;
        size_t n = colon ? (size_t)(colon - address) : 0;

        if (n && address[0] == '[' && colon[-1] == ']') {
                from++;
                n -= 2;
        } else if (colon && memchr(address, ':', n)) {
                colon = NULL;  // IPv6 without brackets: where the port begins is a guess
        }
        if (!colon || n >= HOST_MAX || !colon[1] || strlen(colon + 1) > 5 ||
            strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
            strtol(colon + 1, NULL, 10) > 65535)
                return error_set(error, -EINVAL,
                                 "cannot listen on '%s': expected HOST:PORT, [IPV6]:PORT or "
                                 ":PORT with a port from 0 to 65535",
                                 address);
        memcpy(host, from, n);
        host[n] = '\0';
        memcpy(port, colon + 1, strlen(colon + 1) + 1);
        return 0;
}

static const char *remedy(int number) {
        switch (number) {
        case EADDRINUSE:
                return "; another program uses this port: stop it, or choose another port";
        case EACCES:
                return "; ports below 1024 need privileges: choose a higher one";
        case EADDRNOTAVAIL:
                return "; this machine has no such address";
        default:
                return "";
        }
}

// A listening socket, or a negative errno.
static int socket_listen(const struct addrinfo *info) {
        int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        int on = 1, off = 0, result;

        if (fd < 0)
                return -errno;
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
        if (info->ai_family == AF_INET6)  // "::" is for IPv4 too
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
        if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
                return fd;
        result = -errno;
        close(fd);
        return result;
}

static int address_listen(const char *address, struct error *error) {
        static const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                              .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
        char host[HOST_MAX] = "", port[PORT_TEXT_MAX] = "";
        struct addrinfo *infos = NULL;
        int fd = -EADDRNOTAVAIL, result = address_split(address, host, port, error);

        if (result < 0)
                return result;
        // Without a host: IPv6's "any", which takes IPv4 as well, and IPv4's where there is
        // no IPv6.
        if (!host[0] && getaddrinfo("::", port, &hints, &infos) == 0) {
                fd = socket_listen(infos);
                freeaddrinfo(infos);
                if (fd >= 0 || (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL))
                        goto done;
        }
        result = getaddrinfo(host[0] ? host : "0.0.0.0", port, &hints, &infos);
        if (result != 0)
                return error_set(error, -EADDRNOTAVAIL, "cannot listen on '%s': %s", address,
                                 gai_strerror(result));
        for (const struct addrinfo *info = infos; info; info = info->ai_next) {
                fd = socket_listen(info);
                if (fd >= 0)
                        break;
        }
        freeaddrinfo(infos);
done:
        if (fd < 0)
                return error_set(error, fd, "cannot listen on '%s': %s%s", address,
                                 strerrordesc_np(-fd), remedy(-fd));
        return fd;
}

// Watch a listening socket; whose it is, the caller says. Fails with a negative errno.
static int acceptor_new(struct acceptor **ret, struct loop *loop, int fd,
                        void (*on_accept)(void *context, int fd), void *context) {
        struct acceptor *acceptor = xnew(struct acceptor);
        int result = uv_poll_init(loop_uv(loop), &acceptor->poll, fd);

        if (result < 0) {
                free(acceptor);
                return result;
        }
        acceptor->poll.data = acceptor;
        acceptor->loop = loop;
        acceptor->fd = fd;
        acceptor->on_accept = on_accept;
        acceptor->context = context;
        acceptor->retry = loop_timer_new(loop, acceptor_listen, acceptor);
        acceptor_listen(acceptor);
        *ret = acceptor;
        return 0;
}

int acceptor_open(struct acceptor **ret, struct loop *loop, const char *address,
                  void (*on_accept)(void *context, int fd), void *context,
                  struct error *error) {
        int result, fd = address_listen(address, error);

        if (fd < 0)
                return fd;
        result = acceptor_new(ret, loop, fd, on_accept, context);
        if (result == 0)
                return 0;
        close(fd);
        return error_set(error, result, "cannot listen on '%s': %s", address,
                         uv_strerror(result));
}

int acceptor_open_local(struct acceptor **ret, struct loop *loop,
                        const struct acceptor_local *place,
                        void (*on_accept)(void *context, int fd), void *context,
                        struct error *error) {
        CLEANUP(local_socket_closep) struct local_socket *local = NULL;
        int result = local_socket_open(&local, place->path, place->group, error);

        if (result < 0)
                return result;
        result = acceptor_new(ret, loop, local_socket_fd(local), on_accept, context);
        if (result < 0)
                return error_set(error, result, "cannot listen on %s: %s", place->path,
                                 uv_strerror(result));
        (*ret)->local = TAKE(local);
        return 0;
}

int acceptor_group(const struct acceptor *acceptor) {
        return acceptor->local ? local_socket_group(acceptor->local) : -1;
}

int acceptor_port(const struct acceptor *acceptor) {
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);
        char port[PORT_TEXT_MAX];

        if (acceptor->local ||
            getsockname(acceptor->fd, (struct sockaddr *)&address, &length) != 0 ||
            getnameinfo((struct sockaddr *)&address, length, NULL, 0, port, sizeof(port),
                        NI_NUMERICSERV) != 0)
                return 0;
        return (int)strtol(port, NULL, 10);
}

bool acceptor_is_loopback(const struct acceptor *acceptor) {
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);

        if (acceptor->local)
                return true;
        return getsockname(acceptor->fd, (struct sockaddr *)&address, &length) == 0 &&
               address_is_loopback((struct sockaddr *)&address);
}

static void acceptor_on_closed(uv_handle_t *handle) {
        free(handle->data);
}

struct acceptor *acceptor_close(struct acceptor *acceptor) {
        if (!acceptor)
                return NULL;
        acceptor->retry = loop_timer_free(acceptor->retry);
        uv_close((uv_handle_t *)&acceptor->poll, acceptor_on_closed);
        if (acceptor->local)
                acceptor->local = local_socket_close(acceptor->local);
        else
                close(acceptor->fd);
        return NULL;
}
