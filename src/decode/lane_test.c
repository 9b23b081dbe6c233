// One lane: its jobs, its order, its end, and the tentative answers that become finals.
#include "audio/pcm.h"
#include "decode/scheduler_rig.h"

static void a_newer_tentative_replaces_one_that_waits(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, false);

        rig_block(rig);
        lane_submit(a, rig_job('1', false, 1, 0));
        lane_submit(a, rig_job('2', false, 1, 0));
        assert_true(lane_has_tentative(a));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "x2");
        assert_int_equal(scheduler_counts(rig->scheduler)->n_coalesced, 1);
}

static void a_final_cancels_a_running_tentative(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, false);

        engine_script_hold(rig->script);
        lane_submit(a, rig_job('t', false, 1, 0));
        rig_wait_submitted(rig, 1);
        lane_submit(a, rig_job('f', true, 1, 0));
        rig_wait_submitted(rig, 2);  // the tentative left the only slot
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "f");
}

static void finals_of_a_lane_are_never_dropped_and_stay_in_order(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, false);

        for (int letter = 'a'; letter <= 'z'; letter++) {
                lane_submit(a, rig_job((char)letter, true, 1, 'z' - letter));
        }
        assert_int_equal(lane_owed(a), 26);
        rig_wait(rig);
        assert_string_equal(rig->answers, "abcdefghijklmnopqrstuvwxyz");
        assert_int_equal(lane_owed(a), 0);
}

static void a_wide_lane_answers_in_order(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, true);

        for (int letter = 'a'; letter <= 'z'; letter++)
                lane_submit(a,
                            rig_job((char)letter, true, 1 + letter % 5 / 10.0, 'z' - letter));
        rig_wait(rig);
        assert_string_equal(rig->answers, "abcdefghijklmnopqrstuvwxyz");
        assert_true(scheduler_stats(rig->scheduler).seconds_owed == 0);  // to the last bit
}

static void closing_a_lane_silences_it(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *x = rig_block(rig);
        struct lane *a = rig_lane(rig, false);

        lane_submit(a, rig_job('a', true, 1, 0));
        lane_submit(a, rig_job('b', true, 1, 0));
        rig_close_lane(rig, a);
        rig_close_lane(rig, x);  // its job is inside the engine
        engine_script_release(rig->script);
        rig_wait(rig);
        loop_turn(rig->loop);
        assert_int_equal(rig->n_answers, 0);
}

static void close_on_answer(void *context, const struct job *job, int result,
                            struct hypothesis *hypothesis) {
        struct lane **lane = context;

        (void)job;
        (void)result;
        (void)hypothesis;
        *lane = lane_close(*lane);
}

static void a_listener_may_close_its_lane(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *lane;

        lane = lane_open(rig->scheduler, NULL, true, close_on_answer, &lane);
        for (int i = 0; i < 9; i++)
                lane_submit(lane, rig_job('a', true, 1, 0));
        while (lane)
                rig_turn(rig);
}

// --- promotion -------------------------------------------------------------------------------

static const struct job_window window_settled = {
        .begin = 0, .n_samples = (size_t)2 * AUDIO_RATE, .language = ""};

static void a_kept_answer_becomes_the_final_one(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, false);
        struct job_window other = window_settled;

        lane_submit(a, rig_job_settling('s'));
        rig_wait(rig);
        other.n_samples--;
        assert_false(lane_promote(a, &other));
        assert_true(lane_promote(a, &window_settled));
        assert_int_equal(lane_owed(a), 1);
        assert_string_equal(rig->answers, "s");  // not from inside our call
        rig_wait(rig);
        assert_string_equal(rig->answers, "ss");
        assert_int_equal(engine_script_submitted(rig->script), 1);
        assert_false(lane_promote(a, &window_settled));
}

static void a_job_is_promoted_while_it_waits_or_runs(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, false), *b = rig_lane(rig, false);

        engine_script_hold(rig->script);
        lane_submit(a, rig_job_settling('r'));
        rig_wait_submitted(rig, 1);
        lane_submit(b, rig_job_settling('w'));
        assert_true(lane_promote(a, &window_settled));
        assert_true(lane_promote(b, &window_settled));
        lane_submit(a, rig_job('f', true, 1, 0));
        assert_int_equal(lane_owed(a), 2);  // the promoted one was not replaced
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_int_equal(rig->n_answers, 3);
        assert_int_equal(rig->answers[0], 'r');
}

static void what_settles_goes_before_what_goes_on(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, false), *b = rig_lane(rig, false);

        rig_block(rig);
        lane_submit(a, rig_job('t', false, 1, 0));
        lane_submit(b, rig_job_settling('s'));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "xst");
}

static void a_promoted_answer_waits_for_earlier_finals(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, true);

        engine_script_hold(rig->script);
        lane_submit(a, rig_job('1', true, 1, 9));
        lane_submit(a, rig_job_settling('s'));
        assert_true(lane_promote(a, &window_settled));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_string_equal(rig->answers, "1s");
}

static void a_closed_lane_forgets_what_it_kept(void **state) {
        struct scheduler_rig *rig = *state;
        struct lane *a = rig_lane(rig, false), *b = rig_lane(rig, false);

        lane_submit(a, rig_job_settling('s'));
        lane_submit(b, rig_job_settling('t'));
        rig_wait(rig);
        assert_true(lane_promote(a, &window_settled));
        rig_close_lane(rig, a);  // its answer is under way
        rig_close_lane(rig, b);
        loop_turn(rig->loop);
        assert_int_equal(rig->n_answers, 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCHEDULER_TEST(a_newer_tentative_replaces_one_that_waits),
                SCHEDULER_TEST(a_final_cancels_a_running_tentative),
                SCHEDULER_TEST(finals_of_a_lane_are_never_dropped_and_stay_in_order),
                SCHEDULER_TEST_MANY(a_wide_lane_answers_in_order),
                SCHEDULER_TEST(closing_a_lane_silences_it),
                SCHEDULER_TEST_MANY(a_listener_may_close_its_lane),
                SCHEDULER_TEST(a_kept_answer_becomes_the_final_one),
                SCHEDULER_TEST(a_job_is_promoted_while_it_waits_or_runs),
                SCHEDULER_TEST(what_settles_goes_before_what_goes_on),
                SCHEDULER_TEST(a_promoted_answer_waits_for_earlier_finals),
                SCHEDULER_TEST(a_closed_lane_forgets_what_it_kept),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
