#include "source/discovery.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "source/ws_discovery.h"
#include "util/mem.h"

#define GROUP "239.255.255.250"
#define PORT  3702

// A datagram may be lost: so often it is sent, so far apart.
#define N_PROBES   2
#define PROBE_REST (NSEC_PER_SEC / 2)

struct discovery_socket {
        uv_udp_t udp;
        bool is_open;
};

struct discovery {
        struct loop *loop;
        void (*on_done)(void *context, const struct discovery_report *report);
        void *context;
        struct sockaddr_in group;
        char id[WS_DISCOVERY_ID_SIZE];
        char *probe;
        unsigned n_sent;
        struct loop_timer *again, *end;
        struct discovery_socket sockets[DISCOVERY_INTERFACES_MAX];
        char interfaces[DISCOVERY_INTERFACES_MAX][DISCOVERY_ADDRESS_MAX];
        size_t n_sockets, n_interfaces;
        size_t n_handles;  // that libuv has
        unsigned n_answers;
        char buffer[WS_DISCOVERY_BYTES_MAX];
        struct ws_answer answer;  // that was read last
        struct discovery_camera cameras[DISCOVERY_CAMERAS_MAX];
        struct ws_match *matches[DISCOVERY_CAMERAS_MAX];  // theirs
        size_t n_cameras;
        bool is_closed;
};

// --- answers ----------------------------------------------------------------------------

// One that was told before: by another interface, or to the second probe.
static bool is_known(const struct discovery *discovery, const struct ws_match *match,
                     const char *address) {
        for (size_t i = 0; i < discovery->n_cameras; i++) {
                const struct discovery_camera *camera = &discovery->cameras[i];

                if (strcmp(camera->match->endpoint, match->endpoint) == 0 &&
                    (match->endpoint[0] || strcmp(camera->address, address) == 0))
                        return true;
        }
        return false;
}

static void match_keep(struct discovery *discovery, const struct ws_match *match,
                       const char *address) {
        size_t i = discovery->n_cameras;

        if (i == DISCOVERY_CAMERAS_MAX || is_known(discovery, match, address))
                return;
        discovery->matches[i] = xnew(struct ws_match);
        *discovery->matches[i] = *match;
        discovery->cameras[i].match = discovery->matches[i];
        memcpy(discovery->cameras[i].address, address, DISCOVERY_ADDRESS_MAX);
        discovery->n_cameras++;
}

static void on_buffer(uv_handle_t *handle, size_t n, uv_buf_t *ret) {
        struct discovery *discovery = handle->data;

        (void)n;
        *ret = uv_buf_init(discovery->buffer, sizeof(discovery->buffer));
}

static void on_datagram(uv_udp_t *udp, ssize_t n, const uv_buf_t *buffer,
                        const struct sockaddr *peer, unsigned flags) {
        struct discovery *discovery = udp->data;
        char address[DISCOVERY_ADDRESS_MAX] = "";

        if (n < 0 || !peer)
                return;
        // What does not fit is cut, and no answer.
        if (++discovery->n_answers > DISCOVERY_ANSWERS_MAX || (flags & UV_UDP_PARTIAL))
                return;
        uv_ip4_name((const struct sockaddr_in *)(const void *)peer, address, sizeof(address));
        if (ws_discovery_read(buffer->base, (size_t)n, discovery->id, &discovery->answer,
                              NULL) < 0)
                return;
        for (size_t i = 0; i < discovery->answer.n; i++)
                match_keep(discovery, &discovery->answer.matches[i], address);
}

// --- probes -----------------------------------------------------------------------------

static void discovery_ask(void *context) {
        struct discovery *discovery = context;

        for (size_t i = 0; i < discovery->n_sockets; i++) {
                struct discovery_socket *socket = &discovery->sockets[i];
                uv_buf_t buffer =
                        uv_buf_init(discovery->probe, (unsigned)strlen(discovery->probe));

                // An interface that cannot send has no cameras.
                if (socket->is_open)
                        (void)uv_udp_try_send(&socket->udp, &buffer, 1,
                                              (const struct sockaddr *)&discovery->group);
        }
        if (++discovery->n_sent < N_PROBES)
                loop_timer_set(discovery->again, PROBE_REST);
}

static void discovery_on_end(void *context) {
        struct discovery *discovery = context;
        const struct discovery_report report = {
                .interfaces = discovery->interfaces,
                .n_interfaces = discovery->n_interfaces,
                .cameras = discovery->cameras,
                .n_cameras = discovery->n_cameras,
        };

        loop_timer_cancel(discovery->again);
        discovery->on_done(discovery->context, &report);
}

// --- interfaces -------------------------------------------------------------------------

static void socket_on_closed(uv_handle_t *handle) {
        struct discovery *discovery = handle->data;

        if (--discovery->n_handles == 0 && discovery->is_closed)
                free(discovery);
}

// A socket by which the group is asked and answers come. One that cannot be had is left out.
static void interface_add(struct discovery *discovery, const char *address) {
        struct discovery_socket *socket = &discovery->sockets[discovery->n_sockets];
        struct sockaddr_in own;

        if (discovery->n_sockets == DISCOVERY_INTERFACES_MAX ||
            strlen(address) >= DISCOVERY_ADDRESS_MAX || uv_ip4_addr(address, 0, &own) < 0 ||
            uv_udp_init(loop_uv(discovery->loop), &socket->udp) < 0)
                return;
        socket->udp.data = discovery;
        discovery->n_handles++;
        discovery->n_sockets++;
        if (uv_udp_bind(&socket->udp, (const struct sockaddr *)&own, 0) < 0 ||
            uv_udp_set_multicast_interface(&socket->udp, address) < 0 ||
            uv_udp_recv_start(&socket->udp, on_buffer, on_datagram) < 0) {
                uv_close((uv_handle_t *)&socket->udp, socket_on_closed);
                return;
        }
        socket->is_open = true;
        memcpy(discovery->interfaces[discovery->n_interfaces++], address, strlen(address) + 1);
}

static void interfaces_add_all(struct discovery *discovery) {
        struct ifaddrs *all = NULL;

        if (getifaddrs(&all) < 0)
                return;
        for (const struct ifaddrs *one = all; one; one = one->ifa_next) {
                char address[DISCOVERY_ADDRESS_MAX];

                if (!one->ifa_addr || one->ifa_addr->sa_family != AF_INET ||
                    !(one->ifa_flags & IFF_UP) ||
                    !(one->ifa_flags & (IFF_MULTICAST | IFF_LOOPBACK)))
                        continue;
                uv_ip4_name((const struct sockaddr_in *)(const void *)one->ifa_addr, address,
                            sizeof(address));
                interface_add(discovery, address);
        }
        freeifaddrs(all);
}

// --- life -------------------------------------------------------------------------------

int discovery_open(struct discovery **ret, struct loop *loop,
                   const struct discovery_config *config,
                   void (*on_done)(void *context, const struct discovery_report *report),
                   void *context, struct error *error) {
        struct discovery *discovery = xnew(struct discovery);
        const char *group = config->group ? config->group : GROUP;

        discovery->loop = loop;
        discovery->on_done = on_done;
        discovery->context = context;
        ws_discovery_id(discovery->id);
        discovery->probe = ws_discovery_probe(discovery->id);
        discovery->again = loop_timer_new(loop, discovery_ask, discovery);
        discovery->end = loop_timer_new(loop, discovery_on_end, discovery);
        uv_ip4_addr(group, (int)(config->port ? config->port : PORT), &discovery->group);
        for (const char *const *one = config->interfaces; one && *one; one++)
                interface_add(discovery, *one);
        if (!config->interfaces)
                interfaces_add_all(discovery);
        if (discovery->n_interfaces == 0) {
                discovery_close(discovery);
                return error_set(error, -ENETUNREACH,
                                 "no network interface to look for cameras by (IPv4, up, with "
                                 "multicast)");
        }
        loop_timer_set(discovery->end, config->duration);
        discovery_ask(discovery);
        *ret = discovery;
        return 0;
}

unsigned discovery_answers(const struct discovery *discovery) {
        return discovery->n_answers;
}

struct discovery *discovery_close(struct discovery *discovery) {
        if (!discovery)
                return NULL;
        discovery->again = loop_timer_free(discovery->again);
        discovery->end = loop_timer_free(discovery->end);
        discovery->probe = mem_free(discovery->probe);
        for (size_t i = 0; i < discovery->n_cameras; i++)
                free(discovery->matches[i]);
        discovery->n_cameras = 0;
        discovery->is_closed = true;
        for (size_t i = 0; i < discovery->n_sockets; i++)
                if (discovery->sockets[i].is_open)
                        uv_close((uv_handle_t *)&discovery->sockets[i].udp, socket_on_closed);
        if (discovery->n_handles == 0)
                free(discovery);
        return NULL;
}
