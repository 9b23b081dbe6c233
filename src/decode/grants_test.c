// Grants: when a flow may submit a partial job, and how that follows the load.
#include "decode/scheduler_rig.h"

struct speaker {
        struct flow *flow;
        unsigned n_grants;
};

static void speaker_on_grant(void *context) {
        struct speaker *speaker = context;

        speaker->n_grants++;
        flow_submit(speaker->flow, rig_job('t', false, 1, 0));
}

static void speaker_open(struct scheduler_rig *rig, struct speaker *speaker) {
        speaker->flow = rig_flow_for(rig, false, rig_ignore_answer, speaker);
        flow_set_on_grant(speaker->flow, speaker_on_grant);
}

static void grants_come_at_intervals_and_speculative_ones_at_once(void **state) {
        struct scheduler_rig *rig = *state;
        struct speaker speaker = {0};

        speaker_open(rig, &speaker);
        flow_request_grant(speaker.flow, false);
        assert_int_equal(speaker.n_grants, 1);
        rig_wait(rig);
        flow_request_grant(speaker.flow, false);
        assert_int_equal(speaker.n_grants, 1);
        loop_advance(rig->loop, 300 * NSEC_PER_MSEC);
        flow_request_grant(speaker.flow, false);
        assert_int_equal(speaker.n_grants, 2);
        rig_wait(rig);
        flow_request_grant(speaker.flow, false);
        assert_int_equal(speaker.n_grants, 2);
        flow_request_grant(speaker.flow, true);
        assert_int_equal(speaker.n_grants, 3);
        rig_wait(rig);
}

static void the_engine_keeps_room_for_finals(void **state) {
        struct scheduler_rig *rig = *state;
        struct speaker speakers[20] = {{0}};
        unsigned n_grants = 0;

        engine_script_hold(rig->script);
        for (int i = 0; i < 20; i++) {
                speaker_open(rig, &speakers[i]);
                flow_request_grant(speakers[i].flow, false);
        }
        for (int i = 0; i < 20; i++)
                n_grants += speakers[i].n_grants;
        assert_int_equal(n_grants, 6);
        flow_request_grant(speakers[0].flow, true);
        flow_request_grant(speakers[19].flow, true);
        assert_int_equal(speakers[19].n_grants + speakers[0].n_grants, 3);
        engine_script_release(rig->script);
        for (int i = 0; i < 20; i++)  // whose grant it was not gets it now
                while (speakers[i].n_grants == 0)
                        rig_grant(rig);
        rig_wait(rig);
}

// A final of thirty seconds takes a while: more than two partial ones would make it later. A
// file's makes nobody wait.
static void finals_at_the_engine_hold_grants_back(void **state) {
        struct scheduler_rig *rig = *state;
        struct speaker speakers[4] = {{0}};

        engine_script_hold(rig->script);
        flow_submit(rig_flow(rig, true), rig_job('F', true, 30, 0));
        for (int i = 0; i < 4; i++)
                speaker_open(rig, &speakers[i]);
        for (int i = 0; i < 3; i++) {
                flow_request_grant(speakers[i].flow, true);
                assert_int_equal(speakers[i].n_grants, 1);
        }
        flow_submit(rig_flow(rig, false), rig_job('f', true, 30, 0));
        flow_request_grant(speakers[3].flow, true);
        assert_int_equal(speakers[3].n_grants, 0);
        engine_script_release(rig->script);
        while (speakers[3].n_grants == 0)
                rig_grant(rig);
        rig_wait(rig);
}

// The first two are let in all the same.
static void partial_text_never_ends_for_finals_alone(void **state) {
        struct scheduler_rig *rig = *state;
        struct speaker speakers[3] = {{0}};

        engine_script_hold(rig->script);
        flow_submit(rig_flow(rig, false), rig_job('f', true, 30, 0));
        for (int i = 0; i < 3; i++) {
                speaker_open(rig, &speakers[i]);
                flow_request_grant(speakers[i].flow, true);
                assert_int_equal(speakers[i].n_grants, i < 2);
        }
        engine_script_release(rig->script);
        while (speakers[2].n_grants == 0)
                rig_grant(rig);
        rig_wait(rig);
}

static void late_finals_thin_out_and_then_end_partial_text(void **state) {
        struct scheduler_rig *rig = *state;
        const struct scheduler_counts *counts = scheduler_counts(rig->scheduler);
        struct speaker speaker = {0};

        rig_block(rig);
        flow_submit(rig_flow(rig, false), rig_job('w', true, 1, 0));
        speaker_open(rig, &speaker);
        loop_advance(rig->loop, 1100 * NSEC_PER_MSEC);
        assert_int_equal(scheduler_stats(rig->scheduler).level, LOAD_SLOWED);
        assert_true(scheduler_stats(rig->scheduler).partial_interval >= 2 * NSEC_PER_SEC);
        flow_request_grant(speaker.flow, false);
        assert_int_equal(speaker.n_grants, 1);
        loop_advance(rig->loop, 3 * NSEC_PER_SEC);
        flow_request_grant(speaker.flow, true);
        assert_int_equal(speaker.n_grants, 1);
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
                SCHEDULER_TEST(grants_come_at_intervals_and_speculative_ones_at_once),
                SCHEDULER_TEST(the_engine_keeps_room_for_finals),
                SCHEDULER_TEST(finals_at_the_engine_hold_grants_back),
                SCHEDULER_TEST(partial_text_never_ends_for_finals_alone),
                SCHEDULER_TEST(late_finals_thin_out_and_then_end_partial_text),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
