// What a sink is given, when again, and what becomes of what it does not take.
#include "sink/sink_fixture.h"

static void rows_are_given_in_order_from_now_on(void **state) {
        struct bench *bench = *state;

        bench_say(bench, "old");
        bench_open(bench, 1);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "");
        bench->script.is_held = true;
        for (int i = 0; i < 6; i++)
                bench_say(bench, (const char *[]){"a", "b", "c", "d", "e", "f"}[i]);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a b c d]");
        assert_int_equal(bench_state(bench).lag_rows, 6);
        sink_script_release(&bench->script);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a b c d][e f]");
        bench_say(bench, "g");
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a b c d][e f][g]");
        assert_int_equal(bench_state(bench).n_delivered, 7);
        assert_int_equal(bench_state(bench).lag_rows, 0);
        assert_int_equal(bench_state(bench).health, SINK_WELL);
}

static void a_sink_goes_on_where_it_was(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench_say(bench, "a");
        bench_turn(bench);
        bench->script.is_held = true;
        bench_say(bench, "b");
        bench_turn(bench);
        bench->sinks = sinks_close(bench->sinks);  // while a send is out
        bench_say(bench, "c");
        bench->script.is_held = false;
        bench_open(bench, 1);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a][b][b c]");
        assert_int_equal(bench_state(bench).n_lost, 0);
}

static void a_new_sink_that_was_closed_has_a_place(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench->sinks = sinks_close(bench->sinks);
        bench_say(bench, "a");
        bench_open(bench, 1);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a]");
}

static void a_new_sink_begins_where_it_is_told(void **state) {
        struct bench *bench = *state;
        struct row *late = row_make("late");

        bench->configs[0].from = (char *)"beginning";
        bench->configs[1].from = (char *)"2023-11-15T00:00Z";
        bench_say(bench, "early");
        late->end += 86400000;
        journal_append(bench->journal, late, NULL, NULL);
        bench_open(bench, 2);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[early late]");
        assert_string_equal(bench->other.sends, "[late]");
        // And never again there.
        bench->sinks = sinks_close(bench->sinks);
        bench_open(bench, 2);
        bench_say(bench, "new");
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[early late][new]");
}

static void the_same_rows_come_again_after_a_while(void **state) {
        static const nsec_t most[] = {2, 4, 8, 16, 32, 60, 60, 60};
        struct bench *bench = *state;
        unsigned n;

        bench_open(bench, 1);
        bench->script.outcome = SINK_RETRY;
        bench->script.trouble = "http://user:s3cret@host/ is down";
        bench_say(bench, "a");
        bench_turn(bench);
        bench_say(bench, "b");
        for (size_t i = 0; i < sizeof(most) / sizeof(*most); i++) {
                nsec_t begin = loop_now(bench->loop);

                n = bench->script.n_sends;
                loop_advance(bench->loop, most[i] * NSEC_PER_SEC / 2 - NSEC_PER_MSEC);
                bench_turn(bench);
                assert_int_equal(bench->script.n_sends, n);
                while (bench->script.n_sends == n) {
                        loop_advance(bench->loop, NSEC_PER_MSEC);
                        assert_true(loop_now(bench->loop) <=
                                    begin + (most[i] + 1) * NSEC_PER_SEC);
                }
        }
        assert_string_equal(bench->script.sends, "[a][a][a][a][a][a][a][a][a]");
        assert_int_equal(bench_state(bench).health, SINK_WAITING);
        assert_string_equal(bench_state(bench).trouble, "http://***@host/ is down");
        assert_int_equal(bench_state(bench).n_retries, 9);
        bench->script.outcome = SINK_TAKEN;
        loop_advance(bench->loop, 61 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a][a][a][a][a][a][a][a][a][a][b]");
        assert_int_equal(bench_state(bench).health, SINK_WELL);
        assert_int_equal(bench_state(bench).n_delivered, 2);
}

static void two_sinks_do_not_come_at_the_same_time(void **state) {
        struct bench *bench = *state;

        bench->script.outcome = bench->other.outcome = SINK_RETRY;
        bench->script.trouble = bench->other.trouble = "down";
        bench_open(bench, 2);
        bench_say(bench, "a");
        loop_advance(bench->loop, 3600 * NSEC_PER_SEC);
        assert_true(bench->script.n_sends > 60 && bench->other.n_sends > 60);
        assert_true(bench->script.sent != bench->other.sent);
}

static void a_peer_may_say_when_to_come_again(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench->script.outcome = SINK_RETRY;
        bench->script.trouble = "busy";
        bench->script.retry = 100 * NSEC_PER_SEC;
        bench_say(bench, "a");
        bench_turn(bench);
        loop_advance(bench->loop, 99 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_int_equal(bench->script.n_sends, 1);
        bench->script.retry = INT64_MAX;  // but not for ever
        loop_advance(bench->loop, 1 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_int_equal(bench->script.n_sends, 2);
        loop_advance(bench->loop, 24 * 3600 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_int_equal(bench->script.n_sends, 3);
}

static void what_was_taken_does_not_come_again(void **state) {
        struct bench *bench = *state;

        bench->script.is_held = true;
        bench_open(bench, 1);
        bench_say(bench, "a");
        bench_say(bench, "b");
        bench_say(bench, "c");
        bench_turn(bench);
        bench->script.outcome = SINK_RETRY;
        bench->script.n_taken = 2;
        bench->script.trouble = "full";
        sink_script_release(&bench->script);
        bench->script.outcome = SINK_TAKEN;
        bench->script.is_held = true;
        bench_say(bench, "d");
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a b c][c]");
        assert_int_equal(bench_state(bench).n_delivered, 2);
        sink_script_release(&bench->script);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a b c][c][d]");
}

static void a_row_that_is_refused_is_set_aside_alone(void **state) {
        struct bench *bench = *state;

        bench->script.is_held = true;
        bench->configs[0].tries_max = 3;
        bench_open(bench, 1);
        bench_say(bench, "a");
        bench_turn(bench);
        for (int i = 0; i < 5; i++)
                bench_say(bench, (const char *[]){"b", "bad", "c", "d", "e"}[i]);
        bench->script.poison = "bad";
        sink_script_release(&bench->script);
        bench_turn(bench);
        assert_int_equal(bench_state(bench).n_delivered, 2);
        assert_int_equal(bench_state(bench).health, SINK_WAITING);
        for (int i = 0; i < 10; i++)
                loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a][b bad c d][bad][bad][c d e]");
        assert_int_equal(bench_state(bench).n_set_aside, 1);
        assert_int_equal(bench_state(bench).n_retries, 2);
        assert_int_equal(bench_state(bench).n_delivered, 5);
        assert_int_equal(bench_state(bench).health, SINK_WELL);
        assert_int_equal(bench_state(bench).lag_rows, 0);
}

static void a_refused_row_may_be_taken_later(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench->script.poison = "bad";
        bench_say(bench, "bad");
        bench_turn(bench);
        bench_say(bench, "a");
        bench->script.poison = NULL;
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[bad][bad][a]");
        assert_int_equal(bench_state(bench).n_set_aside, 0);
}

static void a_broken_sink_is_given_nothing_more(void **state) {
        struct bench *bench = *state;

        bench->script.outcome = SINK_BROKEN;
        bench->script.trouble = "it is gone";
        bench_open(bench, 2);
        bench_say(bench, "a");
        bench_turn(bench);
        bench_say(bench, "b");
        loop_advance(bench->loop, 3600 * NSEC_PER_SEC);
        sinks_reopen(bench->sinks);
        sink_tell(bench->script.sink, NULL);
        assert_string_equal(bench->script.sends, "[a]");
        assert_int_equal(bench->script.n_reopened, 0);
        assert_int_equal(bench_state(bench).health, SINK_STOPPED);
        assert_string_equal(bench_state(bench).trouble, "it is gone");
        assert_int_equal(bench_state(bench).lag_rows, 2);
        assert_string_equal(bench->other.sends, "[a][b]");
}

static void one_that_cannot_start_is_in_nobodys_way(void **state) {
        static const struct {
                struct sink_config config;
                const char *trouble;
        } mistakes[] = {
                {{.path = (char *)"nowhere"}, "path: it is nowhere"},
                {{.path = (char *)"wrong"}, "path: it is wrong"},
                {{.type = -1}, "type: say which kind of sink it is"},
                {{.type = SINK_NATS}, "type: nats is not built in"},
                {{.kinds = (char *)"alert music"},
                 "what: music is not one of segment, alert, status"},
                {{.from = (char *)"yesterday"},
                 "from: yesterday is neither \"now\", \"beginning\" nor a date such as "
                 "2026-11-30 or 2026-11-30T12:00"},
                {{.tries_max = -1}, "tries: -1 is negative"},
        };
        struct bench *bench = *state;
        char *name = bench->configs[0].name;

        for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
                bench->configs[0] = mistakes[i].config;
                bench->configs[0].name = name;
                bench->other.sends[0] = '\0';
                bench_open(bench, 2);
                bench_say(bench, "a");
                bench_turn(bench);
                assert_int_equal(bench_state(bench).health, SINK_STOPPED);
                assert_string_equal(bench_state(bench).trouble, mistakes[i].trouble);
                assert_string_equal(bench->other.sends, "[a]");
                sinks_on_event(bench->sinks, &(struct sink_event){.stream = "garage"});
                sinks_reopen(bench->sinks);
                assert_false(sinks_want_partials(bench->sinks));
                bench->sinks = sinks_close(bench->sinks);
        }
}

static void a_lost_connection_is_told(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        sink_tell(bench->script.sink, "mqtt://me:s3cret@broker closed");
        assert_int_equal(bench_state(bench).health, SINK_WAITING);
        assert_string_equal(bench_state(bench).trouble, "mqtt://***@broker closed");
        sink_tell(bench->script.sink, NULL);
        assert_int_equal(bench_state(bench).health, SINK_WELL);
        // The last trouble stays.
        assert_string_equal(bench_state(bench).trouble, "mqtt://***@broker closed");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(rows_are_given_in_order_from_now_on),
                TEST(a_sink_goes_on_where_it_was),
                TEST(a_new_sink_that_was_closed_has_a_place),
                TEST(a_new_sink_begins_where_it_is_told),
                TEST(the_same_rows_come_again_after_a_while),
                TEST(two_sinks_do_not_come_at_the_same_time),
                TEST(a_peer_may_say_when_to_come_again),
                TEST(what_was_taken_does_not_come_again),
                TEST(a_row_that_is_refused_is_set_aside_alone),
                TEST(a_refused_row_may_be_taken_later),
                TEST(a_broken_sink_is_given_nothing_more),
                TEST(one_that_cannot_start_is_in_nobodys_way),
                TEST(a_lost_connection_is_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
