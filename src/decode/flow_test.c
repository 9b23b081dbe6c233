// One flow: its jobs, its order, its end, and the partial answers that become finals.
#include "audio/pcm.h"
#include "decode/scheduler_rig.h"

static void a_newer_partial_replaces_one_that_waits(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false);

        rig_block(rig);
        flow_submit(a, rig_job('1', false, 1, 0));
        flow_submit(a, rig_job('2', false, 1, 0));
        assert_true(flow_has_partial(a));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "x2");
        assert_int_equal(scheduler_counts(rig->scheduler)->n_coalesced, 1);
}

static void a_final_cancels_a_running_partial(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false);

        engine_script_hold(rig->script);
        flow_submit(a, rig_job('t', false, 1, 0));
        rig_wait_submitted(rig, 1);
        flow_submit(a, rig_job('f', true, 1, 0));
        rig_wait_submitted(rig, 2);  // the partial left the only slot
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "f");
}

static void finals_of_a_flow_are_never_dropped_and_stay_in_order(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false);

        for (int letter = 'a'; letter <= 'z'; letter++) {
                flow_submit(a, rig_job((char)letter, true, 1, 'z' - letter));
        }
        assert_int_equal(flow_backlog(a), 26);
        rig_wait(rig);
        assert_string_equal(rig->answers, "abcdefghijklmnopqrstuvwxyz");
        assert_int_equal(flow_backlog(a), 0);
}

static void a_wide_flow_answers_in_order(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, true);

        for (int letter = 'a'; letter <= 'z'; letter++)
                flow_submit(a,
                            rig_job((char)letter, true, 1 + letter % 5 / 10.0, 'z' - letter));
        rig_wait(rig);
        assert_string_equal(rig->answers, "abcdefghijklmnopqrstuvwxyz");
        assert_true(scheduler_stats(rig->scheduler).backlog_seconds == 0);  // to the last bit
}

static void closing_a_flow_silences_it(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *x = rig_block(rig);
        struct flow *a = rig_flow(rig, false);

        flow_submit(a, rig_job('a', true, 1, 0));
        flow_submit(a, rig_job('b', true, 1, 0));
        rig_close_flow(rig, a);
        rig_close_flow(rig, x);  // its job is inside the engine
        engine_script_release(rig->script);
        rig_wait(rig);
        loop_turn(rig->loop);
        assert_int_equal(rig->n_answers, 0);
}

static void close_on_answer(void *context, const struct job *job, int result,
                            struct hypothesis *hypothesis) {
        struct flow **flow = context;

        (void)job;
        (void)result;
        (void)hypothesis;
        *flow = flow_close(*flow);
}

static void a_listener_may_close_its_flow(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *flow;

        flow = flow_open(rig->scheduler, NULL, true, close_on_answer, &flow);
        for (int i = 0; i < 9; i++)
                flow_submit(flow, rig_job('a', true, 1, 0));
        while (flow)
                rig_grant(rig);
}

// --- promotion -------------------------------------------------------------------------------

static const struct job_window window_paused = {
        .begin = 0, .n_samples = (size_t)2 * AUDIO_RATE, .language = ""};

static void a_kept_answer_becomes_the_final_one(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false);
        struct job_window other = window_paused;

        flow_submit(a, rig_job_speculative('s'));
        rig_wait(rig);
        other.n_samples--;
        assert_false(flow_promote(a, &other));
        assert_true(flow_promote(a, &window_paused));
        assert_int_equal(flow_backlog(a), 1);
        assert_string_equal(rig->answers, "s");  // not from inside our call
        rig_wait(rig);
        assert_string_equal(rig->answers, "ss");
        assert_int_equal(engine_script_submitted(rig->script), 1);
        assert_false(flow_promote(a, &window_paused));
}

static void a_job_is_promoted_while_it_waits_or_runs(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false), *b = rig_flow(rig, false);

        engine_script_hold(rig->script);
        flow_submit(a, rig_job_speculative('r'));
        rig_wait_submitted(rig, 1);
        flow_submit(b, rig_job_speculative('w'));
        assert_true(flow_promote(a, &window_paused));
        assert_true(flow_promote(b, &window_paused));
        flow_submit(a, rig_job('f', true, 1, 0));
        assert_int_equal(flow_backlog(a), 2);  // the promoted one was not replaced
        rig_wait_told(rig);
        assert_int_equal(engine_script_promoted(rig->script), 1);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_int_equal(rig->n_answers, 3);
        assert_int_equal(rig->answers[0], 'r');
}

static void what_may_be_final_goes_before_what_goes_on(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false), *b = rig_flow(rig, false);

        rig_block(rig);
        flow_submit(a, rig_job('t', false, 1, 0));
        flow_submit(b, rig_job_speculative('s'));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xst");
}

// What may be final does not go before what is.
static void finals_go_before_what_may_be_final(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false), *b = rig_flow(rig, false);

        rig_block(rig);
        flow_submit(a, rig_job_speculative('s'));
        flow_submit(b, rig_job('f', true, 1, NSEC_PER_SEC));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xfs");
}

static void a_promoted_answer_waits_for_earlier_finals(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, true);

        engine_script_hold(rig->script);
        flow_submit(a, rig_job('1', true, 1, 9));
        flow_submit(a, rig_job_speculative('s'));
        assert_true(flow_promote(a, &window_paused));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "1s");
}

static void a_closed_flow_forgets_what_it_kept(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *a = rig_flow(rig, false), *b = rig_flow(rig, false);

        flow_submit(a, rig_job_speculative('s'));
        flow_submit(b, rig_job_speculative('t'));
        rig_wait(rig);
        assert_true(flow_promote(a, &window_paused));
        rig_close_flow(rig, a);  // its answer is under way
        rig_close_flow(rig, b);
        loop_turn(rig->loop);
        assert_int_equal(rig->n_answers, 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCHEDULER_TEST(a_newer_partial_replaces_one_that_waits),
                SCHEDULER_TEST(a_final_cancels_a_running_partial),
                SCHEDULER_TEST(finals_of_a_flow_are_never_dropped_and_stay_in_order),
                SCHEDULER_TEST_MANY(a_wide_flow_answers_in_order),
                SCHEDULER_TEST(closing_a_flow_silences_it),
                SCHEDULER_TEST_MANY(a_listener_may_close_its_flow),
                SCHEDULER_TEST(a_kept_answer_becomes_the_final_one),
                SCHEDULER_TEST(a_job_is_promoted_while_it_waits_or_runs),
                SCHEDULER_TEST(what_may_be_final_goes_before_what_goes_on),
                SCHEDULER_TEST(finals_go_before_what_may_be_final),
                SCHEDULER_TEST(a_promoted_answer_waits_for_earlier_finals),
                SCHEDULER_TEST(a_closed_flow_forgets_what_it_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
