#include "source/media_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>
#include <uv.h>

#include "util/mem.h"

// Packets that are read in one turn of the loop: others want to be heard, too.
#define PACKETS_A_TURN 64

// One that waits for room, with copies of its descriptors.
struct waiting_packet {
        struct media_control control;
        int descriptors[MEDIA_DESCRIPTORS_MAX];
        size_t n_descriptors;
        STAILQ_ENTRY(waiting_packet) next;
};

struct media_socket {
        struct loop *loop;
        struct media_socket_listener listener;
        uv_poll_t poll;
        int descriptor;
        STAILQ_HEAD(, waiting_packet) waiting;
        nsec_t waiting_since;
        bool is_closed;
};

static void descriptors_close(const int *descriptors, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (descriptors[i] >= 0)
                        close(descriptors[i]);
}

// Addresses have passwords: nothing of a packet stays behind.
static void packet_free(struct waiting_packet *packet) {
        descriptors_close(packet->descriptors, packet->n_descriptors);
        explicit_bzero(&packet->control, sizeof(packet->control));
        free(packet);
}

static void socket_break(struct media_socket *socket, const char *words) {
        if (socket->is_closed)
                return;
        uv_poll_stop(&socket->poll);
        socket->listener.on_broken(socket->listener.context, words);
}

// --- sending ----------------------------------------------------------------------

static void socket_on_event(uv_poll_t *poll, int status, int events);

// Look for packets, and for room where there is something to send.
static void socket_watch(struct media_socket *socket) {
        int events = UV_READABLE | UV_DISCONNECT;

        if (!STAILQ_EMPTY(&socket->waiting))
                events |= UV_WRITABLE;
        if (uv_poll_start(&socket->poll, events, socket_on_event) < 0)
                abort();  // the loop's own memory is at its end
}

// Every user of the machine shares what may be under way in sockets: both mean later.
static bool is_full(int code) {
        return code == -EAGAIN || code == -ETOOMANYREFS || code == -ENOBUFS;
}

static int packet_keep(struct media_socket *socket, const struct media_control *control,
                       const int *descriptors, size_t n) {
        struct waiting_packet *packet = xnew(struct waiting_packet);

        packet->control = *control;
        for (size_t i = 0; i < n; i++) {
                int copy = fcntl(descriptors[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

                if (copy < 0) {
                        int code = -errno;

                        packet_free(packet);
                        return code;
                }
                packet->descriptors[packet->n_descriptors++] = copy;
        }
        if (STAILQ_EMPTY(&socket->waiting))
                socket->waiting_since = loop_now(socket->loop);
        STAILQ_INSERT_TAIL(&socket->waiting, packet, next);
        socket_watch(socket);
        return 0;
}

int media_socket_send(struct media_socket *socket, const struct media_control *packet,
                      const int *descriptors, size_t n) {
        int code = -EAGAIN;

        if (STAILQ_EMPTY(&socket->waiting))
                code = media_control_send(socket->descriptor, packet, descriptors, n);
        if (is_full(code))
                return packet_keep(socket, packet, descriptors, n);
        // A broken socket is told of by its poll.
        return code == -EPIPE || code == -ECONNRESET ? 0 : code;
}

static void socket_send_waiting(struct media_socket *socket) {
        struct waiting_packet *packet;

        while ((packet = STAILQ_FIRST(&socket->waiting))) {
                int code = media_control_send(socket->descriptor, &packet->control,
                                              packet->descriptors, packet->n_descriptors);

                if (is_full(code))
                        return;
                STAILQ_REMOVE_HEAD(&socket->waiting, next);
                socket->waiting_since = loop_now(socket->loop);
                packet_free(packet);
        }
        socket_watch(socket);
}

nsec_t media_socket_waiting(const struct media_socket *socket) {
        return STAILQ_EMPTY(&socket->waiting) ? 0
                                              : loop_now(socket->loop) - socket->waiting_since;
}

// --- receiving --------------------------------------------------------------------

static void socket_receive(struct media_socket *socket) {
        for (int i = 0; i < PACKETS_A_TURN && !socket->is_closed; i++) {
                int descriptors[MEDIA_DESCRIPTORS_MAX];
                struct media_control packet;
                struct error error = {0};
                int r = media_control_receive(socket->descriptor, &packet, descriptors, &error);

                if (r == -EAGAIN)
                        return;
                if (r == 1) {
                        descriptors_close(descriptors, MEDIA_DESCRIPTORS_MAX);
                        socket->listener.on_packet(socket->listener.context, &packet);
                        continue;
                }
                socket_break(socket, r == 0         ? "it closed its socket"
                                     : r == -EPROTO ? error.text
                                                    : strerrordesc_np(-r));
                return;
        }
}

static void socket_on_event(uv_poll_t *poll, int status, int events) {
        struct media_socket *socket = poll->data;

        if (status < 0) {
                socket_break(socket, uv_strerror(status));
                return;
        }
        if (events & UV_WRITABLE)
                socket_send_waiting(socket);
        if (events & (UV_READABLE | UV_DISCONNECT))
                socket_receive(socket);
}

// --- life -------------------------------------------------------------------------

static void socket_on_closed(uv_handle_t *handle) {
        free(handle->data);
}

struct media_socket *media_socket_open(struct loop *loop, int descriptor,
                                       const struct media_socket_listener *listener) {
        struct media_socket *socket = xnew(struct media_socket);

        socket->loop = loop;
        socket->listener = *listener;
        socket->descriptor = descriptor;
        STAILQ_INIT(&socket->waiting);
        // Fails for no socket that is open.
        if (uv_poll_init(loop_uv(loop), &socket->poll, descriptor) < 0)
                abort();
        socket->poll.data = socket;
        socket_watch(socket);
        return socket;
}

struct media_socket *media_socket_close(struct media_socket *socket) {
        struct waiting_packet *packet;

        if (!socket)
                return NULL;
        socket->is_closed = true;
        while ((packet = STAILQ_FIRST(&socket->waiting))) {
                STAILQ_REMOVE_HEAD(&socket->waiting, next);
                packet_free(packet);
        }
        uv_close((uv_handle_t *)&socket->poll, socket_on_closed);
        close(socket->descriptor);
        return NULL;
}
