// What becomes of a sink when rows go from the journal, or the journal itself does.
#include "sink/sink_fixture.h"

static void rows_that_are_removed_before_they_were_taken_are_counted(void **state) {
        struct bench *bench = *state;

        bench->script.outcome = SINK_RETRY;
        bench->script.trouble = "down";
        bench_open(bench, 1);
        for (int i = 0; i < 6; i++)
                bench_say(bench, (const char *[]){"a", "b", "c", "d", "e", "f"}[i]);
        bench_turn(bench);
        fixture_remove(bench->journal, 4);
        bench->script.outcome = SINK_TAKEN;
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a b c d][e f]");
        assert_int_equal(bench_state(bench).n_lost, 4);
        assert_int_equal(bench_state(bench).n_delivered, 2);
}

static void all_rows_may_be_removed(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench->sinks = sinks_close(bench->sinks);
        bench_say(bench, "a");
        bench_say(bench, "b");
        fixture_remove(bench->journal, 2);
        bench_open(bench, 1);
        bench_turn(bench);
        assert_int_equal(bench_state(bench).n_lost, 2);
        bench->script.outcome = SINK_RETRY;
        bench->script.trouble = "down";
        bench_say(bench, "c");
        bench_turn(bench);
        fixture_remove(bench->journal, 1);
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_int_equal(bench_state(bench).n_lost, 3);
        assert_int_equal(bench_state(bench).lag_rows, 0);
        assert_int_equal(bench_state(bench).health, SINK_WELL);
}

static void what_begins_at_the_beginning_lost_nothing_before_it(void **state) {
        struct bench *bench = *state;

        bench->configs[0].from = (char *)"beginning";
        bench_say(bench, "a");
        bench_say(bench, "b");
        fixture_remove(bench->journal, 1);
        bench_open(bench, 1);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[b]");
        assert_int_equal(bench_state(bench).n_lost, 0);
}

static void what_was_forgotten_is_not_lost(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench_say(bench, "a");
        bench_turn(bench);
        bench->script.outcome = SINK_RETRY;
        bench->script.trouble = "down";
        bench_say(bench, "b");
        bench_say(bench, "c");
        bench_turn(bench);
        fixture_forget(bench->journal, 1);
        append_kind(bench, ROW_FORGOTTEN, "garage");
        bench->script.outcome = SINK_TAKEN;
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        // Nothing of what was forgotten is sent again.
        assert_string_equal(bench->script.sends, "[a][b c][c][forgotten]");
        assert_int_equal(bench_state(bench).n_lost, 0);
}

static void another_database_is_begun_at_its_first_row(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench_say(bench, "a");
        bench_turn(bench);
        bench->script.outcome = SINK_RETRY;
        bench->script.trouble = "down";
        bench_say(bench, "b");
        bench_say(bench, "c");
        bench_turn(bench);
        fixture_renew(bench->journal);
        bench_say(bench, "d");
        bench->script.outcome = SINK_TAKEN;
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        bench_say(bench, "e");
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a][b c][d][e]");
        assert_int_equal(bench_state(bench).n_lost, 2);
        assert_int_equal(bench_state(bench).lag_rows, 0);
}

static void a_database_that_is_begun_anew_may_be_empty(void **state) {
        struct bench *bench = *state;
        unsigned before;

        bench->script.outcome = SINK_RETRY;
        bench->script.trouble = "down";
        bench_open(bench, 1);
        bench_say(bench, "a");
        bench_turn(bench);
        fixture_renew(bench->journal);
        bench->script.outcome = SINK_TAKEN;
        before = bench->journal->n_reads;
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_int_equal(bench->journal->n_reads, before + 1);
        bench_say(bench, "b");
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a][b]");
        assert_int_equal(bench_state(bench).n_lost, 1);
}

static void a_journal_that_cannot_be_read_is_read_later(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench->journal->error = "disk on fire";
        bench_say(bench, "a");
        bench_turn(bench);
        assert_int_equal(bench_state(bench).health, SINK_WAITING);
        assert_string_equal(bench_state(bench).trouble, "disk on fire");
        bench->journal->error = NULL;
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a]");
        assert_int_equal(bench_state(bench).health, SINK_WELL);
}

static void what_was_shown_before_it_was_written_comes_once(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        fixture_append_late(bench->journal, row_make("a"));
        bench_turn(bench);
        assert_int_equal(bench->journal->n_reads, 1);
        bench_say(bench, "b");
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a][b]");
}

// The journal cannot be opened yet, since its disk is full: nobody knows where the sink is.
static void a_journal_that_opens_late_has_the_sinks_place(void **state) {
        struct bench *bench = *state;

        bench_open(bench, 1);
        bench_say(bench, "a");
        bench_turn(bench);
        bench->sinks = sinks_close(bench->sinks);
        bench_say(bench, "b");
        bench->journal->is_shut = true;
        bench_open(bench, 1);
        bench_turn(bench);
        loop_advance(bench->loop, 10 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_int_equal(bench->journal->n_reads, 1);
        bench->journal->is_shut = false;
        // Whether or not somebody says something.
        loop_advance(bench->loop, 2 * NSEC_PER_SEC);
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a][b]");
        bench_say(bench, "c");
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a][b][c]");
        assert_int_equal(bench_state(bench).n_lost, 0);
        assert_int_equal(bench_state(bench).health, SINK_WELL);
}

// A sink that is new then begins with what came since it is there.
static void a_new_sink_has_what_waited_for_the_journal(void **state) {
        struct bench *bench = *state;

        bench_say(bench, "before");
        bench->journal->is_shut = true;
        bench_open(bench, 1);
        bench_turn(bench);
        bench->journal->is_shut = false;
        bench_say(bench, "a");
        bench_turn(bench);
        assert_string_equal(bench->script.sends, "[a]");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(rows_that_are_removed_before_they_were_taken_are_counted),
                TEST(all_rows_may_be_removed),
                TEST(what_begins_at_the_beginning_lost_nothing_before_it),
                TEST(what_was_forgotten_is_not_lost),
                TEST(another_database_is_begun_at_its_first_row),
                TEST(a_database_that_is_begun_anew_may_be_empty),
                TEST(a_journal_that_cannot_be_read_is_read_later),
                TEST(what_was_shown_before_it_was_written_comes_once),
                TEST(a_journal_that_opens_late_has_the_sinks_place),
                TEST(a_new_sink_has_what_waited_for_the_journal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
