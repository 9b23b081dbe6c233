// Exchanges whose request has a body: in pieces, paused, too large, late, broken, unwanted.
#include "net/exchange.h"

#include "net/connection.h"
#include "net/exchange_fixture.h"

static void a_body_comes_in_pieces(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, UPLOAD "Content-Length: 100000\r\n\r\n");
        client_send(net, fd, net->body, 100000);
        client_say(net, fd, UPLOAD CHUNKED "5\r\nabcde\r\n");
        client_peek(net, fd);
        expect_status(net, "200");
        assert_true(answer_has(net, "100000 bytes"));
        assert_true(seen.n_pieces >= 6);
        assert_int_equal(seen.n_ends, 1);
        assert_memory_equal(seen.body.data + 100000, "abcde", 5);  // before the rest has come
        client_say(net, fd, "1\r\nf\r\n0\r\n\r\n" UPLOAD "Content-Length: 0\r\n\r\n" NEXT);
        client_peek(net, fd);
        assert_true(answer_has(net, "100006 bytes"));
        assert_int_equal(occurrences(net->output, "HTTP/1.1 200"), 3);
        assert_int_equal(seen.n_ends, 3);
        assert_int_equal(seen.n_gone, 0);
        close(fd);
}

// Nothing of it is taken in, and little kept; and it has time.
static void a_paused_body_waits(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        seen.is_pausing = true;
        client_say(net, fd, UPLOAD CHUNKED);
        for (int i = 0; i < 2; i++) {
                client_say(net, fd, "4000\r\n");
                client_send(net, fd, net->body, 0x4000);
                client_say(net, fd, "\r\n");
        }
        for (size_t i = 1; seen.body.n < 0x8000; i++) {
                turns(net, 20);
                assert_int_equal(seen.n_pieces, i);
                loop_advance(net->loop, 10 * EXCHANGE_BODY_TIMEOUT);
                assert_true(budget_used(net->budget, BUDGET_MESSAGES) <= 2 * BYTES_KEEP);
                exchange_resume(seen.exchange);
                turns(net, 20);
        }
        assert_true(seen.n_pieces > 1);
        seen.is_pausing = false;
        exchange_resume(seen.exchange);
        client_say(net, fd, "0\r\n\r\n");
        client_peek(net, fd);
        assert_true(answer_has(net, "32768 bytes"));
        close(fd);
}

static void a_body_that_is_too_large_gets_413_early(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, UPLOAD "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "413");
        assert_true(answer_has(net, "Connection: close"));
        assert_int_equal(seen.n_gone, 1);
        close(fd);
        fd = client_connect(net);  // the handler has begun to answer, before it hears of it
        client_say(net, fd, "POST /begun HTTP/1.1\r\n" HEAD "Content-Length: 1048577\r\n\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "413");
        assert_int_equal(occurrences(net->output, "HTTP/1.1"), 1);
        assert_int_equal(seen.n_gone, 2);
        close(fd);
        fd = client_connect(net);
        client_say(net, fd, UPLOAD CHUNKED "100000\r\n");
        client_send(net, fd, net->body, BODY_MAX);
        client_say(net, fd, "\r\n1\r\nx\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "413");
        assert_int_equal(seen.n_gone, 3);
        assert_int_equal(seen.body.n, BODY_MAX);
        close(fd);
}

static void continue_is_said_to_whom_a_body_is_wanted_from(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, UPLOAD "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
        client_peek(net, fd);
        assert_string_equal(net->output, "HTTP/1.1 100 Continue\r\n\r\n");
        client_say(net, fd, "ab");
        client_peek(net, fd);
        expect_status(net, "200");
        // Answered without it: it may come or not, and there is no telling what comes next.
        client_say(net, fd,
                   "POST /next HTTP/1.1\r\n" HEAD "Expect: 100-continue\r\nContent-Length: "
                   "2\r\n\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "200");
        assert_true(answer_has(net, "Connection: close"));
        close(fd);
        fd = client_connect(net);
        client_say(net, fd,
                   "POST /upload HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
                   "ab");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "200");
        close(fd);
}

static void a_body_that_does_not_come_gets_408(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, UPLOAD "Content-Length: 1000000\r\n\r\n");
        for (int i = 0; i < 5; i++) {
                loop_advance(net->loop, EXCHANGE_BODY_TIMEOUT - NSEC_PER_SEC);
                client_send(net, fd, net->body, EXCHANGE_BODY_STEP);
        }
        loop_advance(net->loop, EXCHANGE_BODY_TIMEOUT / 2);
        client_send(net, fd, net->body, 1);  // which gives it no more time
        assert_int_equal(seen.n_gone, 0);
        loop_advance(net->loop, EXCHANGE_BODY_TIMEOUT / 2);
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "408");
        assert_int_equal(seen.n_gone, 1);
        close(fd);
}

// Whoever sends a byte now and then is not helped by a handler that pauses after each.
static void a_pause_gives_a_body_no_more_time(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);
        int n_sent = 0;

        seen.is_pausing = true;
        client_say(net, fd, UPLOAD "Content-Length: 1000000\r\n\r\n");
        while (n_sent < 10 && seen.n_gone == 0) {
                client_send(net, fd, net->body, 1);
                n_sent++;
                loop_advance(net->loop, 10 * EXCHANGE_BODY_TIMEOUT);  // which is the handler's
                exchange_resume(seen.exchange);
                loop_advance(net->loop, EXCHANGE_BODY_TIMEOUT / 4);
        }
        assert_int_equal(n_sent, 4);
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "408");
        close(fd);
}

// Cut off with a reset, as of a process that was killed: behind what is not read nobody hears
// it.
static void client_reset(int fd) {
        static const struct linger at_once = {.l_onoff = 1};

        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
        close(fd);
}

static void who_vanishes_unread_is_looked_for(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        seen.is_pausing = true;
        client_say(net, fd, UPLOAD "Content-Length: 1000000\r\n\r\n");
        client_send(net, fd, net->body, 100000);
        loop_advance(net->loop, 10 * EXCHANGE_LOOK);
        assert_int_equal(seen.n_gone, 0);
        client_reset(fd);
        loop_advance(net->loop, EXCHANGE_LOOK);
        turns(net, 20);
        assert_int_equal(seen.n_gone, 1);

        fd = client_connect(net);
        client_say(net, fd, "GET /later HTTP/1.1\r\n" HEAD "\r\n" NEXT);
        loop_advance(net->loop, 10 * EXCHANGE_LOOK);
        assert_int_equal(seen.n_gone, 1);
        client_reset(fd);
        loop_advance(net->loop, EXCHANGE_LOOK);
        turns(net, 20);
        assert_int_equal(seen.n_gone, 2);
        assert_int_equal(listener_connections(net->listener), 0);
}

static void a_broken_body_ends_the_exchange(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, UPLOAD CHUNKED "1\r\nx\r\nnonsense\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "400");
        assert_int_equal(seen.n_gone, 1);
        close(fd);
        fd = client_connect(net);
        client_say(net, fd, "POST /begun HTTP/1.1\r\n" HEAD CHUNKED "1\r\nx\r\nnonsense\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "200");
        assert_int_equal(occurrences(net->output, "HTTP/1.1"), 1);
        assert_false(answer_has(net, "0\r\n\r\n"));  // no whole answer
        assert_int_equal(seen.n_gone, 2);
        close(fd);
}

// The rest of a body that was answered early is read where that is little, for the sake of what
// follows.
static void an_unread_body_is_short_or_the_last(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "POST /next HTTP/1.1\r\n" HEAD "Content-Length: 65536\r\n\r\n");
        client_peek(net, fd);
        expect_status(net, "200");  // before it comes
        client_send(net, fd, net->body, 65536);
        seen.is_replying = true;
        client_say(net, fd, UPLOAD CHUNKED "2\r\nab\r\n2\r\nab\r\n0\r\n\r\n" NEXT);
        client_peek(net, fd);
        assert_int_equal(occurrences(net->output, "HTTP/1.1 200"), 2);
        assert_int_equal(seen.body.n, 2);
        client_say(net, fd, "POST /next HTTP/1.1\r\n" HEAD CHUNKED "20000\r\n");
        client_send(net, fd, net->body, 0x10000);
        assert_false(client_peek(net, fd));
        expect_status(net, "200");
        client_say(net, fd, "x");
        assert_true(client_peek(net, fd));
        close(fd);
        fd = client_connect(net);
        client_say(net, fd, "POST /next HTTP/1.1\r\n" HEAD "Content-Length: 65537\r\n\r\n");
        assert_true(client_read(net, fd, SIZE_MAX));
        expect_status(net, "200");
        assert_true(answer_has(net, "Connection: close"));
        close(fd);
}

static void a_body_without_an_end_is_refused(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, UPLOAD "Transfer-Encoding: gzip\r\n\r\n");
        client_peek(net, fd);
        expect_status(net, "400");
        assert_null(seen.exchange);
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                with_listener(a_body_comes_in_pieces),
                with_listener(a_paused_body_waits),
                with_listener(a_body_that_is_too_large_gets_413_early),
                with_listener(continue_is_said_to_whom_a_body_is_wanted_from),
                with_listener(a_body_that_does_not_come_gets_408),
                with_listener(a_pause_gives_a_body_no_more_time),
                with_listener(who_vanishes_unread_is_looked_for),
                with_listener(a_broken_body_ends_the_exchange),
                with_listener(an_unread_body_is_short_or_the_last),
                with_listener(a_body_without_an_end_is_refused),
        };

        return run_plain_and_encrypted(tests);
}
