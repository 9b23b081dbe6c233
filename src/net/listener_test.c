// HTTP on the port: what is answered, what is refused, and what never hangs.
#include "net/net_client.h"

#include <sys/resource.h>

#include "net/connection.h"

static size_t occurrences(const char *text, const char *word) {
        size_t n = 0;

        while ((text = strstr(text, word))) {
                text += strlen(word);
                n++;
        }
        return n;
}

static void expect_status(struct net_fixture *net, int status) {
        char line[32];

        snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
        if (strncmp(net->output, line, strlen(line)) != 0)
                fail_msg("expected %d, got: %.60s", status, net->output);
}

static void bad_requests_are_refused_by_name(void **state) {
        static const struct {
                const char *request;
                int status;
        } cases[] = {
                {"nonsense\r\n\r\n", 400},
                {"GET / HTTP/1.1\r\n\r\n", 400},  // no host
                {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
                {"GET http://[ HTTP/1.1\r\n" HEAD "\r\n", 400},
                {"CONNECT h:1 HTTP/1.1\r\n" HEAD "\r\n", 400},
                {"GET / HTTP/2.0\r\n" HEAD "\r\n", 505},
                {"GET /missing HTTP/1.1\r\n" HEAD "Connection: close\r\n\r\n", 404},
                {"POST / HTTP/1.1\r\n" HEAD "Content-Length: -1\r\n\r\n", 400},
                {"POST / HTTP/1.1\r\n" HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
                 400},
                {"POST / HTTP/1.1\r\n" HEAD "Content-Length: 99999999999999999999\r\n\r\n",
                 400},
                {"POST / HTTP/1.1\r\n" HEAD "Expect: miracles\r\n\r\n", 417},
                {"GET / HTTP/1.1\r\n" HEAD "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: " UPGRADE_KEY "\r\n\r\n",
                 426},
                {"GET / HTTP/1.1\r\n" HEAD "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
                 400},
                {"POST / HTTP/1.1\r\n" HEAD "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " UPGRADE_KEY "\r\n\r\n",
                 400},
        };
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int fd = client_connect(net);

                client_say(net, fd, cases[i].request);
                assert_true(client_read(net, fd, SIZE_MAX));
                expect_status(net, cases[i].status);
                assert_non_null(strstr(net->output, "Connection: close"));
                close(fd);
        }
        loop_advance(net->loop, CONNECTION_LINGER);
        assert_int_equal(listener_connections(net->listener), 0);
}

static void a_zero_byte_in_a_header_is_refused(void **state) {
        static const char request[] = "GET / HTTP/1.1\r\n" HEAD "X: \0a\r\n b\r\n\r\n";
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_send(net, fd, request, sizeof(request) - 1);
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, 400);
        assert_int_equal(net->n_requests, 0);
        close(fd);
}

static void other_upgrades_are_ordinary_requests(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd,
                   "GET / HTTP/1.1\r\n" HEAD "Connection: Upgrade, HTTP2-Settings\r\n"
                   "Upgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n"
                   "GET /second HTTP/1.1\r\n" HEAD "\r\n");
        client_peek(net, fd);
        assert_int_equal(occurrences(net->output, "HTTP/1.1 200"), 2);
        assert_string_equal(net->path, "/second");
        close(fd);
}

static void requests_may_be_pipelined_and_kept_alive(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd,
                   "GET /a HTTP/1.1\r\n" HEAD "\r\nHEAD /b HTTP/1.1\r\n" HEAD
                   "\r\nPOST /c HTTP/1.1\r\n" HEAD "Content-Length: 4\r\n\r\nGET "
                   "GET /d HTTP/1.1\r\n" HEAD "\r\n");
        client_peek(net, fd);
        assert_int_equal(net->n_requests, 4);
        assert_int_equal(occurrences(net->output, "HTTP/1.1 200"), 4);
        assert_int_equal(occurrences(net->output, "Content-Length: 3"), 4);
        assert_int_equal(occurrences(net->output, "\r\n\r\nbbb"), 3);  // none for HEAD
        loop_advance(net->loop, CONNECTION_IDLE_TIMEOUT - NSEC_PER_SEC);
        client_say(net, fd, "GET /e HTTP/1.1\r\n" HEAD "\r\n");
        client_peek(net, fd);
        assert_int_equal(net->n_requests, 5);
        loop_advance(net->loop, CONNECTION_IDLE_TIMEOUT);
        assert_true(client_peek(net, fd));  // idle for too long: closed without a word
        assert_int_equal(net->n_output, 0);
        close(fd);
}

// A client that asks and asks but never reads gets no more than a bounded number of replies.
static void unread_replies_are_bounded(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);
        const char request[] = "GET / HTTP/1.1\r\n" HEAD "\r\n";
        size_t n;

        net->body_bytes = OUTPUT_MAX / 64;
        client_begin(net, fd);
        for (int i = 0; i < 2000; i++)
                if (net_send(fd, request, sizeof(request) - 1) < 0)
                        break;
        for (int turns = 0; turns < 200; turns++)
                loop_turn(net->loop);
        n = net->n_requests;
        assert_true(n > 0 && n < 500);
        for (int i = 0; i < 8; i++)
                client_peek(net, fd);  // once it reads, it goes on
        assert_true(net->n_requests > n);
        for (int turns = 0; turns < 200; turns++)
                loop_turn(net->loop);
        // And when it stops, that is it.
        loop_advance(net->loop, EXCHANGE_STALL_TIMEOUT + LISTENER_REQUEST_TIMEOUT);
        for (int turns = 0; turns < 50; turns++)
                loop_turn(net->loop);
        assert_int_equal(listener_connections(net->listener), 0);
        close(fd);
}

static void long_heads_are_refused(void **state) {
        struct net_fixture *net = *state;
        char *filler = xcalloc(LISTENER_HEADER_BYTES_MAX + 1, 1);
        int fd = client_connect(net);

        memset(filler, 'x', LISTENER_HEADER_BYTES_MAX);
        client_say(net, fd, "GET / HTTP/1.1\r\n" HEAD "X-Filler: ");
        client_say(net, fd, filler);
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, 431);
        close(fd);
        fd = client_connect(net);
        client_say(net, fd, "GET /");
        client_say(net, fd, filler);
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, 431);
        close(fd);
        free(filler);
}

static void a_slow_head_is_closed_with_408(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net), silent = client_connect(net);
        const char *drip = "GET / HTTP/1.1\r\nHost: h\r\n";

        for (int i = 0; i < 9; i++) {
                client_send(net, fd, drip + i, 1);
                loop_advance(net->loop, NSEC_PER_SEC);
        }
        assert_false(client_peek(net, fd));
        loop_advance(net->loop, NSEC_PER_SEC);
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, 408);
        assert_true(client_read(net, silent, SIZE_MAX));
        assert_int_equal(net->n_output, 0);
        loop_advance(net->loop, CONNECTION_LINGER);
        assert_int_equal(listener_connections(net->listener), 0);
        close(fd);
        close(silent);
}

static void a_half_closed_client_gets_its_answer(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        net->body_bytes = OUTPUT_MAX / 2;
        client_say(net, fd, "GET / HTTP/1.0\r\n\r\n");
        shutdown(fd, SHUT_WR);
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, 200);
        assert_true(net->n_output > OUTPUT_MAX / 2);
        close(fd);
}

static void addresses_are_checked_before_binding(void **state) {
        static const char *const wrong[] = {
                "",         "9090",  "host", "h:",      "h:x", "127.0.0.1:70000",
                "::1:9090", "[::1]", "h:-1", "h:999999"};
        struct net_fixture *net = *state;
        struct listener_handler handler = {
                .on_request = net_on_request, .on_websocket = net_on_websocket, .context = net};
        struct listener *second = NULL;
        struct error error;
        char taken[32];

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                assert_int_equal(listener_open(&second, net->loop, wrong[i], &handler, &error),
                                 -EINVAL);
                assert_non_null(strstr(error.text, "HOST:PORT"));
        }
        snprintf(taken, sizeof(taken), "127.0.0.1:%d", listener_port(net->listener));
        assert_int_equal(listener_open(&second, net->loop, taken, &handler, &error),
                         -EADDRINUSE);
        assert_non_null(strstr(error.text, "another port"));
        assert_int_equal(listener_open(&second, net->loop, "192.0.2.1:0", &handler, &error),
                         -EADDRNOTAVAIL);
        assert_int_equal(listener_open(&second, net->loop, ":0", &handler, &error), 0);
        assert_true(listener_port(second) > 0);
        assert_false(listener_is_loopback(second));
        assert_true(listener_is_loopback(net->listener));
        listener_close(second);
}

// Out of descriptors: one try a second, and the connections that waited are served later.
static void running_out_of_descriptors_does_not_spin(void **state) {
        struct net_fixture *net = *state;
        struct rlimit before, limit;
        int fd = client_connect(net), highest = dup(0);

        assert_true(highest >= 0);
        close(highest);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        limit.rlim_cur = (rlim_t)highest;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        for (int turns = 0; turns < 1000; turns++)
                loop_turn(net->loop);
        assert_int_equal(listener_connections(net->listener), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        for (int turns = 0; turns < 1000; turns++)
                loop_turn(net->loop);
        assert_int_equal(listener_connections(net->listener), 0);  // not asked again yet
        loop_advance(net->loop, NSEC_PER_SEC);
        client_say(net, fd, "GET / HTTP/1.1\r\n" HEAD "\r\n");
        client_peek(net, fd);
        expect_status(net, 200);
        close(fd);
}

static void the_surplus_is_told_and_closed(void **state) {
        struct net_fixture *net = *state;
        struct listener_handler handler = {
                .on_request = net_on_request, .on_websocket = net_on_websocket, .context = net};
        struct rlimit before, limit;
        struct listener *all = net->listener;
        int fds[9];

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        limit.rlim_cur = 16;  // of which half are for connections
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(
                listener_open(&net->listener, net->loop, "127.0.0.1:0", &handler, NULL), 0);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        net_tls_offer(net);
        for (int i = 0; i < 9; i++) {
                fds[i] = client_connect(net);
                client_say(net, fds[i], "GET / HTTP/1.1\r\n" HEAD "\r\n");
                client_peek(net, fds[i]);
                expect_status(net, i < 8 ? 200 : 503);
        }
        for (int i = 0; i < 9; i++)
                close(fds[i]);
        listener_close(net->listener);
        net->listener = all;
}

// Neither answered nor upgraded, and nothing that follows on the connection.
static void what_is_refused_gets_403_and_the_words(void **state) {
        static const char *const requests[] = {
                "GET /page HTTP/1.1\r\n" HEAD "\r\nGET /next HTTP/1.1\r\n" HEAD "\r\n",
                "POST /page HTTP/1.1\r\n" HEAD "Content-Length: 1\r\n\r\nx",
                "GET /page HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: "
                "Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " UPGRADE_KEY
                "\r\n\r\n",
        };
        struct net_fixture *net = *state;

        net->refusal = "not for you";
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
                int fd = client_connect(net);

                client_say(net, fd, requests[i]);
                assert_true(client_read(net, fd, SIZE_MAX));
                expect_status(net, 403);
                assert_non_null(strstr(net->output, "not for you"));
                assert_string_equal(net->path, "/page");
                close(fd);
        }
        assert_int_equal(net->n_requests + net->n_sockets, 0);
        net->refusal = NULL;
}

// Three quarters at most are one address's, or fewer; the others find theirs.
static void one_address_leaves_room_for_others(void **state) {
        struct net_fixture *net = *state;
        int fds[6];

        listener_limit(net->listener, &(struct listener_limits){.per_address = 4});
        for (int i = 0; i < 6; i++) {
                fds[i] = client_connect_from(net, "127.0.0.2");
                client_say(net, fds[i], "GET / HTTP/1.1\r\n" HEAD "\r\n");
                client_peek(net, fds[i]);
                expect_status(net, i < 4 ? 200 : 503);
        }
        assert_non_null(strstr(net->output, "your address has too many connections"));
        close(fds[0]);
        close(fds[4]);
        close(fds[5]);
        loop_advance(net->loop, CONNECTION_LINGER);
        fds[0] = client_connect(net);  // from another address
        fds[4] = client_connect_from(net, "127.0.0.2");
        for (int i = 0; i < 5; i += 4) {
                client_say(net, fds[i], "GET / HTTP/1.1\r\n" HEAD "\r\n");
                client_peek(net, fds[i]);
                expect_status(net, 200);
        }
        for (int i = 0; i < 5; i++)
                close(fds[i]);
}

// Several listeners share what there may be.
static void one_listener_has_its_parts(void **state) {
        struct net_fixture *net = *state;
        struct rlimit before, limit;
        size_t all;

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        limit.rlim_cur = 1024;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        listener_limit(net->listener, &(struct listener_limits){.per_address = 1000});
        all = net->listener->connections_max;
        listener_limit(net->listener,
                       &(struct listener_limits){.per_address = 1000, .parts = 5});
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        assert_int_equal(net->listener->connections_max, all / LISTENER_PARTS * 5);
        assert_int_equal(net->listener->per_address_max, all / LISTENER_PARTS * 5 / 4 * 3);
}

// What is kept of few descriptors is not used up by telling the surplus so.
static void few_descriptors_are_kept_for_the_rest(void **state) {
        struct net_fixture *net = *state;
        struct rlimit before, limit;
        size_t n_open = 0;
        int fds[64];

        assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
        limit = before;
        limit.rlim_cur = 64;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        listener_limit(net->listener, &(struct listener_limits){.n_children = 2});
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
        for (int i = 0; i < 64; i++) {
                fds[i] = client_connect(net);
                loop_turn(net->loop);
        }
        for (int turns = 0; turns < 50; turns++)
                loop_turn(net->loop);
        n_open = listener_connections(net->listener);
        assert_in_range(n_open, 24, 28);  // half of all but 4 for each stream; 3 are being told
        for (int i = 0; i < 64; i++)
                close(fds[i]);
}

static void stopping_keeps_what_is_open(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_port = htons((uint16_t)listener_port(net->listener)),
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int late = socket(AF_INET, SOCK_STREAM, 0);

        client_peek(net, fd);
        listener_stop(net->listener);
        client_say(net, fd, "GET / HTTP/1.1\r\n" HEAD "\r\n");
        client_peek(net, fd);
        expect_status(net, 200);
        assert_int_equal(connect(late, (struct sockaddr *)&address, sizeof(address)), -1);
        close(fd);
        close(late);
}

#define with_listener(test) cmocka_unit_test_setup_teardown(test, client_setup, net_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                with_listener(bad_requests_are_refused_by_name),
                with_listener(a_zero_byte_in_a_header_is_refused),
                with_listener(other_upgrades_are_ordinary_requests),
                with_listener(requests_may_be_pipelined_and_kept_alive),
                with_listener(unread_replies_are_bounded),
                with_listener(long_heads_are_refused),
                with_listener(a_slow_head_is_closed_with_408),
                with_listener(a_half_closed_client_gets_its_answer),
                with_listener(addresses_are_checked_before_binding),
                with_listener(running_out_of_descriptors_does_not_spin),
                with_listener(the_surplus_is_told_and_closed),
                with_listener(what_is_refused_gets_403_and_the_words),
                with_listener(one_address_leaves_room_for_others),
                with_listener(one_listener_has_its_parts),
                with_listener(few_descriptors_are_kept_for_the_rest),
                with_listener(stopping_keeps_what_is_open),
        };

        return run_plain_and_encrypted(tests);
}
