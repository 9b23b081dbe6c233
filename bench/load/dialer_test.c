// Dialer against our own listener and against sockets that answer badly.
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load/dialer.h"
#include "net/net_fixture.h"

#define TURNS 2000

struct caller {
        struct dialer *dialer;
        struct websocket *socket;
        size_t n_opened, n_answers, n_failures, n_closed;
        int status;
        uint16_t code;
        char text[256];  // the last message, body or error
};

static void caller_on_text(void *context, const char *text, size_t n) {
        struct caller *caller = context;

        snprintf(caller->text, sizeof(caller->text), "%.*s", (int)n, text);
}

static void caller_on_binary(void *context, const struct websocket_piece *piece) {
        caller_on_text(context, (const char *)piece->bytes, piece->n);
}

static void caller_on_close(void *context, uint16_t code) {
        struct caller *caller = context;

        caller->n_closed++;
        caller->code = code;
}

static void caller_on_websocket(void *context, struct websocket *socket) {
        struct caller *caller = context;
        struct websocket_handler handler = {caller_on_text,  caller_on_binary, NULL,
                                            caller_on_close, caller,           NULL};

        caller->n_opened++;
        caller->socket = socket;
        websocket_set_handler(socket, &handler, NULL);
}

static void caller_on_answer(void *context, int status, const char *body, size_t n) {
        struct caller *caller = context;

        caller->n_answers++;
        caller->status = status;
        caller_on_text(caller, body, n);
}

static void caller_on_failure(void *context, const struct error *error) {
        struct caller *caller = context;

        caller->n_failures++;
        snprintf(caller->text, sizeof(caller->text), "%s", error->text);
}

static void turn(struct net_fixture *net) {
        for (int i = 0; i < TURNS; i++)
                loop_turn(net->loop);
}

static void dial(struct caller *caller, struct net_fixture *net, const char *host, int port,
                 const char *path) {
        struct dialer_handler handler = {caller_on_websocket, caller_on_answer,
                                         caller_on_failure, caller};
        char url[64];
        struct error error;

        snprintf(url, sizeof(url), "%s:%d%s", host, port, path);
        if (dialer_open(&caller->dialer, net->loop, url, &handler, &error) < 0)
                fail_msg("%s", error.text);
        turn(net);
}

static void hang_up(struct caller *caller, struct net_fixture *net) {
        caller->dialer = dialer_close(caller->dialer);
        turn(net);
}

static void messages_go_both_ways(void **state) {
        struct net_fixture *net = *state;
        struct caller caller = {0};
        static uint8_t sound[70000];

        dial(&caller, net, "ws://127.0.0.1", listener_port(net->listener), "/any?x=1");
        assert_int_equal(caller.n_opened, 1);
        websocket_send_text(caller.socket, "h\xc3\xa4llo", 6);
        turn(net);
        assert_string_equal(net->text, "h\xc3\xa4llo");
        memset(sound, 7, sizeof(sound));
        websocket_send_binary(caller.socket, sound, sizeof(sound));
        turn(net);
        assert_int_equal(net->n_binaries, 1);
        assert_int_equal(net->n_text, sizeof(sound));
        assert_memory_equal(net->text, sound, sizeof(sound));
        websocket_send_text(net->sockets[0], "words", 5);
        turn(net);
        assert_string_equal(caller.text, "words");
        websocket_close(net->sockets[0], 1013, "full");
        turn(net);
        assert_int_equal(caller.n_closed, 1);
        assert_int_equal(caller.code, 1013);
        hang_up(&caller, net);
        assert_int_equal(caller.n_failures, 0);
}

static void hanging_up_ends_the_websocket_at_once(void **state) {
        struct net_fixture *net = *state;
        struct caller caller = {0};

        dial(&caller, net, "ws://localhost", listener_port(net->listener), "");
        assert_int_equal(caller.n_opened, 1);
        caller.dialer = dialer_close(caller.dialer);
        assert_int_equal(caller.n_closed, 1);
        turn(net);
        assert_int_equal(net->n_closed, 1);
}

static void hanging_up_before_it_is_connected_is_fine(void **state) {
        struct net_fixture *net = *state;
        struct caller caller = {0};
        struct dialer_handler handler = {caller_on_websocket, caller_on_answer,
                                         caller_on_failure, &caller};
        struct error error;

        assert_int_equal(
                dialer_open(&caller.dialer, net->loop, "ws://127.0.0.1:1", &handler, &error),
                0);
        hang_up(&caller, net);
        assert_int_equal(caller.n_failures + caller.n_opened, 0);
}

static void a_get_brings_its_body(void **state) {
        struct net_fixture *net = *state;
        struct caller caller = {0};

        dial(&caller, net, "http://127.0.0.1", listener_port(net->listener), "/metrics");
        assert_int_equal(caller.n_answers, 1);
        assert_int_equal(caller.status, 200);
        assert_string_equal(caller.text, "bbb");
        assert_string_equal(net->path, "/metrics");
        hang_up(&caller, net);
        dial(&caller, net, "http://127.0.0.1", listener_port(net->listener), "/missing");
        assert_int_equal(caller.status, 404);
        hang_up(&caller, net);
}

static void a_body_too_long_is_refused(void **state) {
        struct net_fixture *net = *state;
        struct caller caller = {0};

        net->body_bytes = DIALER_BODY_MAX + 1;
        dial(&caller, net, "http://127.0.0.1", listener_port(net->listener), "/");
        assert_int_equal(caller.n_failures, 1);
        assert_non_null(strstr(caller.text, "too long"));
        hang_up(&caller, net);
}

// A port on which `answer` is the answer to everything; NULL hangs up at once.
static void dial_stub(struct caller *caller, struct net_fixture *net, const char *answer) {
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);
        int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;

        assert_int_equal(bind(listening, (struct sockaddr *)&address, length), 0);
        assert_int_equal(listen(listening, 1), 0);
        assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &length), 0);
        dial(caller, net, "ws://127.0.0.1", ntohs(address.sin_port), "");
        fd = accept(listening, NULL, NULL);
        assert_true(fd >= 0);
        turn(net);
        if (answer)
                assert_int_equal(send(fd, answer, strlen(answer), MSG_NOSIGNAL),
                                 strlen(answer));
        else
                close(fd);
        turn(net);
        if (answer)
                close(fd);
        close(listening);
        turn(net);
}

static void bad_answers_are_told(void **state) {
        static const struct {
                const char *answer, *words;
        } cases[] = {
                {"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n", "answers 401"},
                {"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
                 "wrong way"},
                {"SSH-2.0-OpenSSH\r\n", "no HTTP"},
                {NULL, "hangs up"},
        };
        struct net_fixture *net = *state;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct caller caller = {0};

                dial_stub(&caller, net, cases[i].answer);
                assert_int_equal(caller.n_opened, 0);
                assert_int_equal(caller.n_failures, 1);
                if (!strstr(caller.text, cases[i].words))
                        fail_msg("expected '%s', got: %s", cases[i].words, caller.text);
                hang_up(&caller, net);
        }
}

static void a_closed_port_is_told(void **state) {
        struct net_fixture *net = *state;
        struct caller caller = {0};
        int port = listener_port(net->listener);

        listener_stop(net->listener);
        dial(&caller, net, "ws://localhost", port, "");
        assert_int_equal(caller.n_failures, 1);
        assert_non_null(strstr(caller.text, "is the server running?"));
        hang_up(&caller, net);
}

static void who_does_not_answer_is_left(void **state) {
        struct net_fixture *net = *state;
        struct caller caller = {0};
        struct sockaddr_in address = {.sin_family = AF_INET,
                                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t length = sizeof(address);
        int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(listening, (struct sockaddr *)&address, length), 0);
        assert_int_equal(listen(listening, 1), 0);
        assert_int_equal(getsockname(listening, (struct sockaddr *)&address, &length), 0);
        dial(&caller, net, "http://127.0.0.1", ntohs(address.sin_port), "/");
        loop_advance(net->loop, DIALER_TIMEOUT - 1);
        assert_int_equal(caller.n_failures, 0);
        loop_advance(net->loop, 1);
        assert_int_equal(caller.n_failures, 1);
        hang_up(&caller, net);
        close(listening);
}

static void bad_urls_are_refused(void **state) {
        static const char *const urls[] = {
                "",          "nonsense",  "127.0.0.1:9090",    "ftp://h:1",
                "wss://h:1", "https://h", "ws://user:word@h:1"};
        struct net_fixture *net = *state;
        struct dialer_handler handler = {caller_on_websocket, caller_on_answer,
                                         caller_on_failure, NULL};

        for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
                struct dialer *dialer = NULL;
                struct error error = {0};

                assert_int_equal(dialer_open(&dialer, net->loop, urls[i], &handler, &error),
                                 -EINVAL);
                assert_true(error.text[0]);
        }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, net_setup, net_teardown)
        const struct CMUnitTest tests[] = {
                TEST(messages_go_both_ways),
                TEST(hanging_up_ends_the_websocket_at_once),
                TEST(hanging_up_before_it_is_connected_is_fine),
                TEST(a_get_brings_its_body),
                TEST(a_body_too_long_is_refused),
                TEST(bad_answers_are_told),
                TEST(a_closed_port_is_told),
                TEST(who_does_not_answer_is_left),
                TEST(bad_urls_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
