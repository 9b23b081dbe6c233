// Turns: when a lane may submit a tentative job, and how that follows the load.
#include "decode/scheduler_rig.h"

struct speaker {
        struct lane *lane;
        unsigned n_turns;
};

static void speaker_on_turn(void *context) {
        struct speaker *speaker = context;

        speaker->n_turns++;
        lane_submit(speaker->lane, rig_job('t', false, 1, 0));
}

static void speaker_open(struct scheduler_rig *rig, struct speaker *speaker) {
        speaker->lane = rig_lane_for(rig, false, rig_ignore_answer, speaker);
        lane_set_turn(speaker->lane, speaker_on_turn);
}

static void turns_come_at_intervals_and_settling_at_once(void **state) {
        struct scheduler_rig *rig = *state;
        struct speaker speaker = {0};

        speaker_open(rig, &speaker);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 1);
        rig_wait(rig);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 1);
        loop_advance(rig->loop, 300 * NSEC_PER_MSEC);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 2);
        rig_wait(rig);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 2);
        lane_want_turn(speaker.lane, true);
        assert_int_equal(speaker.n_turns, 3);
        rig_wait(rig);
}

static void the_engine_keeps_room_for_finals(void **state) {
        struct scheduler_rig *rig = *state;
        struct speaker speakers[20] = {{0}};
        unsigned n_turns = 0;

        engine_script_hold(rig->script);
        for (int i = 0; i < 20; i++) {
                speaker_open(rig, &speakers[i]);
                lane_want_turn(speakers[i].lane, false);
        }
        for (int i = 0; i < 20; i++)
                n_turns += speakers[i].n_turns;
        assert_int_equal(n_turns, 6);
        lane_want_turn(speakers[0].lane, true);
        lane_want_turn(speakers[19].lane, true);
        assert_int_equal(speakers[19].n_turns + speakers[0].n_turns, 3);
        engine_script_release(rig->script);
        for (int i = 0; i < 20; i++)  // whose turn it was not gets it now
                while (speakers[i].n_turns == 0)
                        rig_turn(rig);
        rig_wait(rig);
}

static void late_finals_thin_out_and_then_end_tentative_text(void **state) {
        struct scheduler_rig *rig = *state;
        const struct scheduler_counts *counts = scheduler_counts(rig->scheduler);
        struct speaker speaker = {0};

        rig_block(rig);
        lane_submit(rig_lane(rig, false), rig_job('w', true, 1, 0));
        speaker_open(rig, &speaker);
        loop_advance(rig->loop, 1100 * NSEC_PER_MSEC);
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_SLOWED);
        assert_true(scheduler_stats(rig->scheduler).tentative_interval >= 2 * NSEC_PER_SEC);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 1);
        loop_advance(rig->loop, 3 * NSEC_PER_SEC);
        lane_want_turn(speaker.lane, true);
        assert_int_equal(speaker.n_turns, 1);
        assert_int_equal(counts->n_shed, 1);
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_FINALS_ONLY);
        loop_advance(rig->loop, 3 * NSEC_PER_SEC);
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_FULL);
        engine_script_release(rig->script);
        rig_wait(rig);
        loop_advance(rig->loop, NSEC_PER_SEC / 10);
        for (int level = LOAD_FULL; level > LOAD_NORMAL; level--) {  // one step at a time
                assert_int_equal(scheduler_stats(rig->scheduler).level, level);
                loop_advance(rig->loop, NSEC_PER_SEC);
                assert_int_equal(scheduler_stats(rig->scheduler).level, level);
                loop_advance(rig->loop, NSEC_PER_SEC + NSEC_PER_SEC / 10);
        }
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_NORMAL);
        assert_int_equal(counts->n_levels[LOAD_SLOWED], 1);
        assert_int_equal(counts->n_levels[LOAD_FULL], 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                SCHEDULER_TEST(turns_come_at_intervals_and_settling_at_once),
                SCHEDULER_TEST(the_engine_keeps_room_for_finals),
                SCHEDULER_TEST(late_finals_thin_out_and_then_end_tentative_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
