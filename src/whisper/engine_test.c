// The engine on real models and real sound, held to what faster-whisper makes of the same
// (tests/golden/whisper.json, written by bench/parity.py --golden), and its manners as an
// engine.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include "decode/engine.h"
#include "decode/job_rig.h"
#include "util/mem.h"
#include "whisper/cpu/encoder.h"
#include "whisper/engine_rig.h"
#include "whisper/model.h"
#include "whisper/whisper.h"

// What the tests share: loaded once, NULL where it is not on this machine.
static struct whisper_model *base, *tiny;
static json_t *golden;

static int setup(void **state) {
        (void)state;
        json_error_t error;

        base = rig_load_model("base");
        tiny = rig_load_model("tiny.en");
        golden = json_load_file(TEST_GOLDEN "/whisper.json", 0, &error);
        if (!golden)
                fail_msg("whisper.json: %s", error.text);
        return 0;
}

static int teardown(void **state) {
        (void)state;
        base = whisper_model_free(base);
        tiny = whisper_model_free(tiny);
        json_decref(golden);
        return 0;
}

// The model, or the test is skipped. What a test has allocated before it is skipped is lost.
static const struct whisper_model *need(const struct whisper_model *model) {
        if (!model)
                skip();
        return model;
}

static const json_t *golden_entries(const char *model) {
        return json_object_get(json_object_get(golden, "models"), model);
}

// --- Against the reference ----------------------------------------------------------------

static void check_log_mel(const struct whisper_model *model, const struct job *job,
                          const json_t *entry, float *frames) {
        const json_t *values = json_object_get(entry, "mel");
        size_t step = (size_t)json_integer_value(json_object_get(golden, "mel_step"));

        log_mel_compute(model->log_mel, job->samples, job->n_samples, NULL, frames);
        for (size_t i = 0; i < json_array_size(values); i++)
                assert_float_equal(frames[i * step], json_real_value(json_array_get(values, i)),
                                   1e-4);
}

static void check_encoder(const struct whisper_model *model, const struct job *job,
                          const json_t *entry, const float *frames) {
        CLEANUP(linear_context_freep) struct linear_context *context = NULL;
        CLEANUP(encoder_freep) struct encoder *encoder = NULL;
        struct audio_context full;
        struct encoder_window window = {frames, job->n_samples / LOG_MEL_HOP, &full};
        const json_t *values = json_object_get(entry, "encoder");
        size_t step = (size_t)json_integer_value(json_object_get(golden, "encoder_step"));
        double product = 0, ours = 0, theirs = 0;
        const float *features = NULL;

        assert_int_equal(linear_context_new(&context, NULL, NULL), 0);
        context_init(&full, window.n_frames, &context_shape_full);
        assert_int_equal(encoder_new(&encoder, model, context, NULL), 0);
        assert_int_equal(encoder_run(encoder, &window, 1, &features), 0);
        for (size_t i = 0; i < json_array_size(values); i++) {
                double a = features[i * step], b = json_real_value(json_array_get(values, i));

                product += a * b;
                ours += a * a;
                theirs += b * b;
        }
        assert_true(product / sqrt(ours * theirs) >= 0.9999);
        assert_float_equal(ours / theirs, 1, 1e-3);
}

static void check_tokens(void *state, const struct job *job, const json_t *entry) {
        const json_t *expected = json_object_get(entry, "tokens");
        struct hypothesis hypothesis = {0};
        int result = -1;
        size_t at = 0;

        assert_int_equal(engine_whisper.submit(state, job), 0);
        assert_ptr_equal(rig_finish_one(state, &result, &hypothesis), job);
        assert_int_equal(result, 0);
        for (size_t i = 0; i < hypothesis.n_segments; i++)
                for (size_t k = 0; k < hypothesis.segments[i].n_tokens; k++)
                        assert_int_equal(hypothesis.segments[i].tokens[k],
                                         json_integer_value(json_array_get(expected, at++)));
        assert_int_equal(at, json_array_size(expected));
        hypothesis_deinit(&hypothesis);
}

static void check_parity(const struct whisper_model *model, const char *name) {
        const json_t *entries = golden_entries(name);
        void *state = rig_open_engine(need(model));

        for (size_t i = 0; i < json_array_size(entries); i++) {
                const json_t *entry = json_array_get(entries, i);
                CLEANUP(job_freep)
                struct job *job =
                        rig_load_job(json_string_value(json_object_get(entry, "file")));
                float *frames;

                if (!job) {
                        engine_whisper.close(state);
                        skip();
                        return;
                }
                frames = xcalloc(log_mel_frames(job->n_samples) * (size_t)model->info.n_mels,
                                 sizeof(*frames));
                check_log_mel(model, job, entry, frames);
                check_encoder(model, job, entry, frames);
                job->hints.context = context_shape_full;
                check_tokens(state, job, entry);
                free(frames);
        }
        engine_whisper.close(state);
}

static void test_tiny_en_says_what_faster_whisper_says(void **state) {
        (void)state;
        check_parity(tiny, "tiny.en");
}

static void test_base_says_what_faster_whisper_says(void **state) {
        (void)state;
        check_parity(base, "base");
}

// --- Manners ------------------------------------------------------------------------------

static void test_company_and_bad_neighbours_change_nothing(void **state) {
        (void)state;
        static const char *const names[] = {"librispeech-short/1088-134318-0001.flac",
                                            "librispeech-short/1088-134318-0002.flac",
                                            "librispeech-short/1737-146161-0002.flac"};
        struct rig_said alone[4] = {{.tokens = NULL}};
        struct job *jobs[4], *cancelled, *bad;
        void *engine;

        need(tiny);
        for (size_t i = 0; i < 4; i++)
                jobs[i] = rig_need_job(names[i % 3]);
        cancelled = jobs[3];
        bad = rig_new_job(16000);
        engine = rig_open_engine(tiny);
        for (size_t i = 0; i < 3; i++)
                alone[i] = rig_say(engine, jobs[i]);
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(engine_whisper.submit(engine, jobs[i]), 0);
        bad->samples[100] = NAN;
        assert_true(engine_whisper.submit(engine, bad) < 0);
        for (int i = 0; i < 9; i++)
                assert_int_equal(engine_whisper.step(engine), 0);
        engine_whisper.cancel(engine, cancelled);
        rig_finish_all(engine, jobs, alone, 4);
        assert_int_equal(engine_whisper.step(engine), ENGINE_E_IDLE);
        engine_whisper.close(engine);
        for (size_t i = 0; i < 4; i++) {
                free(alone[i].tokens);
                job_free(jobs[i]);
        }
        job_free(bad);
}

static void test_bad_jobs_are_refused(void **state) {
        (void)state;
        need(tiny);
        CLEANUP(job_freep) struct job *empty = rig_new_job(0);
        CLEANUP(job_freep) struct job *long_job = rig_new_job((size_t)JOB_SAMPLES_MAX + 1);
        CLEANUP(job_freep) struct job *infinite = rig_new_job(1600);
        CLEANUP(job_freep) struct job *foreign = rig_new_job(1600);
        const struct job *job;
        struct hypothesis hypothesis;
        void *engine = rig_open_engine(tiny);
        int result;

        infinite->samples[0] = INFINITY;
        snprintf(foreign->hints.language, LANGUAGE_CODE_MAX, "de");
        assert_int_equal(engine_whisper.submit(engine, empty), -EINVAL);
        assert_int_equal(engine_whisper.submit(engine, long_job), -EINVAL);
        assert_int_equal(engine_whisper.submit(engine, infinite), -EINVAL);
        assert_int_equal(engine_whisper.submit(engine, foreign), -EINVAL);
        assert_int_equal(engine_whisper.step(engine), ENGINE_E_IDLE);
        assert_int_equal(engine_whisper.collect(engine, &job, &result, &hypothesis),
                         ENGINE_E_NONE);
        engine_whisper.close(engine);
}

static void test_a_full_engine_says_so_and_closes_with_work_inside(void **state) {
        (void)state;
        struct job *jobs[64] = {NULL};
        void *engine = rig_open_engine(need(tiny));
        size_t n = 0;

        for (; n < 64; n++) {
                jobs[n] = rig_new_job(1600);
                if (engine_whisper.submit(engine, jobs[n]) == ENGINE_E_FULL)
                        break;
        }
        assert_in_range(n, 8, 63);
        for (int i = 0; i < 4; i++)
                assert_int_equal(engine_whisper.step(engine), 0);
        engine_whisper.close(engine);
        for (size_t i = 0; i <= n && i < 64; i++)
                job_free(jobs[i]);
}

static void test_a_hundredth_of_a_second_is_no_speech(void **state) {
        (void)state;
        void *engine = rig_open_engine(need(tiny));
        CLEANUP(job_freep) struct job *job = rig_new_job(100);
        struct hypothesis hypothesis = {0};
        int result = 1;

        assert_int_equal(engine_whisper.submit(engine, job), 0);
        rig_finish_one(engine, &result, &hypothesis);
        assert_int_equal(result, 0);
        assert_int_equal(hypothesis.n_segments, 0);
        engine_whisper.close(engine);
}

static void test_languages(void **state) {
        (void)state;
        need(base);
        need(tiny);
        CLEANUP(job_freep) struct job *job = rig_need_job("fleurs/fleurs-de-000.ogg");
        struct hypothesis hypothesis = {0};
        void *engine;
        int result;

        assert_true(whisper_model_knows_language(base, "de"));
        assert_false(whisper_model_knows_language(base, "xx"));
        assert_false(whisper_model_knows_language(tiny, "de"));
        assert_true(whisper_model_knows_language(tiny, "en"));

        engine = rig_open_engine(base);
        job->hints.language[0] = '\0';
        assert_int_equal(engine_whisper.submit(engine, job), 0);
        rig_finish_one(engine, &result, &hypothesis);
        assert_int_equal(result, 0);
        assert_string_equal(hypothesis.language, "de");
        assert_true(hypothesis.was_detected);
        assert_true(hypothesis.language_probability > 0.5f);
        assert_true(hypothesis.n_segments > 0);
        hypothesis_deinit(&hypothesis);
        engine_whisper.close(engine);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tiny_en_says_what_faster_whisper_says),
                cmocka_unit_test(test_base_says_what_faster_whisper_says),
                cmocka_unit_test(test_company_and_bad_neighbours_change_nothing),
                cmocka_unit_test(test_bad_jobs_are_refused),
                cmocka_unit_test(test_a_full_engine_says_so_and_closes_with_work_inside),
                cmocka_unit_test(test_a_hundredth_of_a_second_is_no_speech),
                cmocka_unit_test(test_languages),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
