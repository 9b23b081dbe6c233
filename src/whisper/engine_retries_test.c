// How often a doubtful window is tried again, on a real model and real sound: by who waits for
// it. What is counted is steps of the engine.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/engine.h"
#include "decode/job_rig.h"
#include "util/mem.h"
#include "whisper/engine_rig.h"
#include "whisper/fallback.h"

#define N_CROWD 8
#define N_FILES 6  // more than a few (engine.c)

// A window whose every text is doubtful, as music's or a crowd's is.
static struct job *job_of(enum job_rank rank, bool is_hard) {
        struct job *job = rig_need_job("librispeech-short/7859-102519-0047.flac");

        job->rank = rank;
        rig_options(job)->without_timestamps = DECODE_YES;
        if (is_hard)
                rig_options(job)->log_prob_threshold = 1;
        return job;
}

struct answer {
        size_t n_steps;  // until it came, since the last one
        size_t n_tokens;
        unsigned n_retries, n_given_up;
        const struct job *job;
};

static struct answer answer_take(const struct job *job, struct hypothesis *hypothesis) {
        struct answer answer = {
                .job = job,
                .n_retries = hypothesis->n_unlikely + hypothesis->n_repeating,
                .n_given_up = hypothesis->n_given_up,
        };

        for (size_t i = 0; i < hypothesis->n_segments; i++)
                answer.n_tokens += hypothesis->segments[i].n_tokens;
        hypothesis_deinit(hypothesis);
        return answer;
}

// Step until the next answer; the job is overdue after so many steps.
static struct answer answer_wait(void *engine, struct job *overdue, size_t n_overdue) {
        struct hypothesis hypothesis = {0};
        const struct job *job = NULL;
        struct answer answer;
        size_t n_steps = 0;
        int result = -1;

        while (engine_whisper.collect(engine, &job, &result, &hypothesis) == ENGINE_E_NONE) {
                if (overdue && n_steps == n_overdue)
                        engine_whisper.hurry(engine, overdue);
                assert_int_equal(engine_whisper.step(engine), 0);
                n_steps++;
        }
        assert_int_equal(result, 0);
        answer = answer_take(job, &hypothesis);
        answer.n_steps = n_steps;
        return answer;
}

// What comes of one job alone, which becomes overdue after so many steps (SIZE_MAX: never).
static struct answer answer_alone(void *engine, enum job_rank rank, bool is_hard,
                                  size_t n_overdue) {
        CLEANUP(job_freep) struct job *job = job_of(rank, is_hard);

        assert_int_equal(engine_whisper.submit(engine, job), 0);
        return answer_wait(engine, job, n_overdue);
}

static void test_a_partial_text_gets_one_attempt(void **state) {
        void *engine = rig_open_engine(rig_need_tiny(state));
        struct answer easy = answer_alone(engine, JOB_RANK_PARTIAL, false, SIZE_MAX);
        struct answer hard = answer_alone(engine, JOB_RANK_PARTIAL, true, SIZE_MAX);

        assert_int_equal(hard.n_retries, 0);
        assert_int_equal(hard.n_steps, easy.n_steps);
        assert_int_equal(hard.n_tokens, easy.n_tokens);
        assert_int_equal(hard.n_given_up, 0);  // it never had a budget
        engine_whisper.close(engine);
}

static void test_a_final_has_a_budget_and_a_file_has_none(void **state) {
        void *engine = rig_open_engine(rig_need_tiny(state));
        struct answer easy = answer_alone(engine, JOB_RANK_FINAL, false, SIZE_MAX);
        struct answer final = answer_alone(engine, JOB_RANK_FINAL, true, SIZE_MAX);
        struct answer file = answer_alone(engine, JOB_RANK_BACKGROUND, true, SIZE_MAX);

        assert_int_equal(easy.n_retries, 0);
        assert_int_equal(easy.n_given_up, 0);
        assert_in_range(final.n_retries, 1, 6);
        assert_in_range(final.n_steps, easy.n_steps + 1, easy.n_steps + FALLBACK_ALLOWANCE);
        assert_int_equal(final.n_given_up, 1);
        assert_true(final.n_tokens > easy.n_tokens / 2);
        // All that its options say: with the full context, and at five more temperatures.
        assert_int_equal(file.n_retries, 6);
        assert_int_equal(file.n_given_up, 0);
        assert_true(file.n_steps > final.n_steps);
        engine_whisper.close(engine);
}

// A crowd of them: two may be tried again, and so many more as their own work pays for.
static void test_of_many_hard_windows_a_few_are_tried_again(void **state) {
        struct job *jobs[N_CROWD];
        void *engine = rig_open_engine(rig_need_tiny(state));
        size_t n_steps = 0, n_retried = 0, n_given_up = 0;
        struct answer easy = answer_alone(engine, JOB_RANK_FINAL, false, SIZE_MAX);

        for (size_t i = 0; i < N_CROWD; i++) {
                jobs[i] = job_of(JOB_RANK_FINAL, true);
                assert_int_equal(engine_whisper.submit(engine, jobs[i]), 0);
        }
        for (size_t i = 0; i < N_CROWD; i++) {
                struct answer answer = answer_wait(engine, NULL, 0);

                n_steps += answer.n_steps;
                n_retried += answer.n_retries > 0;
                n_given_up += answer.n_given_up;
                assert_true(answer.n_tokens > easy.n_tokens / 2);
        }
        assert_in_range(n_retried, 2, 4);
        assert_int_equal(n_given_up, N_CROWD);
        assert_true(n_steps < 2 * (easy.n_steps + FALLBACK_ALLOWANCE));
        for (size_t i = 0; i < N_CROWD; i++)
                job_free(jobs[i]);
        // What was not used is there for the next.
        assert_in_range(answer_alone(engine, JOB_RANK_FINAL, true, SIZE_MAX).n_retries, 1, 6);
        engine_whisper.close(engine);
}

// Wherever its retries are: not begun, waiting for the encoder, at the decoder.
static void test_an_overdue_job_is_answered_with_what_it_has(void **state) {
        void *engine = rig_open_engine(rig_need_tiny(state));
        struct answer easy = answer_alone(engine, JOB_RANK_FINAL, false, SIZE_MAX);
        struct answer at_once = answer_alone(engine, JOB_RANK_FINAL, true, 0);

        assert_int_equal(at_once.n_retries, 0);
        assert_int_equal(at_once.n_steps, easy.n_steps);
        assert_int_equal(at_once.n_tokens, easy.n_tokens);
        assert_int_equal(at_once.n_given_up, 1);
        for (size_t n = easy.n_steps; n < easy.n_steps + 4; n++) {
                struct answer answer = answer_alone(engine, JOB_RANK_FINAL, true, n);

                assert_in_range(answer.n_steps, n + 1, n + 2);
                assert_true(answer.n_tokens > easy.n_tokens / 2);
                assert_int_equal(answer.n_given_up, 1);
        }
        engine_whisper.close(engine);
}

// Begin with hard windows of files; after so many steps of theirs, a final comes, or none does.
// How many steps do the files take after it?
static size_t files_left(void *engine, size_t n_before, struct job *final, size_t *ret_final) {
        struct job *jobs[N_FILES];
        size_t n_after = 0;

        for (size_t i = 0; i < N_FILES; i++) {
                jobs[i] = job_of(JOB_RANK_BACKGROUND, true);
                assert_int_equal(engine_whisper.submit(engine, jobs[i]), 0);
        }
        for (size_t i = 0; i < n_before; i++)
                assert_int_equal(engine_whisper.step(engine), 0);
        if (final) {
                struct answer answer;

                assert_int_equal(engine_whisper.submit(engine, final), 0);
                answer = answer_wait(engine, NULL, 0);
                assert_ptr_equal(answer.job, final);
                *ret_final = answer.n_steps;
        }
        for (size_t i = 0; i < N_FILES; i++)
                n_after += answer_wait(engine, NULL, 0).n_steps;
        for (size_t i = 0; i < N_FILES; i++)
                job_free(jobs[i]);
        return n_after;
}

// However many there are: they have one step in eight beside the final.
static void test_retries_of_files_give_way(void **state) {
        CLEANUP(job_freep) struct job *final = NULL;
        void *engine = rig_open_engine(rig_need_tiny(state));
        struct answer easy = answer_alone(engine, JOB_RANK_FINAL, false, SIZE_MAX);
        size_t n_before = 2 * easy.n_steps + 8, n_final = 0, n_alone, n_beside;

        final = job_of(JOB_RANK_FINAL, false);
        n_alone = files_left(engine, n_before, NULL, NULL);
        n_beside = files_left(engine, n_before, final, &n_final);
        assert_true(n_beside + n_final / 2 > n_alone);
        engine_whisper.close(engine);
}

// With such a limit every text goes round in circles. One without timestamps ends there instead
// of where its room does, and is not taken for good; files' texts have other segments.
static void test_a_text_that_goes_in_circles_ends(void **state) {
        void *engine = rig_open_engine(rig_need_tiny(state));

        for (int timestamps = 0; timestamps <= 1; timestamps++) {
                struct job *job = job_of(JOB_RANK_PARTIAL, false);
                struct answer answer;

                rig_options(job)->repetition_max = 0.5F;
                if (timestamps)
                        rig_options(job)->without_timestamps = DECODE_NO;
                assert_int_equal(engine_whisper.submit(engine, job), 0);
                answer = answer_wait(engine, NULL, 0);
                if (timestamps)
                        assert_true(answer.n_tokens > 8);
                else
                        assert_int_equal(answer.n_tokens, 1);
                job->rank = JOB_RANK_BACKGROUND;
                assert_int_equal(engine_whisper.submit(engine, job), 0);
                answer = answer_wait(engine, NULL, 0);
                assert_int_equal(answer.n_retries, timestamps ? 0 : 6);
                job_free(job);
        }
        engine_whisper.close(engine);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_partial_text_gets_one_attempt),
                cmocka_unit_test(test_a_final_has_a_budget_and_a_file_has_none),
                cmocka_unit_test(test_of_many_hard_windows_a_few_are_tried_again),
                cmocka_unit_test(test_an_overdue_job_is_answered_with_what_it_has),
                cmocka_unit_test(test_retries_of_files_give_way),
                cmocka_unit_test(test_a_text_that_goes_in_circles_ends),
        };

        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
