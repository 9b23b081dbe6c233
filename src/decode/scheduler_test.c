// The scheduler's promises, on a scripted engine and a fake clock.
#include "decode/scheduler.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "decode/engine_scripted.h"
#include "util/mem.h"

#define ANSWERS_MAX 256

struct fixture {
        struct loop *loop;
        struct engine_script *script;
        struct scheduler *scheduler;
        char answers[ANSWERS_MAX];  // one letter per answer, in the order they came
        size_t n_answers;
        int results[ANSWERS_MAX];
};

// The letter a job is known by travels in its prompt.
static struct job *job_named(char letter, bool is_final, double seconds, nsec_t deadline) {
        struct job *job = job_new((size_t)(seconds * AUDIO_RATE));

        job->is_final = is_final;
        job->deadline = deadline;
        job->options.prompt = xasprintf("%c", letter);
        return job;
}

static int script_answer(void *context, const struct job *job, struct hypothesis *ret) {
        struct hypothesis_segment *segment;

        (void)context;
        if (job->options.prompt[0] == '!')
                return -EINVAL;
        segment = hypothesis_append(ret);
        segment->text = xstrdup(job->options.prompt);
        segment->compression_ratio = job->options.prompt[0] == '~' ? 9 : 1;
        return 0;
}

static void fixture_on_answer(void *context, const struct job *job, int result,
                              struct hypothesis *hypothesis) {
        struct fixture *fixture = context;

        fixture->results[fixture->n_answers] = result;
        fixture->answers[fixture->n_answers++] = job->options.prompt[0];
        if (result == 0 && job->options.prompt[0] == '~')
                assert_int_equal(hypothesis->n_segments, 0);
        else if (result == 0)
                assert_string_equal(hypothesis->segments[0].text, job->options.prompt);
}

static void fixture_wait(struct fixture *fixture) {
        for (;;) {
                struct scheduler_stats stats = scheduler_stats(fixture->scheduler);

                if (stats.n_final + stats.n_tentative == 0)
                        return;
                loop_turn(fixture->loop);
                sched_yield();
        }
}

static void fixture_wait_submitted(struct fixture *fixture, unsigned n) {
        while (engine_script_submitted(fixture->script) < n)
                sched_yield();
}

static int setup_capacity(void **state, size_t capacity, unsigned n_engines) {
        struct fixture *fixture = xnew(struct fixture);
        struct scheduler_config config = {.engine = &engine_scripted, .n_engines = n_engines};

        fixture->loop = loop_new_fake(0);
        fixture->script = engine_script_new(capacity, script_answer, NULL);
        config.model = fixture->script;
        *state = fixture;
        return scheduler_open(&fixture->scheduler, fixture->loop, &config, NULL);
}

static int setup(void **state) {
        return setup_capacity(state, 1, 1);
}

static int setup_many(void **state) {
        return setup_capacity(state, 4, 2);
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        scheduler_close(fixture->scheduler);
        loop_free(fixture->loop);
        engine_script_free(fixture->script);
        free(fixture);
        return 0;
}

static struct lane *fixture_lane(struct fixture *fixture, bool is_wide) {
        return lane_open(fixture->scheduler, is_wide, fixture_on_answer, fixture);
}

// Hold the engine with a first job inside, so that what follows has to queue.
static struct lane *fixture_block(struct fixture *fixture) {
        struct lane *blocker = fixture_lane(fixture, false);

        engine_script_hold(fixture->script);
        lane_submit(blocker, job_named('x', true, 1, 0));
        fixture_wait_submitted(fixture, 1);
        return blocker;
}

static void finals_come_before_tentatives(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *a = fixture_lane(fixture, false), *b = fixture_lane(fixture, false);

        lane_submit(a, job_named('t', false, 1, 1));
        lane_submit(b, job_named('f', true, 1, 100));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "xft");
        lane_close(a);
        lane_close(b);
        lane_close(x);
}

static void earliest_deadline_goes_first(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *a = fixture_lane(fixture, false), *b = fixture_lane(fixture, false);

        lane_submit(a, job_named('l', true, 1, 200));
        lane_submit(b, job_named('e', true, 1, 100));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "xel");
        lane_close(a);
        lane_close(b);
        lane_close(x);
}

static void a_newer_tentative_replaces_one_that_waits(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *a = fixture_lane(fixture, false);

        lane_submit(a, job_named('1', false, 1, 0));
        lane_submit(a, job_named('2', false, 1, 0));
        assert_true(lane_has_tentative(a));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "x2");
        assert_int_equal(scheduler_counts(fixture->scheduler)->n_coalesced, 1);
        lane_close(a);
        lane_close(x);
}

static void a_final_cancels_a_running_tentative(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, false);

        engine_script_hold(fixture->script);
        lane_submit(a, job_named('t', false, 1, 0));
        fixture_wait_submitted(fixture, 1);
        lane_submit(a, job_named('f', true, 1, 0));
        fixture_wait_submitted(fixture, 2);  // the tentative left the only slot
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "f");
        lane_close(a);
}

static void finals_of_a_lane_are_never_dropped_and_stay_in_order(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, false);

        for (int letter = 'a'; letter <= 'z'; letter++) {
                lane_submit(a, job_named((char)letter, true, 1, 'z' - letter));
        }
        assert_int_equal(lane_owed(a), 26);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "abcdefghijklmnopqrstuvwxyz");
        assert_int_equal(lane_owed(a), 0);
        lane_close(a);
}

static void a_flood_leaves_others_their_turn(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *flood = fixture_lane(fixture, true),
                    *talker = fixture_lane(fixture, false);

        for (int i = 0; i < 8; i++)
                lane_submit(flood, job_named('F', true, 20, 0));
        lane_submit(talker, job_named('a', true, 2, 3 * NSEC_PER_SEC));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "xaFFFFFFFF");
        lane_close(flood);
        lane_close(talker);
        lane_close(x);
}

static void two_floods_share_by_seconds_of_sound(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *a = fixture_lane(fixture, true), *b = fixture_lane(fixture, true);

        for (int i = 0; i < 3; i++)
                lane_submit(a, job_named('L', true, 20, 0));
        for (int i = 0; i < 6; i++)
                lane_submit(b, job_named('s', true, 9, 1));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        // L is due at 1, 21 and 41 s; s at 0.45, 9.45, 18.45, 27.45, 36.45 and 45.45 s.
        assert_string_equal(fixture->answers, "xsLssLssLs");
        lane_close(a);
        lane_close(b);
        lane_close(x);
}

static void closing_a_lane_silences_it(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *a = fixture_lane(fixture, false);

        lane_submit(a, job_named('a', true, 1, 0));
        lane_submit(a, job_named('b', true, 1, 0));
        lane_close(a);
        lane_close(x);  // its job is inside the engine
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        loop_turn(fixture->loop);
        assert_int_equal(fixture->n_answers, 0);
}

static void one_failed_job_leaves_the_others_alone(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, false);

        lane_submit(a, job_named('!', true, 1, 0));
        lane_submit(a, job_named('b', true, 1, 0));
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "!b");
        assert_int_equal(fixture->results[0], -EINVAL);
        assert_int_equal(fixture->results[1], 0);
        assert_int_equal(scheduler_counts(fixture->scheduler)->kinds[JOB_FINAL].n_failed, 1);
        lane_close(a);
}

static void work_is_counted_by_kind(void **state) {
        struct fixture *fixture = *state;
        const struct scheduler_counts *counts = scheduler_counts(fixture->scheduler);
        struct lane *x, *a, *b;

        loop_advance(fixture->loop, NSEC_PER_SEC);
        x = fixture_block(fixture);
        a = fixture_lane(fixture, false);
        b = fixture_lane(fixture, true);
        lane_submit(a, job_named('t', false, 2, 0));
        lane_submit(b, job_named('f', true, 4, 0));
        loop_advance(fixture->loop, 3 * NSEC_PER_SEC);
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        // The blocker was three seconds inside, the others waited for it.
        assert_true(counts->kinds[JOB_FINAL].queue_seconds.sum == 0);
        assert_true(counts->kinds[JOB_FINAL].decode_seconds.sum == 3);
        assert_true(counts->kinds[JOB_FINAL].audio_seconds == 1);
        assert_true(counts->kinds[JOB_TENTATIVE].queue_seconds.sum == 3);
        assert_true(counts->kinds[JOB_TENTATIVE].decode_seconds.sum == 0);
        assert_true(counts->kinds[JOB_TENTATIVE].audio_seconds == 2);
        assert_true(counts->kinds[JOB_FILE].queue_seconds.sum == 3);
        assert_true(counts->kinds[JOB_FILE].audio_seconds == 4);
        for (int kind = 0; kind < JOB_KIND_COUNT; kind++)
                assert_int_equal(histogram_count(&counts->kinds[kind].decode_seconds), 1);
        // One job at a time is all that this engine takes.
        assert_true(histogram_count(&counts->engine_steps) >= 3);
        assert_int_equal(histogram_count(&counts->engine_steps),
                         counts->engine_steps.counts[0]);
        assert_int_equal(counts->n_coalesced, 0);
        lane_close(a);
        lane_close(b);
        lane_close(x);
}

static void what_the_guards_refuse_is_not_told(void **state) {
        struct fixture *fixture = *state;
        const struct guard_counts *guards = &scheduler_counts(fixture->scheduler)->guards;
        struct lane *a = fixture_lane(fixture, false);

        lane_submit(a, job_named('~', true, 1, 0));
        lane_submit(a, job_named('b', true, 1, 0));
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "~b");
        assert_int_equal(fixture->results[0], 0);
        assert_int_equal(guards->n_refused[GUARD_COMPRESSION_RATIO], 1);
        lane_close(a);
}

static void closing_in_mid_work_frees_all(void **state) {
        struct fixture *fixture = *state;
        struct lane *lanes[3];

        engine_script_hold(fixture->script);
        for (int i = 0; i < 3; i++) {
                lanes[i] = fixture_lane(fixture, i == 2);
                for (int j = 0; j < 9; j++)
                        lane_submit(lanes[i], job_named('a', true, 1, 0));
        }
        fixture_wait_submitted(fixture, 7);
        for (int i = 0; i < 3; i++)
                lane_close(lanes[i]);
}

static void a_wide_lane_answers_in_order(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, true);

        for (int letter = 'a'; letter <= 'z'; letter++)
                lane_submit(a, job_named((char)letter, true, 1 + letter % 5, 'z' - letter));
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "abcdefghijklmnopqrstuvwxyz");
        lane_close(a);
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
        struct fixture *fixture = *state;
        struct lane *lane;

        lane = lane_open(fixture->scheduler, true, close_on_answer, &lane);
        for (int i = 0; i < 9; i++)
                lane_submit(lane, job_named('a', true, 1, 0));
        while (lane) {
                loop_turn(fixture->loop);
                sched_yield();
        }
}

static void many_lanes_on_two_engines_lose_nothing(void **state) {
        struct fixture *fixture = *state;
        struct lane *lanes[20];

        for (int i = 0; i < 20; i++)
                lanes[i] = fixture_lane(fixture, i % 3 == 0);
        for (int j = 0; j < 10; j++)
                for (int i = 0; i < 20; i++)
                        lane_submit(lanes[i], job_named('a', true, 0.5 + i, j));
        fixture_wait(fixture);
        assert_int_equal(fixture->n_answers, 200);
        for (int i = 0; i < 20; i++)
                lane_close(lanes[i]);
}

// --- promotion -------------------------------------------------------------------------------

static struct job *job_settling(char letter) {
        struct job *job = job_named(letter, false, 2, 0);

        job->is_settling = true;
        return job;
}

static const struct job_window window_settled = {
        .begin = 0, .n_samples = (size_t)2 * AUDIO_RATE, .language = ""};

static void a_kept_answer_becomes_the_final_one(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, false);
        struct job_window other = window_settled;

        lane_submit(a, job_settling('s'));
        fixture_wait(fixture);
        other.n_samples--;
        assert_false(lane_promote(a, &other));
        assert_true(lane_promote(a, &window_settled));
        assert_int_equal(lane_owed(a), 1);
        assert_string_equal(fixture->answers, "s");  // not from inside our call
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "ss");
        assert_int_equal(engine_script_submitted(fixture->script), 1);
        assert_false(lane_promote(a, &window_settled));
        lane_close(a);
}

static void a_job_is_promoted_while_it_waits_or_runs(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, false), *b = fixture_lane(fixture, false);

        engine_script_hold(fixture->script);
        lane_submit(a, job_settling('r'));
        fixture_wait_submitted(fixture, 1);
        lane_submit(b, job_settling('w'));
        assert_true(lane_promote(a, &window_settled));
        assert_true(lane_promote(b, &window_settled));
        lane_submit(a, job_named('f', true, 1, 0));
        assert_int_equal(lane_owed(a), 2);  // the promoted one was not replaced
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_int_equal(fixture->n_answers, 3);
        assert_int_equal(fixture->answers[0], 'r');
        lane_close(a);
        lane_close(b);
}

static void what_settles_goes_before_what_goes_on(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *a = fixture_lane(fixture, false), *b = fixture_lane(fixture, false);

        lane_submit(a, job_named('t', false, 1, 0));
        lane_submit(b, job_settling('s'));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "xst");
        lane_close(a);
        lane_close(b);
        lane_close(x);
}

static void a_promoted_answer_waits_for_earlier_finals(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, true);

        engine_script_hold(fixture->script);
        lane_submit(a, job_named('1', true, 1, 9));
        lane_submit(a, job_settling('s'));
        assert_true(lane_promote(a, &window_settled));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "1s");
        lane_close(a);
}

static void a_closed_lane_forgets_what_it_kept(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, false), *b = fixture_lane(fixture, false);

        lane_submit(a, job_settling('s'));
        lane_submit(b, job_settling('t'));
        fixture_wait(fixture);
        assert_true(lane_promote(a, &window_settled));
        lane_close(a);  // its answer is under way
        lane_close(b);
        loop_turn(fixture->loop);
        assert_int_equal(fixture->n_answers, 2);
}

// --- turns -----------------------------------------------------------------------------------

struct speaker {
        struct lane *lane;
        char letter;
        unsigned n_turns;
};

static void speaker_on_answer(void *context, const struct job *job, int result,
                              struct hypothesis *hypothesis) {
        (void)context;
        (void)job;
        (void)result;
        (void)hypothesis;
}

static void speaker_on_turn(void *context) {
        struct speaker *speaker = context;

        speaker->n_turns++;
        lane_submit(speaker->lane, job_named(speaker->letter, false, 1, 0));
}

static void speaker_open(struct fixture *fixture, struct speaker *speaker) {
        speaker->letter = 't';
        speaker->lane = lane_open(fixture->scheduler, false, speaker_on_answer, speaker);
        lane_set_turn(speaker->lane, speaker_on_turn);
}

static void turns_come_at_intervals_and_settling_at_once(void **state) {
        struct fixture *fixture = *state;
        struct speaker speaker = {0};

        speaker_open(fixture, &speaker);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 1);
        fixture_wait(fixture);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 1);
        loop_advance(fixture->loop, 300 * NSEC_PER_MSEC);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 2);
        fixture_wait(fixture);
        lane_want_turn(speaker.lane, true);
        assert_int_equal(speaker.n_turns, 3);
        fixture_wait(fixture);
        lane_close(speaker.lane);
}

static void the_engine_keeps_room_for_finals(void **state) {
        struct fixture *fixture = *state;
        struct speaker speakers[20] = {{0}};
        unsigned n_turns = 0;

        engine_script_hold(fixture->script);
        for (int i = 0; i < 20; i++) {
                speaker_open(fixture, &speakers[i]);
                lane_want_turn(speakers[i].lane, false);
        }
        for (int i = 0; i < 20; i++)
                n_turns += speakers[i].n_turns;
        assert_int_equal(n_turns, 6);
        lane_want_turn(speakers[0].lane, true);
        lane_want_turn(speakers[19].lane, true);
        assert_int_equal(speakers[19].n_turns + speakers[0].n_turns, 3);
        engine_script_release(fixture->script);
        for (int i = 0; i < 20; i++)  // whose turn it was not gets it now
                while (speakers[i].n_turns == 0) {
                        loop_turn(fixture->loop);
                        sched_yield();
                }
        fixture_wait(fixture);
        for (int i = 0; i < 20; i++)
                lane_close(speakers[i].lane);
}

static void late_finals_thin_out_and_then_end_tentative_text(void **state) {
        struct fixture *fixture = *state;
        const struct scheduler_counts *counts = scheduler_counts(fixture->scheduler);
        struct lane *x = fixture_block(fixture);
        struct speaker speaker = {0};

        speaker_open(fixture, &speaker);
        loop_advance(fixture->loop, 1100 * NSEC_PER_MSEC);
        assert_int_equal(scheduler_stats(fixture->scheduler).level, LOAD_SLOWED);
        assert_true(scheduler_stats(fixture->scheduler).tentative_interval >= 2 * NSEC_PER_SEC);
        lane_want_turn(speaker.lane, false);
        assert_int_equal(speaker.n_turns, 1);
        loop_advance(fixture->loop, 3 * NSEC_PER_SEC);
        lane_want_turn(speaker.lane, true);
        assert_int_equal(speaker.n_turns, 1);
        assert_int_equal(counts->n_shed, 1);
        assert_int_equal(scheduler_stats(fixture->scheduler).level, LOAD_FINALS_ONLY);
        loop_advance(fixture->loop, 3 * NSEC_PER_SEC);
        assert_int_equal(scheduler_stats(fixture->scheduler).level, LOAD_FULL);
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        loop_advance(fixture->loop, NSEC_PER_SEC / 10);
        for (int level = LOAD_FULL; level > LOAD_NORMAL; level--) {  // one step at a time
                assert_int_equal(scheduler_stats(fixture->scheduler).level, level);
                loop_advance(fixture->loop, NSEC_PER_SEC);
                assert_int_equal(scheduler_stats(fixture->scheduler).level, level);
                loop_advance(fixture->loop, NSEC_PER_SEC + NSEC_PER_SEC / 10);
        }
        assert_int_equal(scheduler_stats(fixture->scheduler).level, LOAD_NORMAL);
        assert_int_equal(counts->n_levels[LOAD_SLOWED], 1);
        assert_int_equal(counts->n_levels[LOAD_FULL], 1);
        lane_close(speaker.lane);
        lane_close(x);
}

// --- what is owed ----------------------------------------------------------------------------

static void a_long_window_lets_short_ones_pass(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *lanes[4];

        for (int i = 0; i < 4; i++)
                lanes[i] = fixture_lane(fixture, false);
        lane_submit(lanes[0], job_named('L', true, 28, NSEC_PER_SEC));
        for (int i = 1; i < 4; i++) {
                loop_advance(fixture->loop, 400 * NSEC_PER_MSEC);
                lane_submit(lanes[i], job_named((char)('0' + i), true, 2,
                                                loop_now(fixture->loop) + NSEC_PER_SEC));
        }
        loop_advance(fixture->loop, 400 * NSEC_PER_MSEC);
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "x123L");
        for (int i = 0; i < 4; i++)
                lane_close(lanes[i]);
        lane_close(x);
}

// A stream that owes much and is silent now lets those go first who talk.
static void who_talks_is_caught_up_first(void **state) {
        struct fixture *fixture = *state;
        struct lane *x = fixture_block(fixture);
        struct lane *left = fixture_lane(fixture, false), *talks = fixture_lane(fixture, false);

        for (int i = 0; i < 4; i++)
                lane_submit(left, job_named('l', true, 10, 0));
        loop_advance(fixture->loop, 60 * NSEC_PER_SEC);
        lane_submit(talks, job_named('t', true, 10, loop_now(fixture->loop)));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        // The first was queued while its stream still talked.
        assert_string_equal(fixture->answers, "xltlll");
        lane_close(left);
        lane_close(talks);
        lane_close(x);
}

static int setup_spool(void **state) {
        struct fixture *fixture = xnew(struct fixture);
        struct scheduler_config config = {
                .engine = &engine_scripted,
                .n_engines = 1,
                .spool_folder = "spool.test/deep",
                .owed_bytes_max = (size_t)4 * AUDIO_RATE * sizeof(float),
                .spool_bytes_max = (uint64_t)40 * AUDIO_RATE * 2,
        };

        fixture->loop = loop_new_fake(0);
        fixture->script = engine_script_new(1, script_answer, NULL);
        config.model = fixture->script;
        *state = fixture;
        return scheduler_open(&fixture->scheduler, fixture->loop, &config, NULL);
}

// The file had no name from the start: nothing is left but the folders.
static int teardown_spool(void **state) {
        teardown(state);
        return rmdir("spool.test/deep") == 0 && rmdir("spool.test") == 0 ? 0 : -1;
}

static void job_check(void *context, const struct job *job, int result,
                      struct hypothesis *hypothesis) {
        struct fixture *fixture = context;

        for (size_t i = 0; i < job->n_samples; i++)
                assert_true(job->samples[i] == 0.25f);
        fixture_on_answer(fixture, job, result, hypothesis);
}

static void owed_sound_goes_to_disk_and_comes_back(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = lane_open(fixture->scheduler, false, job_check, fixture);
        struct scheduler_stats stats;

        engine_script_hold(fixture->script);
        for (int i = 0; i < 30; i++) {
                struct job *job = job_named((char)('a' + i), true, 2, i);

                for (size_t j = 0; j < job->n_samples; j++)
                        job->samples[j] = 0.25f;
                lane_submit(a, job);
        }
        // Two in memory, twenty on disk, and what finds no room there stays in memory too.
        stats = scheduler_stats(fixture->scheduler);
        assert_int_equal(stats.n_spooled, 20);
        assert_int_equal(stats.spool_bytes, (uint64_t)40 * AUDIO_RATE * 2);
        assert_true(stats.is_spool_full);
        assert_non_null(strstr(stats.spool_trouble, "limit"));
        engine_script_release(fixture->script);
        fixture_wait(fixture);
        assert_string_equal(fixture->answers, "abcdefghijklmnopqrstuvwxyz{|}~");
        stats = scheduler_stats(fixture->scheduler);
        assert_int_equal(stats.n_spooled, 0);
        assert_int_equal(stats.spool_bytes, 0);
        assert_false(stats.is_spool_full);
        lane_close(a);
}

static void what_was_spooled_goes_with_its_lane(void **state) {
        struct fixture *fixture = *state;
        struct lane *a = fixture_lane(fixture, false);

        engine_script_hold(fixture->script);
        for (int i = 0; i < 9; i++)
                lane_submit(a, job_named('a', true, 2, i));
        assert_true(scheduler_stats(fixture->scheduler).n_spooled > 0);
        lane_close(a);
        assert_int_equal(scheduler_stats(fixture->scheduler).n_spooled, 0);
        assert_int_equal(scheduler_stats(fixture->scheduler).spool_bytes, 0);
}

#define SCHEDULER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                SCHEDULER_TEST(finals_come_before_tentatives),
                SCHEDULER_TEST(earliest_deadline_goes_first),
                SCHEDULER_TEST(a_newer_tentative_replaces_one_that_waits),
                SCHEDULER_TEST(a_final_cancels_a_running_tentative),
                SCHEDULER_TEST(finals_of_a_lane_are_never_dropped_and_stay_in_order),
                SCHEDULER_TEST(a_flood_leaves_others_their_turn),
                SCHEDULER_TEST(two_floods_share_by_seconds_of_sound),
                SCHEDULER_TEST(closing_a_lane_silences_it),
                SCHEDULER_TEST(one_failed_job_leaves_the_others_alone),
                SCHEDULER_TEST(work_is_counted_by_kind),
                SCHEDULER_TEST(what_the_guards_refuse_is_not_told),
                SCHEDULER_TEST(a_kept_answer_becomes_the_final_one),
                SCHEDULER_TEST(a_job_is_promoted_while_it_waits_or_runs),
                SCHEDULER_TEST(what_settles_goes_before_what_goes_on),
                SCHEDULER_TEST(a_promoted_answer_waits_for_earlier_finals),
                SCHEDULER_TEST(a_closed_lane_forgets_what_it_kept),
                SCHEDULER_TEST(turns_come_at_intervals_and_settling_at_once),
                SCHEDULER_TEST(the_engine_keeps_room_for_finals),
                SCHEDULER_TEST(late_finals_thin_out_and_then_end_tentative_text),
                SCHEDULER_TEST(a_long_window_lets_short_ones_pass),
                SCHEDULER_TEST(who_talks_is_caught_up_first),
                cmocka_unit_test_setup_teardown(owed_sound_goes_to_disk_and_comes_back,
                                                setup_spool, teardown_spool),
                cmocka_unit_test_setup_teardown(what_was_spooled_goes_with_its_lane,
                                                setup_spool, teardown_spool),
                cmocka_unit_test_setup_teardown(closing_in_mid_work_frees_all, setup_many,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_wide_lane_answers_in_order, setup_many,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_listener_may_close_its_lane, setup_many,
                                                teardown),
                cmocka_unit_test_setup_teardown(many_lanes_on_two_engines_lose_nothing,
                                                setup_many, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
