// HTTP on a unix socket: as on a port, and it is known who asks.
#include "net/listener.h"

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/exchange.h"
#include "net/peer.h"
#include "util/budget.h"
#include "util/mem.h"

#define REQUEST "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"

struct fixture {
        struct loop *loop;
        struct listener *listener;
        char folder[64];
        char *path;
        struct local_peer asker;  // of the last request
        char peer[64], address[64];
        bool is_loopback;
        const char *refusal;
        struct exchange *exchange;  // that waits, when is_waiting
        bool is_waiting, is_gone;
        char answer[4096];
};

static void on_gone(void *context) {
        struct fixture *fixture = context;

        fixture->is_gone = true;
        fixture->exchange = NULL;
}

static void answer(struct exchange *exchange) {
        struct http_response response = {
                .status = 200, .content_type = "text/plain", .body = "hello", .body_length = 5};

        exchange_reply(exchange, &response);
}

static void on_request(void *context, struct exchange *exchange) {
        struct fixture *fixture = context;
        struct exchange_handler handler = {.on_gone = on_gone, .context = fixture};

        if (fixture->is_waiting) {
                exchange_set_handler(exchange, &handler);
                fixture->exchange = exchange;
        } else {
                answer(exchange);
        }
}

// NOLINTNEXTLINE(readability-non-const-parameter): the listener's type of it
static char *on_admit(void *context, struct http_request *request, int *ret_status) {
        struct fixture *fixture = context;

        (void)ret_status;
        assert_non_null(request->local);
        fixture->asker = *request->local;
        fixture->is_loopback = request->is_loopback;
        snprintf(fixture->peer, sizeof(fixture->peer), "%s", request->peer);
        snprintf(fixture->address, sizeof(fixture->address), "%s", request->address);
        return xstrdup(fixture->refusal);
}

static void fixture_open(struct fixture *fixture, const char *group) {
        struct listener_handler handler = {
                .on_request = on_request, .admit = on_admit, .context = fixture};
        struct error error = {0};

        if (listener_open_local(&fixture->listener, fixture->loop, fixture->path, group,
                                &handler, &error) < 0)
                fail_msg("%s", error.text);
}

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        fixture->loop = loop_new_fake(1700000000 * NSEC_PER_SEC);
        snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/listener_local.XXXXXX");
        assert_non_null(mkdtemp(fixture->folder));
        fixture->path = xasprintf("%s/s", fixture->folder);
        fixture_open(fixture, NULL);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        listener_close(fixture->listener);
        loop_free(fixture->loop);
        assert_int_equal(rmdir(fixture->folder), 0);  // the socket has gone
        free(fixture->path);
        free(fixture);
        return 0;
}

static int client_open(const struct fixture *fixture) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof(address.sun_path), "%s", fixture->path);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static void turn(struct fixture *fixture) {
        for (int i = 0; i < 50; i++)
                loop_turn(fixture->loop);
}

// What the server has said by now.
static const char *client_read(struct fixture *fixture, int fd) {
        ssize_t n;

        turn(fixture);
        n = recv(fd, fixture->answer, sizeof(fixture->answer) - 1, MSG_DONTWAIT);
        fixture->answer[n > 0 ? n : 0] = '\0';
        return fixture->answer;
}

static const char *client_ask(struct fixture *fixture, int fd) {
        assert_int_equal(send(fd, REQUEST, strlen(REQUEST), MSG_NOSIGNAL), strlen(REQUEST));
        return client_read(fixture, fd);
}

static void requests_are_answered_and_their_process_is_known(void **state) {
        struct fixture *fixture = *state;
        char words[64];
        int fd = client_open(fixture);

        for (int i = 0; i < 2; i++) {  // the connection is kept
                assert_ptr_equal(strstr(client_ask(fixture, fd), "HTTP/1.1 200"),
                                 fixture->answer);
                assert_non_null(strstr(fixture->answer, "\r\n\r\nhello"));
        }
        assert_int_equal(fixture->asker.user, geteuid());
        assert_true(fixture->asker.is_ours);
        assert_false(fixture->asker.is_member);
        assert_true(fixture->is_loopback);
        snprintf(words, sizeof(words), "process %d of user %u", (int)getpid(),
                 (unsigned)geteuid());
        assert_string_equal(fixture->peer, words);
        snprintf(words, sizeof(words), "user %u", (unsigned)geteuid());
        assert_string_equal(fixture->address, words);
        assert_true(listener_is_loopback(fixture->listener));
        assert_int_equal(listener_port(fixture->listener), 0);
        close(fd);
}

static void members_are_told(void **state) {
        struct fixture *fixture = *state;
        // Tests have one thread. NOLINTNEXTLINE(concurrency-mt-unsafe)
        struct group *group = getgrgid(getegid());
        int fd;

        if (!group) {
                skip();
                return;
        }
        listener_close(fixture->listener);
        fixture_open(fixture, group->gr_name);
        fd = client_open(fixture);
        client_ask(fixture, fd);
        assert_true(fixture->asker.is_member);
        close(fd);
}

static void who_may_not_is_told_so(void **state) {
        struct fixture *fixture = *state;
        int fd = client_open(fixture);

        fixture->refusal = "you may not";
        assert_ptr_equal(strstr(client_ask(fixture, fd), "HTTP/1.1 403"), fixture->answer);
        assert_non_null(strstr(fixture->answer, "you may not"));
        close(fd);
}

// An answer may take long; the client that waits for it is not taken for one that has gone.
static void a_long_wait_is_no_break(void **state) {
        struct fixture *fixture = *state;
        int fd = client_open(fixture);

        fixture->is_waiting = true;
        client_ask(fixture, fd);
        assert_non_null(fixture->exchange);
        // What it sends meanwhile is looked at later, and it is not read.
        assert_int_equal(send(fd, REQUEST, strlen(REQUEST), MSG_NOSIGNAL), strlen(REQUEST));
        loop_advance(fixture->loop, 20 * EXCHANGE_LOOK);
        assert_false(fixture->is_gone);
        answer(fixture->exchange);
        fixture->is_waiting = false;
        assert_non_null(strstr(client_read(fixture, fd), "hello"));
        close(fd);
}

static void who_has_gone_is_noticed(void **state) {
        struct fixture *fixture = *state;
        int fd = client_open(fixture);

        fixture->is_waiting = true;
        client_ask(fixture, fd);
        assert_int_equal(send(fd, REQUEST, strlen(REQUEST), MSG_NOSIGNAL), strlen(REQUEST));
        turn(fixture);  // reading has stopped: only asking the kernel tells
        close(fd);
        turn(fixture);
        assert_false(fixture->is_gone);
        loop_advance(fixture->loop, EXCHANGE_LOOK);
        assert_true(fixture->is_gone);
        assert_int_equal(listener_connections(fixture->listener), 0);
}

static void so_many_connections_are_served(void **state) {
        int fds[LISTENER_LOCAL_MAX + 1];
        struct fixture *fixture = *state;

        for (size_t i = 0; i <= LISTENER_LOCAL_MAX; i++) {
                fds[i] = client_open(fixture);
                turn(fixture);
        }
        assert_non_null(strstr(client_read(fixture, fds[LISTENER_LOCAL_MAX]), " 503 "));
        assert_non_null(strstr(client_ask(fixture, fds[0]), " 200 "));
        for (size_t i = 0; i <= LISTENER_LOCAL_MAX; i++)
                close(fds[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(
                        requests_are_answered_and_their_process_is_known, setup, teardown),
                cmocka_unit_test_setup_teardown(members_are_told, setup, teardown),
                cmocka_unit_test_setup_teardown(who_may_not_is_told_so, setup, teardown),
                cmocka_unit_test_setup_teardown(a_long_wait_is_no_break, setup, teardown),
                cmocka_unit_test_setup_teardown(who_has_gone_is_noticed, setup, teardown),
                cmocka_unit_test_setup_teardown(so_many_connections_are_served, setup,
                                                teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
