// Connections that are no HTTP: their bytes, backpressure, limits, and every way to end.
#include "net/raw.h"

#include "net/net_client.h"

#define HELD 4

struct raw_side {
        struct net_fixture *net;
        struct raw *raws[HELD];  // in the order they came
        size_t n_raws, n_closed, n_dropped, n_ended, n_drained;
        struct bytes got;
        size_t step;  // bytes taken at a time; 0: all
        bool pauses;  // after each step
        bool owes;    // something, to who has ended
        bool is_refusing;
} side;

static size_t side_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        size_t taken = side.step && side.step < n ? side.step : n;

        assert_true(n > 0);
        assert_true(bytes_append(&side.got, bytes, taken));
        if (side.pauses)
                raw_pause(context);
        return taken;
}

static void side_on_end(void *context) {
        side.n_ended++;
        if (!side.owes)
                raw_close(context);
}

static void side_on_drained(void *context) {
        (void)context;
        side.n_drained++;
}

static void side_on_close(void *context, bool is_dropped) {
        (void)context;
        side.n_closed++;
        side.n_dropped += is_dropped;
}

static void side_on_raw(void *context, const struct http_request *request, struct raw *raw) {
        const struct raw_handler handler = {side_on_bytes, side_on_end, side_on_drained,
                                            side_on_close, raw};

        (void)context;
        assert_memory_equal(request->peer, "127.0.0.", 8);
        assert_true(request->is_loopback);
        assert_null(http_request_header(request, "Host"));
        assert_true(side.n_raws < HELD);
        side.raws[side.n_raws++] = raw;
        raw_set_handler(raw, &handler, 64 * 1024);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the listener's type of it
static char *side_admit(void *context, struct http_request *request, int *ret_status) {
        (void)context;
        (void)request;
        (void)ret_status;
        return side.is_refusing ? xstrdup("not you") : NULL;
}

static int setup(void **state) {
        struct listener_handler handler = {.admit = side_admit, .on_raw = side_on_raw};
        struct net_fixture *net;

        client_setup(state);
        net = *state;
        side = (struct raw_side){.net = net};
        handler.budget = net->budget;
        listener_close(net->listener);
        return listener_open(&net->listener, net->loop, "127.0.0.1:0", &handler, NULL);
}

static int teardown(void **state) {
        struct net_fixture *net = *state;

        net->listener = listener_close(net->listener);
        assert_int_equal(side.n_closed, side.n_raws);  // each exactly once
        bytes_deinit(&side.got);
        return net_teardown(state);
}

static void turn(struct net_fixture *net) {
        for (int turns = 0; turns < 50; turns++)
                loop_turn(net->loop);
}

static void bytes_go_both_ways(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        side.step = 3;
        client_say(net, fd, "hello, world");
        assert_int_equal(side.got.n, 12);
        assert_memory_equal(side.got.data, "hello, world", 12);
        raw_send(side.raws[0], "good", 4);
        raw_send(side.raws[0], " day", 4);
        assert_false(client_read(net, fd, 8));
        assert_string_equal(net->output, "good day");
        assert_int_equal(side.n_drained, 1);
        close(fd);
}

static void who_pauses_gets_nothing_more(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        side.step = 4;
        side.pauses = true;
        client_say(net, fd, "fourfive");
        assert_int_equal(side.got.n, 4);
        raw_resume(side.raws[0]);
        turn(net);
        assert_int_equal(side.got.n, 8);
        close(fd);
}

static void what_was_said_arrives_before_the_end(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "x");
        raw_send(side.raws[0], net->body, 30000);
        raw_close(side.raws[0]);
        raw_send(side.raws[0], "late", 4);
        client_say(net, fd, "ignored");
        assert_true(client_read(net, fd, SIZE_MAX));
        assert_int_equal(net->n_output, 30000);
        assert_int_equal(side.got.n, 1);
        assert_int_equal(side.n_closed, 0);  // the client has not hung up
        close(fd);
        turn(net);
        assert_int_equal(side.n_closed, 1);
        assert_int_equal(listener_connections(net->listener), 0);
}

static void who_never_hangs_up_is_dropped(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "x");
        raw_close(side.raws[0]);
        turn(net);
        assert_int_equal(side.n_closed, 0);
        loop_advance(net->loop, 5 * NSEC_PER_SEC);
        turn(net);
        assert_int_equal(side.n_closed, 1);
        close(fd);
}

static void who_has_ended_still_gets_its_answer(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        side.owes = true;
        client_say(net, fd, "all");
        shutdown(fd, SHUT_WR);
        turn(net);
        assert_int_equal(side.n_ended, 1);
        loop_advance(net->loop, 10 * NSEC_PER_SEC);
        assert_int_equal(side.n_closed, 0);
        raw_send(side.raws[0], "text", 4);
        raw_close(side.raws[0]);
        assert_true(client_read(net, fd, SIZE_MAX));
        assert_string_equal(net->output, "text");
        turn(net);
        assert_int_equal(side.n_closed, 1);
        close(fd);
}

static void a_slow_reader_is_dropped(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        client_say(net, fd, "x");
        for (int i = 0; i < 1000 && !side.n_dropped; i++) {
                raw_send(side.raws[0], net->body, 40000);
                loop_turn(net->loop);
        }
        assert_int_equal(side.n_dropped, 1);
        assert_int_equal(budget_used(net->budget, BUDGET_SENDING), 0);
        close(fd);
}

static void limits_hold_for_each_address(void **state) {
        struct net_fixture *net = *state;
        struct listener_limits limits = {.per_address = 2};
        int fds[3], other;

        listener_limit(net->listener, &limits);
        for (int i = 0; i < 3; i++)
                fds[i] = client_connect(net);
        turn(net);
        assert_int_equal(side.n_raws, 2);
        assert_true(client_peek(net, fds[2]));
        other = client_connect_from(net, "127.0.0.9");
        turn(net);
        assert_int_equal(side.n_raws, 3);
        for (int i = 0; i < 3; i++)
                close(fds[i]);
        close(other);
        turn(net);
        assert_int_equal(listener_connections(net->listener), 0);
}

static void who_may_not_is_closed(void **state) {
        struct net_fixture *net = *state;
        int fd = client_connect(net);

        side.is_refusing = true;
        turn(net);
        assert_int_equal(side.n_raws, 0);
        assert_true(client_peek(net, fd));
        close(fd);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(bytes_go_both_ways, setup, teardown),
                cmocka_unit_test_setup_teardown(who_pauses_gets_nothing_more, setup, teardown),
                cmocka_unit_test_setup_teardown(what_was_said_arrives_before_the_end, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(who_never_hangs_up_is_dropped, setup, teardown),
                cmocka_unit_test_setup_teardown(who_has_ended_still_gets_its_answer, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_slow_reader_is_dropped, setup, teardown),
                cmocka_unit_test_setup_teardown(limits_hold_for_each_address, setup, teardown),
                cmocka_unit_test_setup_teardown(who_may_not_is_closed, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
