// The encoder on a small made-up model, in each arithmetic that this processor has: windows of
// any lengths end to end give what each gives alone, and silence that is not computed equals
// silence that is. And the pool that holds what the decoder hears.
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/cpu/cross_kv.h"
#include "whisper/cpu/encoder.h"

enum { STATE = 32, HEADS = 2, MELS = 5, WINDOWS = 3 };

static struct whisper_model model;
static struct encoder_layer encoder_layer;
static struct decoder_layer decoder_layer;
static struct linear_context *context;
static struct team *team;
static struct encoder *encoder;

static float *random_floats(size_t n, float range) {
        static uint32_t seed = 1;
        float *ret = xcalloc(n, sizeof(*ret));

        for (size_t i = 0; i < n; i++) {
                seed = seed * 1664525u + 1013904223u;
                ret[i] = range * ((float)(seed >> 8) / (float)(1u << 23) - 1);
        }
        return ret;
}

static struct linear *random_linear(size_t n_out, size_t n_in) {
        CLEANUP(floats_freep) float *weight = random_floats(n_out * n_in, 0.3f);
        CLEANUP(floats_freep) float *bias = random_floats(n_out, 0.3f);
        struct linear *linear = NULL;
        int r;

        if (model.compute == COMPUTE_FLOAT32)
                r = linear_new(&linear, weight, bias, n_out, n_in, NULL);
        else
                r = linear_new_tall(&linear, weight, bias, n_out, n_in);
        assert_int_equal(r, 0);
        return linear;
}

static struct norm random_norm(void) {
        return (struct norm){random_floats(STATE, 1), random_floats(STATE, 1)};
}

static int setup(void **state) {
        (void)state;
        model.info = (struct whisper_info){.n_mels = MELS,
                                           .n_audio_state = STATE,
                                           .n_audio_heads = HEADS,
                                           .n_audio_layers = 1,
                                           .n_text_state = STATE,
                                           .n_text_heads = HEADS,
                                           .n_text_layers = 1};
        model.convolution_1 = random_linear(STATE, 3 * MELS);
        model.convolution_2 = random_linear(STATE, 3 * STATE);
        model.audio_positions = random_floats((size_t)CONTEXT_ROWS * STATE, 1);
        model.encoder_layers = &encoder_layer;
        encoder_layer.attention_norm = random_norm();
        encoder_layer.mlp_norm = random_norm();
        encoder_layer.query_key_value = random_linear(3 * STATE, STATE);
        encoder_layer.attention_out = random_linear(STATE, STATE);
        encoder_layer.mlp_in = random_linear(4 * STATE, STATE);
        encoder_layer.mlp_out = random_linear(STATE, 4 * STATE);
        model.encoder_norm = random_norm();
        model.decoder_layers = &decoder_layer;
        decoder_layer.cross_key_value = random_linear(2 * STATE, STATE);
        assert_int_equal(team_new(&team, 2, "test"), 0);
        assert_int_equal(linear_context_new(&context, team, NULL), 0);
        return encoder_new(&encoder, &model, context, team);
}

static void norm_free(struct norm *norm) {
        free(norm->weight);
        free(norm->bias);
}

static int teardown(void **state) {
        (void)state;
        encoder_free(encoder);
        linear_context_free(context);
        team = team_free(team);
        linear_free(model.convolution_1);
        linear_free(model.convolution_2);
        free(model.audio_positions);
        norm_free(&encoder_layer.attention_norm);
        norm_free(&encoder_layer.mlp_norm);
        linear_free(encoder_layer.query_key_value);
        linear_free(encoder_layer.attention_out);
        linear_free(encoder_layer.mlp_in);
        linear_free(encoder_layer.mlp_out);
        norm_free(&model.encoder_norm);
        linear_free(decoder_layer.cross_key_value);
        return 0;
}

// Bit for bit where the products are ours; oneDNN chooses its kernels by the number of rows.
static void assert_rows_equal(const float *a, const float *b, size_t n_rows) {
        if (model.compute != COMPUTE_FLOAT32)
                assert_memory_equal(a, b, n_rows * STATE * sizeof(*a));
        for (size_t i = 0; i < n_rows * STATE; i++)
                assert_float_equal(a[i], b[i], 1e-4);
}

static float *copy_rows(const float *rows, size_t n_rows) {
        float *ret = xcalloc(n_rows * STATE, sizeof(*ret));

        memcpy(ret, rows, n_rows * STATE * sizeof(*ret));
        return ret;
}

static void test_windows_together_give_what_each_gives_alone(void **state) {
        (void)state;
        static const size_t n_frames[WINDOWS] = {301, 2, 1000};
        struct audio_context contexts[WINDOWS];
        struct encoder_window windows[WINDOWS];
        float *log_mels[WINDOWS], *alone[WINDOWS];
        const float *features = NULL;

        for (size_t i = 0; i < WINDOWS; i++) {
                log_mels[i] = random_floats(n_frames[i] * MELS, 1);
                context_init(&contexts[i], n_frames[i], &context_shape_short);
                windows[i] = (struct encoder_window){log_mels[i], n_frames[i], &contexts[i]};
                assert_int_equal(encoder_run(encoder, &windows[i], 1, &features), 0);
                alone[i] = copy_rows(features, contexts[i].n_rows);
        }
        assert_int_equal(encoder_run(encoder, windows, WINDOWS, &features), 0);
        for (size_t i = 0; i < WINDOWS; i++) {
                assert_rows_equal(features, alone[i], contexts[i].n_rows);
                features += contexts[i].n_rows * STATE;
                free(alone[i]);
                free(log_mels[i]);
        }
}

static void test_silence_need_not_be_computed(void **state) {
        (void)state;
        enum { SOUND = 401 };
        CLEANUP(floats_freep)
        float *log_mel = xcalloc((size_t)CONTEXT_FRAMES * MELS, sizeof(float));
        CLEANUP(floats_freep) float *sound = random_floats((size_t)SOUND * MELS, 1);
        CLEANUP(floats_freep) float *computed = NULL;
        struct audio_context kept, all;
        const float *features = NULL;

        memcpy(log_mel, sound, (size_t)SOUND * MELS * sizeof(*sound));
        context_init(&all, CONTEXT_FRAMES, &context_shape_full);
        assert_int_equal(all.n_convolved, CONTEXT_ROWS);
        assert_int_equal(encoder_run(encoder,
                                     &(struct encoder_window){log_mel, CONTEXT_FRAMES, &all}, 1,
                                     &features),
                         0);
        computed = copy_rows(features, CONTEXT_ROWS);

        context_init(&kept, SOUND, &context_shape_full);
        assert_true(kept.n_convolved < CONTEXT_ROWS);
        assert_int_equal(encoder_run(encoder, &(struct encoder_window){log_mel, SOUND, &kept},
                                     1, &features),
                         0);
        assert_rows_equal(features, computed, CONTEXT_ROWS);
}

static void test_too_much_at_once_is_refused(void **state) {
        (void)state;
        CLEANUP(floats_freep)
        float *log_mel = xcalloc((size_t)CONTEXT_FRAMES * MELS, sizeof(float));
        struct audio_context full, brief;
        struct encoder_window windows[2] = {{log_mel, CONTEXT_FRAMES, &full},
                                            {log_mel, 1, &brief}};
        const float *features = NULL;

        context_init(&full, CONTEXT_FRAMES, &context_shape_full);
        context_init(&brief, 1, &context_shape_short);
        assert_int_equal(encoder_run(encoder, windows, 0, &features), -EINVAL);
        assert_int_equal(encoder_run(encoder, windows, 2, &features), -EINVAL);
        assert_int_equal(encoder_run(encoder, windows + 1, 1, &features), 0);
}

static void test_the_pool_keeps_to_its_budget(void **state) {
        (void)state;
        CLEANUP(cross_kv_pool_freep) struct cross_kv_pool *pool = NULL;
        CLEANUP(floats_freep)
        float *log_mel = xcalloc((size_t)CONTEXT_FRAMES * MELS, sizeof(float));
        struct audio_context full, brief;
        struct encoder_window long_window = {log_mel, CONTEXT_FRAMES, &full};
        struct encoder_window brief_window = {log_mel, 100, &brief};
        struct cross_kv *memory = NULL, *others[CONTEXT_ROWS] = {NULL}, *refused = NULL;
        const float *features = NULL;
        size_t n = 0;

        context_init(&full, CONTEXT_FRAMES, &context_shape_full);
        context_init(&brief, 100, &context_shape_short);
        assert_int_equal(cross_kv_pool_new(&pool, &model, 1, team), 0);
        assert_int_equal(encoder_run(encoder, &long_window, 1, &features), 0);
        assert_int_equal(cross_kv_compute(&memory, pool, encoder, &long_window, 1), 0);
        assert_int_equal(memory->n_keys, CONTEXT_ROWS);
        assert_false(cross_kv_pool_has_room(pool, 0, 1));
        assert_int_equal(cross_kv_compute(&refused, pool, encoder, &long_window, 1), -ENOMEM);
        assert_null(refused);
        assert_null(cross_kv_release(memory));

        // The long one's memory makes room for short ones, as many as the budget has.
        assert_int_equal(encoder_run(encoder, &brief_window, 1, &features), 0);
        while (cross_kv_pool_has_room(pool, 0, brief.n_rows)) {
                assert_int_equal(cross_kv_compute(&others[n], pool, encoder, &brief_window, 1),
                                 0);
                assert_int_equal(others[n]->n_keys, brief.n_rows);
                assert_int_equal(others[n++]->positions[brief.n_rows - 1],
                                 brief.positions[brief.n_rows - 1]);
        }
        assert_int_equal(n, CONTEXT_ROWS / cross_kv_pool_claim(brief.n_rows));
        assert_int_equal(cross_kv_compute(&refused, pool, encoder, &brief_window, 1), -ENOMEM);
        while (n > 0)
                cross_kv_release(others[--n]);
        assert_true(cross_kv_pool_has_room(pool, 0, CONTEXT_ROWS));
}

static void test_the_pool_gives_back_what_many_windows_took(void **state) {
        (void)state;
        CLEANUP(cross_kv_pool_freep) struct cross_kv_pool *pool = NULL;
        CLEANUP(floats_freep)
        float *log_mel = xcalloc((size_t)CONTEXT_FRAMES * MELS, sizeof(float));
        struct audio_context full;
        struct encoder_window window = {log_mel, CONTEXT_FRAMES, &full};
        struct cross_kv *memories[4] = {NULL};
        const float *features = NULL;

        context_init(&full, CONTEXT_FRAMES, &context_shape_full);
        assert_int_equal(cross_kv_pool_new(&pool, &model, 4, team), 0);
        for (size_t i = 0; i < 4; i++) {
                assert_int_equal(encoder_run(encoder, &window, 1, &features), 0);
                assert_int_equal(cross_kv_compute(&memories[i], pool, encoder, &window, 1), 0);
        }
        assert_int_equal(cross_kv_pool_held(pool), 4 * CONTEXT_ROWS);
        for (size_t i = 0; i < 4; i++)
                cross_kv_release(memories[i]);
        assert_int_equal(cross_kv_pool_held(pool), CROSS_KV_FREE_KEYS_MAX);

        // What was kept is used again.
        assert_int_equal(cross_kv_compute(&memories[0], pool, encoder, &window, 1), 0);
        assert_int_equal(cross_kv_pool_held(pool), CROSS_KV_FREE_KEYS_MAX);
        cross_kv_release(memories[0]);
}

static void test_an_int8_decoder_listens_in_eight_bits(void **state) {
        (void)state;
        struct whisper_model other = {.compute = COMPUTE_INT8,
                                      .info = {.n_text_state = 512, .n_text_heads = 8}};

        assert_int_equal(cross_kv_type(&other), SKINNY_INT8);
        other.info.n_text_heads = 4;  // wider than its kernels
        assert_int_not_equal(cross_kv_type(&other), SKINNY_INT8);
        other.info.n_text_heads = 8;
        other.compute = COMPUTE_FLOAT32;
        assert_int_equal(cross_kv_type(&other), SKINNY_HALF);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_windows_together_give_what_each_gives_alone),
                cmocka_unit_test(test_silence_need_not_be_computed),
                cmocka_unit_test(test_too_much_at_once_is_refused),
                cmocka_unit_test(test_the_pool_keeps_to_its_budget),
                cmocka_unit_test(test_the_pool_gives_back_what_many_windows_took),
                cmocka_unit_test(test_an_int8_decoder_listens_in_eight_bits),
        };
        int n_failed = 0;

        for (enum compute compute = COMPUTE_FLOAT32; compute <= COMPUTE_INT8; compute++) {
                model.compute = compute;
                n_failed += cmocka_run_group_tests_name(compute_names[compute], tests, setup,
                                                        teardown);
        }
        return n_failed;
}
