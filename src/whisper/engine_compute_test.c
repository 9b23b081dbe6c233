// int8 on a real model and real sound: near to float32; and each arithmetic is blind to
// company.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/cpu/cpu.h"
#include "whisper/cpu/encoder.h"
#include "whisper/engine_rig.h"

#define SOUND       "librispeech-short/4680-16042-0004.flac"
#define OTHER_SOUND "librispeech-short/7859-102519-0047.flac"

#define FEATURE_TOLERANCE 1e-3F

// A model with an encoder, and one sound's window.
struct bench {
        struct team *team;
        struct whisper_model *model;
        struct linear_context *context;
        struct encoder *encoder;
};

static bool bench_init(struct bench *bench, enum compute compute) {
        *bench = (struct bench){0};
        bench->model = rig_load_model_for("tiny.en", compute);
        if (!bench->model)
                return false;
        assert_int_equal(team_new(&bench->team, 2, "test"), 0);
        assert_int_equal(linear_context_new(&bench->context, bench->team, NULL), 0);
        assert_int_equal(
                encoder_new(&bench->encoder, bench->model, bench->context, bench->team), 0);
        return true;
}

static void bench_deinit(struct bench *bench) {
        encoder_free(bench->encoder);
        linear_context_free(bench->context);
        team_free(bench->team);
        whisper_model_free(bench->model);
}

// The log-mel of a sound, [*ret_n_frames, n_mels]; NULL without the test data.
static float *read_log_mel(const struct whisper_model *model, const char *name,
                           size_t *ret_n_frames) {
        CLEANUP(job_freep) struct job *job = rig_load_job(name);
        float *ret;

        if (!job)
                return NULL;
        ret = xcalloc(log_mel_frames(job->n_samples) * (size_t)model->info.n_mels,
                      sizeof(*ret));
        log_mel_compute(model->log_mel, job->samples, job->n_samples, NULL, ret);
        *ret_n_frames = job->n_samples / LOG_MEL_HOP;
        return ret;
}

// The cosine between what both make of the sound, all rows together; negative without data.
static double cosine(struct bench *a, struct bench *b) {
        size_t n_frames = 0;
        CLEANUP(floats_freep) float *log_mel = read_log_mel(a->model, SOUND, &n_frames);
        struct audio_context context;
        struct encoder_window window = {log_mel, n_frames, &context};
        const float *x = NULL, *y = NULL;
        double product = 0, xx = 0, yy = 0;

        if (!log_mel)
                return -1;
        context_init(&context, n_frames, &context_shape_short);
        assert_int_equal(encoder_run(a->encoder, &window, 1, &x), 0);
        assert_int_equal(encoder_run(b->encoder, &window, 1, &y), 0);
        for (size_t i = 0; i < context.n_rows * (size_t)a->model->info.n_audio_state; i++) {
                product += (double)x[i] * y[i];
                xx += (double)x[i] * x[i];
                yy += (double)y[i] * y[i];
        }
        return product / sqrt(xx * yy);
}

static void check_nearness(enum compute compute, double least) {
        struct bench reference = {0}, other = {0};

        if (bench_init(&reference, COMPUTE_FLOAT32) && bench_init(&other, compute)) {
                double found = cosine(&reference, &other);

                print_message("%s: cosine %.6f\n", compute_names[compute], found);
                assert_true(found < 0 || found >= least);
        }
        bench_deinit(&reference);
        bench_deinit(&other);
}

static void test_int8_is_near_float32(void **state) {
        (void)state;
        check_nearness(COMPUTE_INT8, 0.99);
}

// Bit for bit, but in float32 without AVX-512 (gemm/linear.h); features are a few units large.
static void expect_equal(const float *expected, const float *features, size_t n) {
        if (cpu_has_avx512()) {
                assert_memory_equal(expected, features, n * sizeof(*expected));
                return;
        }
        for (size_t i = 0; i < n; i++)
                assert_float_equal(expected[i], features[i], FEATURE_TOLERANCE);
}

// The first window alone and behind another one: the same in every arithmetic; also what the
// decoder is given.
static void check_company(enum compute compute) {
        struct bench bench;
        float *alone, *log_mels[2];
        struct audio_context contexts[2];
        struct encoder_window windows[2];
        const float *features = NULL;
        const struct linear *layer;
        size_t n_state, n_other;

        if (!bench_init(&bench, compute))
                return;
        for (size_t i = 0; i < 2; i++) {
                log_mels[i] = read_log_mel(bench.model, i ? SOUND : OTHER_SOUND,
                                           &windows[i].n_frames);
                if (log_mels[i])
                        context_init(&contexts[i], windows[i].n_frames, &context_shape_short);
                windows[i].log_mel = log_mels[i];
                windows[i].context = &contexts[i];
        }
        n_state = (size_t)bench.model->info.n_audio_state;
        layer = bench.model->decoder_layers[0].cross_key_value;
        if (log_mels[0] && log_mels[1]) {
                size_t n = contexts[1].n_rows * n_state * 2;

                n_other = contexts[0].n_rows * n_state * 2;
                alone = xcalloc(n, sizeof(*alone));
                assert_int_equal(encoder_run(bench.encoder, &windows[1], 1, &features), 0);
                assert_int_equal(encoder_project(bench.encoder, layer, 2 * n_state, &features),
                                 0);
                memcpy(alone, features, n * sizeof(*alone));
                assert_int_equal(encoder_run(bench.encoder, windows, 2, &features), 0);
                assert_int_equal(encoder_project(bench.encoder, layer, 2 * n_state, &features),
                                 0);
                expect_equal(alone, features + n_other, n);
                free(alone);
        }
        free(log_mels[0]);
        free(log_mels[1]);
        bench_deinit(&bench);
}

static void test_company_changes_no_bit(void **state) {
        (void)state;
        check_company(COMPUTE_FLOAT32);
        check_company(COMPUTE_INT8);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_int8_is_near_float32),
                cmocka_unit_test(test_company_changes_no_bit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
