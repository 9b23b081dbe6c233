// Company in the engine, on a real model and real sound: what a job says, and how sure it is of
// it, does not depend on who is decoded beside it, to the last bit, in every arithmetic.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "decode/engine.h"
#include "util/mem.h"
#include "whisper/engine_rig.h"

#define N_SOUNDS 6
#define N_JOBS   (N_SOUNDS + 1)

#define BACKGROUND_JOBS 6  // more than a few

// Windows of files that, with a talker's, fill the engine, and have 75 rows at the decoder;
// after so many steps all of them are encoded.
#define FILE_WINDOWS 15
#define FILE_STEPS   32
#define SHORT_SOUND  "librispeech-short/7859-102519-0047.flac"
#define LONG_SOUND   "librispeech-short/1737-146161-0002.flac"

static const char *const sounds[N_SOUNDS] = {
        "librispeech-short/1088-134318-0001.flac", "librispeech-short/1088-134318-0002.flac",
        "librispeech-short/1737-146161-0002.flac", "librispeech-short/4680-16042-0004.flac",
        "librispeech-short/7859-102519-0047.flac", "librispeech-short/1088-134318-0005.flac"};

// All at once, one more in every third step, and the first one, the quitter, leaves in
// mid-step.
static void check_crowd(void *engine, struct job *const *jobs, const struct rig_said *alone) {
        size_t n_submitted = 0, n_done = 0;

        for (size_t n_steps = 0; n_done < N_JOBS; n_steps++) {
                struct hypothesis hypothesis = {0};
                const struct job *job = NULL;
                int result = -1;

                if (n_submitted < N_JOBS && n_steps % 3 == 0)
                        assert_int_equal(engine_whisper.submit(engine, jobs[n_submitted++]), 0);
                if (n_steps == 12)
                        engine_whisper.cancel(engine, jobs[0]);
                assert_int_equal(engine_whisper.step(engine), 0);
                for (; engine_whisper.collect(engine, &job, &result, &hypothesis) == 0;
                     n_done++)
                        rig_check_said(job, result, &hypothesis, jobs, alone, N_JOBS);
        }
        assert_int_equal(engine_whisper.step(engine), ENGINE_E_IDLE);
}

static void check_company(enum compute compute) {
        struct whisper_model *model = NULL;
        struct rig_said alone[N_JOBS] = {{.tokens = NULL}};
        struct job *jobs[N_JOBS] = {NULL};
        void *engine;

        model = rig_load_model_for("tiny.en", compute);
        if (!model || !(jobs[0] = rig_load_job(sounds[0]))) {
                whisper_model_free(model);
                return;
        }
        engine = rig_open_engine(model);
        for (size_t i = 1; i < N_JOBS; i++) {
                jobs[i] = rig_load_job(sounds[i - 1]);
                alone[i] = rig_say(engine, jobs[i]);
        }
        check_crowd(engine, jobs, alone);
        for (size_t i = 0; i < N_JOBS; i++) {
                job_free(jobs[i]);
                free(alone[i].tokens);
        }
        engine_whisper.close(engine);
        whisper_model_free(model);
}

static void test_float32(void **state) {
        (void)state;
        check_company(COMPUTE_FLOAT32);
}

static void test_int8(void **state) {
        (void)state;
        check_company(COMPUTE_INT8);
}

// Jobs of the same sound: many that are not urgent, and a final.
struct ranked {
        void *engine;
        struct job *jobs[BACKGROUND_JOBS + 1];  // the last is a final
        size_t n_steps;                         // that each of them takes alone
};

static void ranked_open(struct ranked *ranked, struct whisper_model *model) {
        struct rig_said alone;

        ranked->engine = rig_open_engine(model);
        for (size_t i = 0; i <= BACKGROUND_JOBS; i++) {
                ranked->jobs[i] = rig_need_job(sounds[0]);
                ranked->jobs[i]->rank =
                        i < BACKGROUND_JOBS ? JOB_RANK_BACKGROUND : JOB_RANK_FINAL;
        }
        alone = rig_say(ranked->engine, ranked->jobs[BACKGROUND_JOBS]);
        ranked->n_steps = alone.n_steps;
        free(alone.tokens);
}

static void ranked_close(struct ranked *ranked) {
        engine_whisper.close(ranked->engine);
        for (size_t i = 0; i <= BACKGROUND_JOBS; i++)
                job_free(ranked->jobs[i]);
}

// Begin with so many that are not urgent; when they are half done, the final comes. Which is
// done first?
static const struct job *ranked_first(struct ranked *ranked, size_t n_background) {
        struct job *final = ranked->jobs[BACKGROUND_JOBS];
        const struct job *first = NULL;

        for (size_t i = 0; i < n_background; i++)
                assert_int_equal(engine_whisper.submit(ranked->engine, ranked->jobs[i]), 0);
        for (size_t i = 0; i < ranked->n_steps / 2; i++)
                assert_int_equal(engine_whisper.step(ranked->engine), 0);
        assert_int_equal(engine_whisper.submit(ranked->engine, final), 0);
        for (size_t i = 0; i <= n_background; i++) {
                struct hypothesis hypothesis = {0};
                int result = -1;
                const struct job *job = rig_finish_one(ranked->engine, &result, &hypothesis);

                assert_int_equal(result, 0);
                hypothesis_deinit(&hypothesis);
                first = first ? first : job;
        }
        return first;
}

static void test_what_is_not_urgent_gives_way(void **state) {
        struct ranked ranked = {0};

        ranked_open(&ranked, rig_need_tiny(state));
        assert_ptr_equal(ranked_first(&ranked, 1), ranked.jobs[BACKGROUND_JOBS]);
        // Many of them would keep the next finals out of the engine: they go on.
        assert_ptr_not_equal(ranked_first(&ranked, BACKGROUND_JOBS),
                             ranked.jobs[BACKGROUND_JOBS]);
        ranked_close(&ranked);
}

// One final after the other, without end.
static void test_what_is_not_urgent_comes_to_an_end(void **state) {
        struct ranked ranked = {0};
        size_t n_finals = 0;
        const struct job *job = NULL;

        ranked_open(&ranked, rig_need_tiny(state));
        assert_int_equal(engine_whisper.submit(ranked.engine, ranked.jobs[BACKGROUND_JOBS]), 0);
        assert_int_equal(engine_whisper.submit(ranked.engine, ranked.jobs[0]), 0);
        while (job != ranked.jobs[0]) {
                struct hypothesis hypothesis = {0};
                int result = -1;

                job = rig_finish_one(ranked.engine, &result, &hypothesis);
                assert_int_equal(result, 0);
                hypothesis_deinit(&hypothesis);
                if (job == ranked.jobs[BACKGROUND_JOBS] && n_finals++ < 100)
                        assert_int_equal(engine_whisper.submit(ranked.engine,
                                                               ranked.jobs[BACKGROUND_JOBS]),
                                         0);
        }
        assert_in_range(n_finals, 4, 20);
        ranked_close(&ranked);
}

static void test_an_engine_takes_as_many_as_it_has_slots(void **state) {
        struct whisper_model *tiny = rig_need_tiny(state);
        struct ranked ranked = {0};

        tiny->n_slots = 2;
        ranked_open(&ranked, tiny);
        tiny->n_slots = 0;
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(engine_whisper.submit(ranked.engine, ranked.jobs[i]), 0);
        assert_int_equal(engine_whisper.submit(ranked.engine, ranked.jobs[2]), ENGINE_E_FULL);
        ranked_close(&ranked);
}

// Steps until a greedy job is done that comes while so many windows of a file are decoded, with
// five beams each. None of these is done before it.
static size_t steps_beside(void *engine, struct job *const *files, size_t n_files,
                           size_t n_before, const struct job *job) {
        struct hypothesis hypothesis = {0};
        const struct job *done = NULL;
        size_t n_steps = 0;
        int result = -1;

        for (size_t i = 0; i < n_files; i++)
                assert_int_equal(engine_whisper.submit(engine, files[i]), 0);
        for (size_t i = 0; i < n_before; i++)
                assert_int_equal(engine_whisper.step(engine), 0);
        assert_int_equal(engine_whisper.submit(engine, job), 0);
        while (engine_whisper.collect(engine, &done, &result, &hypothesis) == ENGINE_E_NONE) {
                assert_int_equal(engine_whisper.step(engine), 0);
                n_steps++;
        }
        assert_ptr_equal(done, job);
        assert_int_equal(result, 0);
        hypothesis_deinit(&hypothesis);
        return n_steps;
}

// However many rows they have: more than a step has room for.
static void test_a_talker_has_rows_in_every_step_beside_files(void **state) {
        struct whisper_model *tiny = rig_need_tiny(state);
        CLEANUP(job_freep) struct job *talker = rig_need_job(SHORT_SOUND);
        void *engine = rig_open_engine(tiny);
        struct job *files[FILE_WINDOWS];
        struct rig_said alone = rig_say(engine, talker);

        for (size_t i = 0; i < FILE_WINDOWS; i++) {
                files[i] = rig_need_job(LONG_SOUND);
                files[i]->rank = JOB_RANK_BACKGROUND;
                files[i]->hints.beam_size = 5;
        }
        // It may come when the encoder has just had its turn.
        assert_in_range(steps_beside(engine, files, FILE_WINDOWS, FILE_STEPS, talker),
                        alone.n_steps, alone.n_steps + 1);
        engine_whisper.close(engine);
        for (size_t i = 0; i < FILE_WINDOWS; i++)
                job_free(files[i]);
        free(alone.tokens);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_float32),
                cmocka_unit_test(test_int8),
                cmocka_unit_test(test_what_is_not_urgent_gives_way),
                cmocka_unit_test(test_what_is_not_urgent_comes_to_an_end),
                cmocka_unit_test(test_an_engine_takes_as_many_as_it_has_slots),
                cmocka_unit_test(test_a_talker_has_rows_in_every_step_beside_files),
        };
        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
