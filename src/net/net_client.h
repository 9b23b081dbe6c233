#pragma once
// Net client: raw-socket clients of the fixture's listener, in the same loop. What they get is
// read byte by byte.
//
// Threads: the test's.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_tls_fixture.h"

#define TURNS_MAX   20000  // loopback delivers at once; this is only a bound
#define HEAD        "Host: h\r\n"
#define UPGRADE_KEY "dGhlIHNhbXBsZSBub25jZQ=="  // the example of RFC 6455
#define UPGRADE                                                                          \
        "GET /any HTTP/1.1\r\nHost: h\r\nUpgrade: WebSocket\r\nConnection: keep-alive, " \
        "Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " UPGRADE_KEY "\r\n"

static inline int client_setup(void **state) {
        net_setup(state);
        net_tls_offer(*state);
        return 0;
}

// --- clients -------------------------------------------------------------------

static inline int client_connect_from(struct net_fixture *net, const char *source) {
        struct sockaddr_in own = {.sin_family = AF_INET};
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)listener_port(net->listener)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        assert_true(fd >= 0);
        // TCP must not wait for real time to pass before it sends a small piece.
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
        assert_int_equal(inet_pton(AF_INET, source, &own.sin_addr), 1);
        assert_int_equal(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
        net_tls_connect(fd);
        return fd;
}

static inline int client_connect(struct net_fixture *net) {
        return client_connect_from(net, "127.0.0.1");
}

// Go on until a client can send at once.
static inline void client_begin(struct net_fixture *net, int fd) {
        for (int turns = 0; net_send(fd, "", 0) < 0 && turns < TURNS_MAX; turns++)
                loop_turn(net->loop);
}

// Send all, turning the loop so that the server can take it in.
static inline void client_send(struct net_fixture *net, int fd, const void *bytes, size_t n) {
        const uint8_t *from = bytes;

        for (int turns = 0; n && turns < TURNS_MAX; turns++) {
                ssize_t sent = net_send(fd, from, n);

                if (sent > 0) {
                        from += sent;
                        n -= (size_t)sent;
                } else if (sent < 0 && errno != EAGAIN) {
                        break;  // hung up on us: the answer tells
                }
                loop_turn(net->loop);
        }
        for (int turns = 0; turns < 20; turns++)
                loop_turn(net->loop);
}

static inline void client_say(struct net_fixture *net, int fd, const char *text) {
        client_send(net, fd, text, strlen(text));
}

// Read until `n` bytes are there; or until the server hangs up, which n = SIZE_MAX waits for.
// What was read is in net->output. True if it hung up.
static inline bool client_read(struct net_fixture *net, int fd, size_t n) {
        net->n_output = 0;
        for (int turns = 0; net->n_output < n && turns < TURNS_MAX; turns++) {
                ssize_t got;

                loop_turn(net->loop);
                got = net_recv(fd, net->output + net->n_output,
                               n - net->n_output < OUTPUT_MAX - net->n_output
                                       ? n - net->n_output
                                       : OUTPUT_MAX - net->n_output);
                if (got == 0 || (got < 0 && errno != EAGAIN)) {
                        net->output[net->n_output] = '\0';
                        return true;
                }
                if (got > 0)
                        net->n_output += (size_t)got;
        }
        net->output[net->n_output] = '\0';
        return false;
}

// Read what is there now, without waiting for more.
static inline bool client_peek(struct net_fixture *net, int fd) {
        for (int turns = 0; turns < 50; turns++)
                loop_turn(net->loop);
        net->n_output = 0;
        for (;;) {
                ssize_t got =
                        net_recv(fd, net->output + net->n_output, OUTPUT_MAX - net->n_output);

                if (got <= 0) {
                        net->output[net->n_output] = '\0';
                        return got == 0 || errno != EAGAIN;
                }
                net->n_output += (size_t)got;
        }
}

// --- websocket clients -----------------------------------------------------------

// Open a WebSocket, offering `extensions` unless NULL. The 101 is in net->output.
static inline int client_upgrade(struct net_fixture *net, const char *extensions) {
        int fd = client_connect(net);
        CLEANUP(mem_freep)
        char *head =
                xasprintf(UPGRADE "%s%s%s\r\n", extensions ? "Sec-WebSocket-Extensions: " : "",
                          extensions ? extensions : "", extensions ? "\r\n" : "");

        client_say(net, fd, head);
        assert_false(client_peek(net, fd));
        assert_memory_equal(net->output, "HTTP/1.1 101 ", 13);
        return fd;
}

// Write a masked frame's head for `n` bytes; returns its length (14 at most). The mask is zero,
// so that the payload goes as it is.
static inline size_t frame_head(uint8_t first, uint64_t n, uint8_t ret[14]) {
        size_t extra = n < 126 ? 0 : n < 65536 ? 2 : 8;

        memset(ret, 0, 14);
        ret[0] = first;
        ret[1] = (uint8_t)(0x80 | (extra == 0 ? n : extra == 2 ? 126 : 127));
        for (size_t i = 0; i < extra; i++)
                ret[2 + i] = (uint8_t)(n >> (8 * (extra - 1 - i)));
        return 6 + extra;
}

static inline void client_frame(struct net_fixture *net, int fd, uint8_t first,
                                const void *payload, size_t n) {
        uint8_t head[14];

        client_send(net, fd, head, frame_head(first, n, head));
        client_send(net, fd, payload, n);
}

// Assert that a close frame with this code is what came last, and that the server hung up.
static inline void client_expect_close(struct net_fixture *net, int fd, uint16_t code) {
        uint8_t *output = (uint8_t *)net->output;

        client_read(net, fd, SIZE_MAX);
        assert_true(net->n_output >= 4);
        assert_int_equal(output[0], 0x88);
        assert_int_equal(output[2] * 256 + output[3], code);
        close(fd);
        for (int turns = 0; turns < 20; turns++)
                loop_turn(net->loop);
}
