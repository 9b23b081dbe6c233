#include "dialect/session_rig.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dialect/upgrade.h"
#include "util/mem.h"

#define TURNS_MAX 200000  // loopback delivers at once; this is only a bound

// NOLINTNEXTLINE(readability-non-const-parameter): the listener's type of it
static char *rig_admit(void *context, struct http_request *request, int *ret_status) {
        struct session_rig *rig = context;

        (void)ret_status;
        request->principal = rig->principal;
        return NULL;
}

static bool rig_upgrades(void *context, const struct http_request *request) {
        struct session_rig *rig = context;
        const struct dialect *dialect = dialect_of(rig->dialects, request);

        return !dialect || upgrade_may(rig->hub->hub, dialect, request);
}

static char *rig_upgrade_headers(void *context, const struct http_request *request) {
        const struct session_rig *rig = context;
        const struct dialect *dialect = dialect_of(rig->dialects, request);

        return dialect && dialect->headers ? dialect->headers(request) : NULL;
}

static void rig_on_request(void *context, struct exchange *exchange) {
        struct session_rig *rig = context;

        upgrade_answer(rig->hub->hub, dialect_of(rig->dialects, exchange_request(exchange)),
                       exchange);
}

static void rig_on_websocket(void *context, const struct http_request *request,
                             struct websocket *socket) {
        struct session_rig *rig = context;

        session_open(rig->hub->hub, rig->dialects, request, socket);
}

static void rig_on_raw(void *context, const struct http_request *request, struct raw *raw) {
        struct session_rig *rig = context;
        struct http_request theirs = *request;

        theirs.principal = principal_anonymous(true);
        session_open_raw(rig->hub->hub, rig->dialects, &theirs, raw);
}

int session_rig_setup(void **state) {
        struct session_rig *rig = xnew(struct session_rig);
        struct listener_handler handler = {
                .admit = rig_admit,
                .upgrades = rig_upgrades,
                .upgrade_headers = rig_upgrade_headers,
                .on_request = rig_on_request,
                .on_websocket = rig_on_websocket,
                .context = rig,
        };
        struct listener_handler raw_handler = {.on_raw = rig_on_raw, .context = rig};
        void *hub;

        *state = rig;
        rig->fd = -1;
        rig->dialects = dialects;
        rig->principal = principal_anonymous(true);
        rig->bytes = xcalloc(SESSION_RIG_BYTES, 1);
        if (hub_rig_setup(&hub) < 0)
                return -1;
        rig->hub = hub;
        return listener_open(&rig->listener, rig->hub->loop, "127.0.0.1:0", &handler, NULL) |
               listener_open(&rig->raw_listener, rig->hub->loop, "127.0.0.1:0", &raw_handler,
                             NULL);
}

int session_rig_teardown(void **state) {
        struct session_rig *rig = *state;
        void *hub = rig->hub;

        listener_close(rig->listener);
        listener_close(rig->raw_listener);
        hub_rig_teardown(&hub);
        if (rig->fd >= 0)
                close(rig->fd);
        free(rig->bytes);
        free(rig);
        return 0;
}

struct session_rig *session_rig_need(void **state) {
        struct session_rig *rig = *state;

        if (!rig->hub->hub)
                skip();
        return rig;
}

static void rig_connect(struct session_rig *rig, int port, int room) {
        struct sockaddr_in address = {
                .sin_family = AF_INET,
                .sin_port = htons((uint16_t)port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        };

        if (rig->fd >= 0)
                close(rig->fd);
        rig->n_bytes = 0;
        rig->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(rig->fd >= 0);
        if (room > 0)
                assert_int_equal(
                        setsockopt(rig->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
        assert_int_equal(connect(rig->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

void session_rig_connect_raw(struct session_rig *rig) {
        rig_connect(rig, listener_port(rig->raw_listener), 0);
}

void session_rig_connect(struct session_rig *rig, const char *target, int room) {
        CLEANUP(mem_freep)
        char *head = xasprintf("GET %s HTTP/1.1\r\n"
                               "Host: localhost\r\nUpgrade: websocket\r\n"
                               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                               target);

        rig_connect(rig, listener_port(rig->listener), room);
        assert_int_equal(send(rig->fd, head, strlen(head), MSG_NOSIGNAL), strlen(head));
}

void session_rig_disconnect(struct session_rig *rig) {
        close(rig->fd);
        rig->fd = -1;
}

void session_rig_send_bytes(struct session_rig *rig, const void *bytes, size_t n, bool is_end) {
        for (size_t sent = 0, turns = 0; sent < n; turns++) {
                ssize_t got = send(rig->fd, (const uint8_t *)bytes + sent, n - sent,
                                   MSG_NOSIGNAL | MSG_DONTWAIT);

                assert_true(turns < TURNS_MAX);
                assert_true(got > 0 || errno == EAGAIN);
                sent += got > 0 ? (size_t)got : 0;
                loop_turn(rig->hub->loop);
        }
        if (is_end)
                assert_int_equal(shutdown(rig->fd, SHUT_WR), 0);
}

void session_rig_send(struct session_rig *rig, const char *text) {
        size_t n = strlen(text), n_head = n <= 125 ? 6 : 8;
        uint8_t head[8] = {0x81, (uint8_t)(0x80 | n)};  // masked with zeros

        assert_true(n <= UINT16_MAX);
        if (n > 125) {
                head[1] = 0x80 | 126;
                head[2] = (uint8_t)(n >> 8);
                head[3] = (uint8_t)n;
        }
        session_rig_send_bytes(rig, head, n_head, false);
        session_rig_send_bytes(rig, text, n, false);
}

static bool rig_find(struct session_rig *rig, const char *bytes) {
        const char *at = memmem(rig->bytes, rig->n_bytes, bytes, strlen(bytes));
        size_t n = at ? (size_t)(at - rig->bytes) + strlen(bytes) : 0;

        // Half of it may have come: its beginning is kept.
        if (!at && rig->n_bytes >= strlen(bytes))
                n = rig->n_bytes - strlen(bytes) + 1;
        rig->n_bytes -= n;
        memmove(rig->bytes, rig->bytes + n, rig->n_bytes);
        return at != NULL;
}

void session_rig_expect(struct session_rig *rig, const char *bytes) {
        for (int turns = 0; !rig_find(rig, bytes); turns++) {
                ssize_t got = recv(rig->fd, rig->bytes + rig->n_bytes,
                                   SESSION_RIG_BYTES - rig->n_bytes, MSG_DONTWAIT);

                assert_true(turns < TURNS_MAX);
                assert_true(got > 0 || (got < 0 && errno == EAGAIN));
                if (got > 0)
                        rig->n_bytes += (size_t)got;
                loop_turn(rig->hub->loop);
        }
}

void session_rig_expect_end(struct session_rig *rig) {
        for (int turns = 0;; turns++) {
                ssize_t got = recv(rig->fd, rig->bytes, SESSION_RIG_BYTES, MSG_DONTWAIT);

                if (got == 0 || (got < 0 && errno == ECONNRESET))
                        return;
                assert_true(turns < TURNS_MAX);
                assert_true(got > 0 || errno == EAGAIN);
                loop_turn(rig->hub->loop);
        }
}
