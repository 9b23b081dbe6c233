// Which job goes first, who pays for a flood, and what is counted.
#include "decode/scheduler.h"

#include <errno.h>

#include "audio/pcm.h"
#include "decode/scheduler_rig.h"
#include "util/mem.h"

static void finals_come_before_partials(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false), *b = rig_flow(rig, false);

        rig_block(rig);
        flow_submit(a, rig_job('t', false, 1, 1));
        flow_submit(b, rig_job('f', true, 1, 100));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xft");
}

static void earliest_deadline_goes_first(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false), *b = rig_flow(rig, false);

        rig_block(rig);
        flow_submit(a, rig_job('l', true, 1, 200));
        flow_submit(b, rig_job('e', true, 1, 100));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xel");
}

static void a_flood_leaves_others_their_grant(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *flood = rig_flow(rig, true), *talker = rig_flow(rig, false);

        rig_block(rig);
        for (int i = 0; i < 8; i++)
                flow_submit(flood, rig_job('F', true, 20, 0));
        flow_submit(talker, rig_job('a', true, 2, 3 * NSEC_PER_SEC));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xaFFFFFFFF");
}

static int setup_roomy(void **state) {
        return scheduler_rig_open(state, 16, (struct scheduler_config){.n_engines = 1});
}

// When text is late, one job that is not urgent at a time is in the engine.
static void a_late_decoder_takes_little_of_a_flood(void **state) {
        struct scheduler_rig *rig = *state;
        const struct histogram *steps = &scheduler_counts(rig->scheduler)->engine_steps;
        struct flow *flood = rig_flow(rig, true), *talks = rig_flow(rig, false);

        flow_submit(rig_block(rig), rig_job('y', true, 1, 0));
        loop_advance(rig->loop, 2600 * NSEC_PER_MSEC);
        flow_submit(talks, rig_job('t', false, 1, 0));
        rig_close_flow(rig, talks);
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_SLOWED);
        for (int i = 0; i < 8; i++)
                flow_submit(flood, rig_job('F', true, 20, 0));
        rig_wait_submitted(rig, 2);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_int_equal(rig->n_answers, 10);
        assert_int_equal(steps->counts[0] + steps->counts[1], histogram_count(steps));
}

static void two_floods_share_by_seconds_of_sound(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, true), *b = rig_flow(rig, true);

        rig_block(rig);
        for (int i = 0; i < 3; i++)
                flow_submit(a, rig_job('L', true, 20, 0));
        for (int i = 0; i < 6; i++)
                flow_submit(b, rig_job('s', true, 9, 1));
        engine_script_release(rig->script);
        rig_wait(rig);
        // L is due at 1, 21 and 41 s; s at 0.45, 9.45, 18.45, 27.45, 36.45 and 45.45 s.
        assert_string_equal(rig->answers, "xsLssLssLs");
}

static void a_long_window_lets_short_ones_pass(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *flows[4];

        rig_block(rig);
        for (int i = 0; i < 4; i++)
                flows[i] = rig_flow(rig, false);
        flow_submit(flows[0], rig_job('L', true, 28, NSEC_PER_SEC));
        for (int i = 1; i < 4; i++) {
                loop_advance(rig->loop, 400 * NSEC_PER_MSEC);
                flow_submit(flows[i], rig_job((char)('0' + i), true, 2,
                                              loop_now(rig->loop) + NSEC_PER_SEC));
        }
        loop_advance(rig->loop, 400 * NSEC_PER_MSEC);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "x123L");
}

// What was said before the last window is no debt: it took its own time to say.
static void a_short_sentence_soon_behind_a_long_one_is_in_time(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *talks = rig_flow(rig, false), *other = rig_flow(rig, false);

        flow_submit(talks, rig_job('L', true, 20, 0));
        rig_wait(rig);
        loop_advance(rig->loop, 3 * NSEC_PER_SEC);
        rig_block(rig);
        flow_submit(other, rig_job('t', false, 1, loop_now(rig->loop)));
        flow_submit(talks, rig_job('s', true, 2, loop_now(rig->loop)));
        engine_script_release(rig->script);
        rig_wait_submitted(rig, 2);
        rig_wait(rig);
        assert_string_equal(rig->answers, "Lxst");
}

// A stream with a large backlog that is silent now lets those go first who talk.
static void who_talks_is_caught_up_first(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *left = rig_flow(rig, false), *talks = rig_flow(rig, false);

        rig_block(rig);
        for (int i = 0; i < 4; i++)
                flow_submit(left, rig_job('l', true, 10, 0));
        loop_advance(rig->loop, 60 * NSEC_PER_SEC);
        flow_submit(talks, rig_job('t', true, 10, loop_now(rig->loop)));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xtllll");
}

// The backlog of those who left is not late, down to its last window.
static void debtor_on_answer(void *context, const struct job *job, int result,
                             struct hypothesis *hypothesis) {
        struct scheduler_rig *rig = context;

        rig_on_answer(rig, job, result, hypothesis);
        assert_int_equal(scheduler_stats(rig->scheduler).final_delay, 0);
}

// An overload ends: a crowd with a large backlog falls silent, and was queued while it talked.
// What one of them who goes on says is in time, and the backlog comes after it.
static void after_an_overload_who_talks_is_in_time(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *crowd[20], *talks = rig_flow(rig, false);

        rig_block(rig);
        for (int i = 0; i < 20; i++)
                crowd[i] = rig_flow_for(rig, false, debtor_on_answer, rig);
        for (int second = 0; second < 15; second += 5) {
                for (int i = 0; i < 20; i++)
                        flow_submit(crowd[i], rig_job('c', true, 5, loop_now(rig->loop)));
                loop_advance(rig->loop, 5 * NSEC_PER_SEC);
        }
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_FULL);
        flow_submit(talks, rig_job('t', true, 5, loop_now(rig->loop)));
        loop_advance(rig->loop, 8 * NSEC_PER_SEC);
        flow_submit(talks, rig_job('t', true, 5, loop_now(rig->loop)));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_memory_equal(rig->answers, "xttc", 4);
        assert_int_equal(rig->n_answers, 63);
}

static void one_failed_job_leaves_the_others_alone(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false);

        flow_submit(a, rig_job('!', true, 1, 0));
        flow_submit(a, rig_job('b', true, 1, 0));
        rig_wait(rig);
        assert_string_equal(rig->answers, "!b");
        assert_int_equal(rig->results[0], -EINVAL);
        assert_int_equal(rig->results[1], 0);
        assert_int_equal(scheduler_counts(rig->scheduler)->kinds[JOB_FINAL].n_failed, 1);
}

// Only answers that may be final, and only where nobody has chosen.
static void what_may_be_final_gets_beams_while_there_is_time(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *live = rig_flow(rig, false);
        struct job *greedy = rig_job('g', true, 1, 0);

        flow_submit(live, rig_job('t', false, 1, 0));
        rig_wait(rig);
        flow_submit(live, rig_job_speculative('s'));
        rig_wait(rig);
        flow_submit(live, rig_job('f', true, 1, 0));
        rig_wait(rig);
        greedy->hints.beam_size = 2;
        flow_submit(live, greedy);
        rig_wait(rig);
        assert_string_equal(rig->answers, "tsfg");
        assert_int_equal(rig->beams[0], 1);
        assert_int_equal(rig->beams[1], 5);
        assert_int_equal(rig->beams[2], 5);
        assert_int_equal(rig->beams[3], 2);
        assert_int_equal(scheduler_counts(rig->scheduler)->n_searched, 2);
}

// All of its windows, however many wait: a file's text does not depend on what else there is.
static void files_get_beams_unless_somebody_has_chosen(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *file = rig_flow(rig, true);
        struct job *greedy = rig_job('g', true, 1, 7);

        greedy->hints.beam_size = 1;
        rig_block(rig);
        for (int i = 0; i < 7; i++)
                flow_submit(file, rig_job((char)('a' + i), true, 1, i));
        flow_submit(file, greedy);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xabcdefgg");
        for (size_t i = 1; i < 8; i++)
                assert_int_equal(rig->beams[i], 5);
        assert_int_equal(rig->beams[8], 1);
        // Counted is what there was time for: what blocked the engine.
        assert_int_equal(scheduler_counts(rig->scheduler)->n_searched, 1);
}

// The fifth that comes finds five before it. And what is in a stream's backlog beyond its first
// gets none.
static void beams_end_when_jobs_wait(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *flows[5];

        for (int i = 0; i < 5; i++)
                flows[i] = rig_flow(rig, false);
        rig_block(rig);
        for (int i = 0; i < 5; i++)
                flow_submit(flows[i], rig_job((char)('a' + i), true, 1, i));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xabcde");
        assert_int_equal(rig->beams[1], 5);
        assert_int_equal(rig->beams[4], 5);
        assert_int_equal(rig->beams[5], 1);
        rig_block(rig);
        flow_submit(flows[0], rig_job('f', true, 1, 0));
        flow_submit(flows[0], rig_job('g', true, 1, 0));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xabcdexfg");
        assert_int_equal(rig->beams[7], 5);
        assert_int_equal(rig->beams[8], 1);
}

// Nor is there time when the answers to partial jobs are slow.
static void beams_end_when_answers_are_slow(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *flow = rig_flow(rig, false);

        for (int i = 0; i < 8; i++) {
                engine_script_hold(rig->script);
                flow_submit(flow, rig_job('t', false, 1, 0));
                rig_wait_submitted(rig, (unsigned)i + 1);
                loop_advance(rig->loop, 1200 * NSEC_PER_MSEC);
                engine_script_release(rig->script);
                rig_wait(rig);
        }
        flow_submit(flow, rig_job('f', true, 1, 0));
        rig_wait(rig);
        assert_string_equal(rig->answers, "ttttttttf");
        assert_int_equal(rig->beams[8], 1);
}

// One hard window, for ten seconds in the engine.
static void what_is_in_the_engine_does_not_count_as_delay(void **state) {
        struct scheduler_rig *rig = *state;

        rig_block(rig);
        loop_advance(rig->loop, 10 * NSEC_PER_SEC);
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_NORMAL);
        assert_int_equal(scheduler_stats(rig->scheduler).final_delay, 0);
}

// And what its own stream says next waits for it, not for the engine; for so long as a window
// may take.
static void what_waits_for_its_own_window_counts_once_that_is_overdue(void **state) {
        struct scheduler_rig *rig = *state;

        flow_submit(rig_block(rig), rig_job('y', true, 1, 0));
        loop_advance(rig->loop, 1500 * NSEC_PER_MSEC);
        assert_int_equal(scheduler_stats(rig->scheduler).final_delay, 0);
        loop_advance(rig->loop, 1100 * NSEC_PER_MSEC);
        assert_int_equal(scheduler_stats(rig->scheduler).final_delay, 1100 * NSEC_PER_MSEC);
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_SLOWED);
}

// Of a live window the engine is told after 1.5 seconds inside, of others never.
static void check_overdue(struct scheduler_rig *rig, bool is_bulk, nsec_t inside,
                          bool is_told) {
        struct flow *flow = rig_flow(rig, is_bulk);
        unsigned n = engine_script_submitted(rig->script);
        unsigned n_hurried = engine_script_hurried(rig->script);

        engine_script_hold(rig->script);
        flow_submit(flow, rig_job('f', true, 1, 0));
        rig_wait_submitted(rig, n + 1);
        loop_advance(rig->loop, inside);
        rig_wait_told(rig);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_int_equal(engine_script_hurried(rig->script) > n_hurried, is_told);
}

static void a_live_job_is_told_when_it_is_overdue(void **state) {
        struct scheduler_rig *rig = *state;

        check_overdue(rig, false, NSEC_PER_SEC, false);
        check_overdue(rig, false, 2 * NSEC_PER_SEC, true);
        check_overdue(rig, true, 60 * NSEC_PER_SEC, false);
        check_overdue(rig, false, 2 * NSEC_PER_SEC, true);  // the clock goes on
}

// Its time in the queue is not its own.
static void a_job_that_waits_is_not_overdue(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *flow = rig_flow(rig, false);

        rig_block(rig);
        flow_submit(flow, rig_job('f', true, 1, 0));
        loop_advance(rig->loop, 10 * NSEC_PER_SEC);
        rig_wait_told(rig);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xf");
        assert_int_equal(engine_script_hurried(rig->script), 1);  // the blocker
}

static void work_is_counted_by_kind(void **state) {
        struct scheduler_rig *rig = *state;
        const struct scheduler_counts *counts = scheduler_counts(rig->scheduler);
        struct flow *a, *b;

        loop_advance(rig->loop, NSEC_PER_SEC);
        rig_block(rig);
        a = rig_flow(rig, false);
        b = rig_flow(rig, true);
        flow_submit(a, rig_job('t', false, 2, 0));
        flow_submit(b, rig_job('f', true, 4, 0));
        loop_advance(rig->loop, 3 * NSEC_PER_SEC);
        engine_script_release(rig->script);
        rig_wait(rig);
        // The blocker was three seconds inside, the others waited for it.
        assert_true(counts->kinds[JOB_FINAL].queue_seconds.sum == 0);
        assert_true(counts->kinds[JOB_FINAL].decode_seconds.sum == 3);
        assert_true(counts->kinds[JOB_FINAL].audio_seconds == 1);
        assert_true(counts->kinds[JOB_PARTIAL].queue_seconds.sum == 3);
        assert_true(counts->kinds[JOB_PARTIAL].decode_seconds.sum == 0);
        assert_true(counts->kinds[JOB_PARTIAL].audio_seconds == 2);
        assert_true(counts->kinds[JOB_FILE].queue_seconds.sum == 3);
        assert_true(counts->kinds[JOB_FILE].audio_seconds == 4);
        for (int kind = 0; kind < JOB_KIND_COUNT; kind++)
                assert_int_equal(histogram_count(&counts->kinds[kind].decode_seconds), 1);
        // One job at a time is all that this engine takes.
        assert_true(histogram_count(&counts->engine_steps) >= 3);
        assert_int_equal(histogram_count(&counts->engine_steps),
                         counts->engine_steps.counts[0]);
        assert_int_equal(counts->n_coalesced, 0);
}

static void what_the_filters_refuse_is_not_told(void **state) {
        struct scheduler_rig *rig = *state;
        const struct filter_counts *filters = &scheduler_counts(rig->scheduler)->filters;
        struct flow *a = rig_flow(rig, false);

        flow_submit(a, rig_job('~', true, 1, 0));
        flow_submit(a, rig_job('b', true, 1, 0));
        rig_wait(rig);
        assert_string_equal(rig->answers, "~b");
        assert_int_equal(rig->results[0], 0);
        assert_int_equal(filters->n_refused[FILTER_COMPRESSION_RATIO], 1);
}

// The teardown closes it.
static void closing_in_mid_work_frees_all(void **state) {
        struct scheduler_rig *rig = *state;

        engine_script_hold(rig->script);
        for (int i = 0; i < 3; i++) {
                struct flow *flow = rig_flow(rig, i == 2);

                for (int j = 0; j < 9; j++)
                        flow_submit(flow, rig_job('a', true, 1, 0));
        }
        rig_wait_submitted(rig, 7);
}

static void many_flows_on_two_engines_lose_nothing(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *flows[20];

        for (int i = 0; i < 20; i++)
                flows[i] = rig_flow(rig, i % 3 == 0);
        for (int j = 0; j < 10; j++)
                for (int i = 0; i < 20; i++)
                        flow_submit(flows[i], rig_job('a', true, 0.5 + i, j));
        rig_wait(rig);
        assert_int_equal(rig->n_answers, 200);
}

// A final job that brings along what was heard before it.
static struct job *job_with_lead(char letter) {
        struct job *job = rig_job(letter, true, 1, 0);

        job->hints.lead.n_samples = AUDIO_RATE;
        job->hints.lead.samples = xcalloc(AUDIO_RATE, sizeof(float));
        return job;
}

static void what_waits_behind_a_backlog_brings_nothing_along(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *flow = rig_flow(rig, false);

        rig_block(rig);
        flow_submit(flow, job_with_lead('f'));
        flow_submit(flow, job_with_lead('g'));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xfg");
        assert_true(rig->has_lead[1]);
        assert_false(rig->has_lead[2]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCHEDULER_TEST(finals_come_before_partials),
                SCHEDULER_TEST(earliest_deadline_goes_first),
                SCHEDULER_TEST(a_flood_leaves_others_their_grant),
                cmocka_unit_test_setup_teardown(a_late_decoder_takes_little_of_a_flood,
                                                setup_roomy, scheduler_rig_teardown),
                SCHEDULER_TEST(two_floods_share_by_seconds_of_sound),
                SCHEDULER_TEST(a_long_window_lets_short_ones_pass),
                SCHEDULER_TEST(a_short_sentence_soon_behind_a_long_one_is_in_time),
                SCHEDULER_TEST(who_talks_is_caught_up_first),
                SCHEDULER_TEST(after_an_overload_who_talks_is_in_time),
                SCHEDULER_TEST(one_failed_job_leaves_the_others_alone),
                SCHEDULER_TEST(what_may_be_final_gets_beams_while_there_is_time),
                SCHEDULER_TEST(files_get_beams_unless_somebody_has_chosen),
                SCHEDULER_TEST(beams_end_when_jobs_wait),
                SCHEDULER_TEST(what_waits_behind_a_backlog_brings_nothing_along),
                SCHEDULER_TEST(beams_end_when_answers_are_slow),
                SCHEDULER_TEST(what_is_in_the_engine_does_not_count_as_delay),
                SCHEDULER_TEST(what_waits_for_its_own_window_counts_once_that_is_overdue),
                SCHEDULER_TEST(a_live_job_is_told_when_it_is_overdue),
                SCHEDULER_TEST(a_job_that_waits_is_not_overdue),
                SCHEDULER_TEST(work_is_counted_by_kind),
                SCHEDULER_TEST(what_the_filters_refuse_is_not_told),
                SCHEDULER_TEST_MANY(closing_in_mid_work_frees_all),
                SCHEDULER_TEST_MANY(many_flows_on_two_engines_lose_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
