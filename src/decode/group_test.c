// Groups: the engines are shared between owners first, and coming again is no new beginning.
#include "decode/scheduler_rig.h"

#include <string.h>

// An engine with sixteen places, as the real one.
static int setup_roomy(void **state) {
        return scheduler_rig_open(state, 16, (struct scheduler_config){.n_engines = 1});
}

static struct flow *flow_of(struct scheduler_rig *rig, const char *owner) {
        return rig_flow_of(rig, owner, rig_on_answer, rig);
}

// Somebody else has just said something.
static struct flow *flow_alone(struct scheduler_rig *rig) {
        struct flow *alone = flow_of(rig, "alone");

        flow_submit(alone, rig_job('a', true, 1, loop_now(rig->loop) + NSEC_PER_SEC));
        rig_wait(rig);
        return alone;
}

// `n` sessions of one owner, each with one window.
static void crowd_submit(struct scheduler_rig *rig, int n, double seconds) {
        for (int i = 0; i < n; i++)
                flow_submit(flow_of(rig, "crowd"),
                            rig_job('c', true, seconds, loop_now(rig->loop) + NSEC_PER_SEC));
}

static size_t place_of(const struct scheduler_rig *rig, char letter, size_t from) {
        const char *place = memchr(rig->answers + from, letter, rig->n_answers - from);

        assert_non_null(place);
        return (size_t)(place - rig->answers) - from;
}

static void a_crowd_is_due_behind_its_backlog(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *alone = flow_alone(rig);

        rig_block(rig);
        crowd_submit(rig, 24, 10);
        loop_advance(rig->loop, 2 * NSEC_PER_SEC);
        flow_submit(alone, rig_job('a', true, 2, loop_now(rig->loop) + NSEC_PER_SEC));
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_int_equal(rig->n_answers, 1 + 1 + 24 + 1);
        // The crowd's are due at 1.5, 2, 2.5, ... s, the other at 3.1 s.
        assert_in_range(place_of(rig, 'a', 1), 1, 6);
}

// Let the threads take what they can.
static void grants_pass(struct scheduler_rig *rig) {
        for (int i = 0; i < 200; i++)
                rig_grant(rig);
}

static void a_crowd_leaves_room_in_the_engine(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *alone = flow_alone(rig);

        engine_script_hold(rig->script);
        crowd_submit(rig, 20, 5);
        rig_wait_submitted(rig, 1 + 6);
        grants_pass(rig);
        assert_int_equal(engine_script_submitted(rig->script), 1 + 6);
        flow_submit(alone, rig_job('a', true, 2, loop_now(rig->loop) + NSEC_PER_SEC));
        rig_wait_submitted(rig, 1 + 7);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_int_equal(rig->n_answers, 1 + 20 + 1);
}

static void who_is_alone_has_all_of_the_engine(void **state) {
        struct scheduler_rig *rig = *state;

        flow_alone(rig);
        loop_advance(rig->loop, 60 * NSEC_PER_SEC);  // and gone again
        engine_script_hold(rig->script);
        crowd_submit(rig, 20, 5);
        rig_wait_submitted(rig, 1 + 16);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_int_equal(rig->n_answers, 1 + 20);
}

// A promoted answer that waits for an earlier final takes no place from it.
static void answers_that_wait_take_no_room(void **state) {
        static const struct job_window window = {
                .begin = 0, .n_samples = (size_t)2 * AUDIO_RATE, .language = ""};
        struct scheduler_rig *rig = *state;
        struct flow *flows[8];

        flow_alone(rig);
        engine_script_hold(rig->script);
        crowd_submit(rig, 6, 5);
        for (int i = 0; i < 8; i++) {
                flows[i] = flow_of(rig, "crowd");
                flow_submit(flows[i], rig_job('1', true, 1, loop_now(rig->loop)));
                flow_submit(flows[i], rig_job_speculative('s'));
                assert_true(flow_promote(flows[i], &window));
        }
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_int_equal(rig->n_answers, 1 + 6 + 16);
}

static void the_backlog_of_an_owner_is_the_sum_of_its_flows(void **state) {
        struct scheduler_rig *rig = *state;

        rig_block(rig);
        crowd_submit(rig, 3, 5);
        flow_submit(flow_of(rig, "alone"), rig_job('a', true, 7, 0));
        assert_true(scheduler_owner_backlog(rig->scheduler, "crowd") == 15);
        assert_true(scheduler_owner_backlog(rig->scheduler, "alone") == 7);
        assert_true(scheduler_owner_backlog(rig->scheduler, "nobody") == 0);
        engine_script_release(rig->script);
        rig_wait(rig);
        assert_true(scheduler_owner_backlog(rig->scheduler, "crowd") == 0);
}

// --- coming again ----------------------------------------------------------------------------

struct visit {
        bool is_urgent;
        unsigned n_answers;
};

static void visit_on_answer(void *context, const struct job *job, int result,
                            struct hypothesis *hypothesis) {
        struct visit *visit = context;

        (void)result;
        (void)hypothesis;
        visit->is_urgent = job->rank == JOB_RANK_FINAL;
        visit->n_answers++;
}

// Come, pour in a window, have it answered and go. Was it urgent?
static bool visit_pay(struct scheduler_rig *rig, const char *owner, double seconds) {
        struct visit visit = {0};
        struct flow *flow = rig_flow_of(rig, owner, visit_on_answer, &visit);

        flow_submit(flow, rig_job('v', true, seconds, loop_now(rig->loop) + NSEC_PER_SEC));
        rig_wait(rig);
        assert_int_equal(visit.n_answers, 1);
        rig_close_flow(rig, flow);
        return visit.is_urgent;
}

static void coming_again_is_no_new_beginning(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *alone = flow_alone(rig);

        assert_true(visit_pay(rig, "again", 25));
        assert_true(visit_pay(rig, "again", 25));  // 25 s to make up for
        assert_false(visit_pay(rig, "again", 25));
        assert_false(visit_pay(rig, "again", 5));
        assert_true(visit_pay(rig, "other", 25));
        loop_advance(rig->loop, 8 * NSEC_PER_SEC);  // eight times that are made up for
        flow_submit(alone, rig_job('a', true, 1, loop_now(rig->loop)));
        assert_true(visit_pay(rig, "again", 5));
}

static void who_comes_again_alone_waits_for_nobody(void **state) {
        struct scheduler_rig *rig = *state;

        for (int i = 0; i < 9; i++)
                assert_true(visit_pay(rig, "again", 25));
}

static void a_household_may_dictate(void **state) {
        struct scheduler_rig *rig = *state;

        flow_alone(rig);
        for (int sentence = 0; sentence < 40; sentence++) {
                assert_true(visit_pay(rig, "again", 6));
                loop_advance(rig->loop, NSEC_PER_SEC);
        }
}

// What was said at its own pace is nothing to make up for.
static void talkers_who_leave_owe_nothing(void **state) {
        struct scheduler_rig *rig = *state;
        struct flow *talks = flow_of(rig, "again");

        for (int i = 0; i < 20; i++) {
                loop_advance(rig->loop, 5 * NSEC_PER_SEC);
                flow_submit(talks, rig_job('t', true, 5, loop_now(rig->loop)));
                rig_wait(rig);
        }
        rig_close_flow(rig, talks);
        flow_alone(rig);
        assert_true(visit_pay(rig, "again", 25));
}

// --- grants
// -----------------------------------------------------------------------------------

struct speaker {
        struct flow *flow;
        unsigned *n_given;  // grants of all speakers
        unsigned n_grants;
        unsigned number;  // that the last grant was
};

static void speaker_on_grant(void *context) {
        struct speaker *speaker = context;

        speaker->n_grants++;
        speaker->number = ++*speaker->n_given;
        flow_submit(speaker->flow, rig_job('t', false, 1, 0));
}

static void speaker_open(struct scheduler_rig *rig, struct speaker *speaker, const char *owner,
                         unsigned *n_given) {
        speaker->n_given = n_given;
        speaker->flow = rig_flow_of(rig, owner, rig_ignore_answer, speaker);
        flow_set_on_grant(speaker->flow, speaker_on_grant);
}

static void the_next_grant_is_of_who_has_none(void **state) {
        struct scheduler_rig *rig = *state;
        struct speaker alone = {0}, crowd[20] = {{0}};
        unsigned n_given = 0;

        speaker_open(rig, &alone, "alone", &n_given);
        flow_request_grant(alone.flow, false);
        rig_wait(rig);
        loop_advance(rig->loop, NSEC_PER_SEC);
        engine_script_hold(rig->script);
        for (int i = 0; i < 20; i++) {
                speaker_open(rig, &crowd[i], "crowd", &n_given);
                flow_request_grant(crowd[i].flow, false);
        }
        flow_request_grant(alone.flow, false);
        assert_int_equal(alone.n_grants, 1);
        engine_script_release(rig->script);
        while (alone.n_grants < 2)
                rig_grant(rig);
        assert_int_equal(alone.number, 1 + 6 + 1);  // after what was inside already
        rig_wait(rig);
}

#define ROOMY_TEST(function) \
        cmocka_unit_test_setup_teardown(function, setup_roomy, scheduler_rig_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                SCHEDULER_TEST(a_crowd_is_due_behind_its_backlog),
                ROOMY_TEST(a_crowd_leaves_room_in_the_engine),
                ROOMY_TEST(who_is_alone_has_all_of_the_engine),
                ROOMY_TEST(answers_that_wait_take_no_room),
                SCHEDULER_TEST(the_backlog_of_an_owner_is_the_sum_of_its_flows),
                SCHEDULER_TEST(coming_again_is_no_new_beginning),
                SCHEDULER_TEST(who_comes_again_alone_waits_for_nobody),
                SCHEDULER_TEST(a_household_may_dictate),
                SCHEDULER_TEST(talkers_who_leave_owe_nothing),
                SCHEDULER_TEST(the_next_grant_is_of_who_has_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
