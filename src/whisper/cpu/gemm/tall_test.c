// Tiles, dense layers and self-attention against plain ones in double, for whatever this
// processor has (and, in runs with ONEDNN_MAX_CPU_ISA, for what it can pretend to have).
#include "whisper/cpu/gemm/tall.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/cpu/gemm/tall_layer.h"
#include "whisper/cpu/int8_kernels.h"
#include "whisper/cpu/random_rig.h"
#include "whisper/cpu/self_attention.h"

// What bf16 keeps of a value.
static float keep_bf16(float x) {
        uint16_t kept;

        tall_to_bf16(&x, 1, &kept);
        tall_from_bf16(&kept, 1, &x);
        return x;
}

static void test_bf16_rounds_to_nearest_even(void **state) {
        (void)state;
        assert_float_equal(keep_bf16(1.0f), 1.0f, 0);
        assert_float_equal(keep_bf16(1.0f + 1.0f / 256), 1.0f, 0);
        assert_float_equal(keep_bf16(1.0f + 3.0f / 256), 1.0f + 4.0f / 256, 0);
        assert_float_equal(keep_bf16(1.0f + 1.01f / 256), 1.0f + 2.0f / 256, 0);
        assert_true(isinf(keep_bf16(INFINITY)));
        assert_true(isnan(keep_bf16(NAN)));
}

// A byte of a quantised row as rows stand for it.
static float quantized_value(uint8_t x) {
        return (float)(x ^ int8_kernels()->tall->turned);
}

static void test_quantized_rows_stand_for_what_they_were(void **state) {
        (void)state;
        enum { N = 45 };
        uint8_t quantized[N];
        struct tall_row row;

        for (int shape = 0; shape < 4; shape++) {
                CLEANUP(floats_freep) float *x = rig_random_floats(N, 3);

                for (size_t i = 0; i < N; i++)
                        x[i] = shape == 0   ? x[i]
                               : shape == 1 ? fabsf(x[i])
                               : shape == 2 ? -fabsf(x[i])
                                            : 0;
                x[7] = 0;
                tall_quantize(x, N, quantized, &row);
                for (size_t i = 0; i < N; i++)
                        assert_float_equal(row.scale *
                                                   (quantized_value(quantized[i]) - row.zero),
                                           x[i], 0.51 * row.scale + 1e-6);
                assert_float_equal(quantized_value(quantized[7]), row.zero, 0);
        }
}

static double gelu_plain(double x) {
        return x / 2 * (1 + erf(x / sqrt(2)));
}

// A layer of all kinds of sizes; each row of `x` as the layer gets to see it.
struct layer_case {
        size_t n_rows, n_in, n_out;
};

static double row_value(const struct tall_input *input, size_t row, size_t i) {
        const uint8_t *x = (const uint8_t *)input->x + row * input->stride;

        return input->rows[row].scale * (quantized_value(x[i]) - input->rows[row].zero);
}

// One output's weights as the layer has them: about what they were.
static void keep_weights(const struct tall_layer *layer, size_t column, const float *weight,
                         float *ret) {
        for (size_t i = 0; i < layer->n_in; i++) {
                const uint8_t *group = tall_matrix_at(&layer->matrix, i / 4, column);

                ret[i] = layer->scales[column] * (float)(int8_t)group[i % 4];
                assert_float_equal(ret[i], weight[i], 1.51 * layer->scales[column]);
        }
}

static void check_layer(const struct layer_case *size, unsigned flags) {
        size_t n_in = size->n_in, n_out = size->n_out;
        CLEANUP(floats_freep) float *weight = rig_random_floats(n_out * n_in, 0.3f);
        CLEANUP(floats_freep) float *bias = rig_random_floats(n_out, 1);
        CLEANUP(floats_freep) float *x = rig_random_floats(size->n_rows * n_in, 2);
        CLEANUP(floats_freep) float *y = rig_random_floats(size->n_rows * n_out, 1);
        CLEANUP(floats_freep) float *before = xcalloc(size->n_rows * n_out, sizeof(*before));
        CLEANUP(floats_freep) float *kept = xcalloc(n_out * n_in, sizeof(*kept));
        CLEANUP(tall_layer_freep)
        struct tall_layer *layer = tall_layer_new(weight, bias, n_out, n_in);
        struct tall_chunk chunk = {.elements = try_aligned(tall_chunk_size(n_in))};
        struct tall_input input = tall_take_floats(&chunk, x, n_in, size->n_rows, n_in);
        double slack = flags & TALL_TO_BF16 ? 5e-3 : 1e-4;

        memcpy(before, y, size->n_rows * n_out * sizeof(*y));
        for (size_t c = 0; c < n_out; c++)
                keep_weights(layer, c, weight + c * n_in, kept + c * n_in);
        tall_layer_multiply(layer, &input, size->n_rows, y, n_out, flags);
        for (size_t row = 0; row < size->n_rows; row++) {
                for (size_t c = 0; c < n_out; c++) {
                        double expected = bias[c];
                        float got = y[row * n_out + c];

                        for (size_t i = 0; i < n_in; i++)
                                expected += row_value(&input, row, i) * kept[c * n_in + i];
                        if (flags & TALL_GELU)
                                expected = gelu_plain(expected);
                        if (flags & TALL_ADD)
                                expected += before[row * n_out + c];
                        if (flags & TALL_TO_BF16)
                                tall_from_bf16((uint16_t *)(void *)y + row * n_out + c, 1,
                                               &got);
                        assert_float_equal(got, expected, 2e-4 + slack * fabs(expected));
                }
        }
        free(chunk.elements);
}

static void test_layers(void **state) {
        static const size_t rows[] = {1, 5, 17, 48, 96};
        static const size_t columns[] = {16, 32, 48, 64, 144};

        (void)state;
        for (size_t i = 0; i < 5; i++) {
                struct layer_case layer = {rows[i], 8 + 44 * i, columns[i]};

                check_layer(&layer, 0);
                check_layer(&layer, TALL_ADD);
                check_layer(&layer, TALL_GELU);
                check_layer(&layer, TALL_GELU | TALL_TO_BF16);
        }
}

static void test_a_row_does_not_see_its_neighbours(void **state) {
        (void)state;
        enum { ROWS = 49, IN = 200, OUT = 80 };
        CLEANUP(floats_freep) float *weight = rig_random_floats((size_t)OUT * IN, 0.3f);
        CLEANUP(floats_freep) float *x = rig_random_floats((size_t)ROWS * IN, 2);
        CLEANUP(tall_layer_freep)
        struct tall_layer *layer = tall_layer_new(weight, NULL, OUT, IN);
        struct tall_chunk chunk = {.elements = try_aligned(tall_chunk_size(IN))};
        struct tall_input input = tall_take_floats(&chunk, x, IN, ROWS, IN);
        float together[ROWS][OUT] = {{0}}, alone[OUT] = {0};

        tall_layer_multiply(layer, &input, ROWS, together, OUT, TALL_GELU);
        for (size_t row = 0; row < ROWS; row++) {
                input = tall_take_floats(&chunk, x + row * IN, IN, 1, IN);
                tall_layer_multiply(layer, &input, 1, alone, OUT, TALL_GELU);
                assert_memory_equal(alone, together[row], sizeof(alone));
        }
        free(chunk.elements);
}

// The weight that tall_quantize_softmax() gave to the score number i of n: a word in its place,
// or a byte, of 64 with AVX-512 a quarter of each half in turn.
static double weight_of(const int16_t *scores, size_t i, size_t n) {
        if (tall_attention_type() == TALL_INT16)
                return scores[i];
        if (int8_kernels()->tall->turned == 0 && i / 64 < n / 64)
                i = i / 64 * 64 + i / 8 % 4 * 16 + i / 32 % 2 * 8 + i % 8;
        return (double)quantized_value(((const uint8_t *)scores)[i]);
}

// n scores, each so many steps below the one before; the last eight stand for no key.
static void check_softmax(size_t n, int16_t largest, int step) {
        int16_t scores[256];
        double expected[256], sum = 0;
        float got;

        for (size_t i = 0; i < n; i++) {
                int below = i + 8 < n ? (int)i * step : largest - INT16_MIN;

                scores[i] = (int16_t)(largest - below);
                expected[i] = 255 * exp2(-below / 128.0);
                sum += expected[i];
        }
        got = tall_quantize_softmax(scores, n, largest);
        for (size_t i = 0; i < n; i++)
                assert_float_equal(weight_of(scores, i, n), expected[i],
                                   0.51 + 0.002 * expected[i]);
        assert_float_equal(got, sum, 0.002 * sum + 0.004 * (double)n);
}

static void test_weights_are_powers_of_two(void **state) {
        static const size_t sizes[] = {16, 48, 64, 80, 240};
        static const int16_t largest[] = {INT16_MAX, 0, -20000};

        (void)state;
        for (size_t i = 0; i < 5; i++) {
                for (size_t k = 0; k < 3; k++) {
                        check_softmax(sizes[i], largest[k], 0);
                        check_softmax(sizes[i], largest[k], 1);
                        check_softmax(sizes[i], largest[k], 37);
                }
        }
}

static void test_a_column_without_a_key_has_no_weight(void **state) {
        int16_t scores[16];

        (void)state;
        for (size_t i = 0; i < 16; i++)
                scores[i] = INT16_MIN;
        assert_float_equal(tall_quantize_softmax(scores, 16, INT16_MIN), 0, 0);
}

// How far attention may be off.
#define SLACK 0.16

// One head's results for one query, in double.
static void attend_plain(const struct self_attention_window *window, size_t n_state,
                         size_t query, size_t first, size_t width, double *ret) {
        double scores[200], sum = 0;
        float a, b;

        for (size_t key = 0; key < window->n_rows; key++) {
                scores[key] = key < window->n_unbiased ? 0 : window->biases[key];
                for (size_t i = first; i < first + width; i++) {
                        tall_from_bf16(window->projected + query * 3 * n_state + i, 1, &a);
                        tall_from_bf16(window->projected + key * 3 * n_state + n_state + i, 1,
                                       &b);
                        scores[key] += (double)a * b;
                }
        }
        for (size_t key = 0; key < window->n_rows; key++)
                sum += exp(scores[key]);
        for (size_t i = 0; i < width; i++)
                ret[i] = 0;
        for (size_t key = 0; key < window->n_rows; key++) {
                for (size_t i = 0; i < width; i++) {
                        tall_from_bf16(window->projected + key * 3 * n_state + 2 * n_state +
                                               first + i,
                                       1, &a);
                        ret[i] += a * exp(scores[key]) / sum;
                }
        }
}

static void test_self_attention(void **state) {
        enum { HEADS = 3, WIDTH = 32, STATE = HEADS * WIDTH, WINDOWS = 4 };
        static const size_t n_rows[WINDOWS] = {1, 33, 99, 64};
        static const size_t n_unbiased[WINDOWS] = {1, 20, 99, 3};
        CLEANUP(team_freep) struct team *team = NULL;
        struct self_attention attention;
        struct self_attention_window windows[WINDOWS];
        double expected[WIDTH], error = 0;
        size_t n_results = 0;
        float got;

        (void)state;
        assert_int_equal(team_new(&team, 2, "test"), 0);
        assert_int_equal(self_attention_init(&attention, HEADS, WIDTH,
                                             (struct self_attention_limits){200, WINDOWS},
                                             team),
                         0);
        for (size_t i = 0; i < WINDOWS; i++) {
                CLEANUP(floats_freep) float *x = rig_random_floats(n_rows[i] * 3 * STATE, 2);
                uint16_t *projected = xcalloc(n_rows[i] * 3 * STATE, sizeof(*projected));

                tall_to_bf16(x, n_rows[i] * 3 * STATE, projected);
                windows[i] = (struct self_attention_window){
                        .projected = projected,
                        .n_rows = n_rows[i],
                        .stride = STATE * 3,
                        .block = TALL_TILE_COLUMNS,
                        .biases = rig_random_floats(n_rows[i], 3),
                        .n_unbiased = n_unbiased[i],
                        .ret = xcalloc(n_rows[i] * STATE, sizeof(uint16_t))};
        }
        self_attention_run(&attention, windows, WINDOWS);
        for (size_t i = 0; i < WINDOWS; i++) {
                for (size_t task = 0; task < n_rows[i] * HEADS; task++) {
                        size_t query = task / HEADS, first = task % HEADS * WIDTH;

                        attend_plain(&windows[i], STATE, query, first, WIDTH, expected);
                        for (size_t k = 0; k < WIDTH; k++) {
                                tall_from_bf16(windows[i].ret + query * STATE + first + k, 1,
                                               &got);
                                assert_float_equal(got, expected[k], SLACK);
                                error += fabs(got - expected[k]);
                                n_results++;
                        }
                }
                free((void *)(uintptr_t)windows[i].projected);
                free((void *)(uintptr_t)windows[i].biases);
                free(windows[i].ret);
        }
        assert_true(error / (double)n_results < SLACK / 8);
        self_attention_deinit(&attention);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bf16_rounds_to_nearest_even),
                cmocka_unit_test(test_quantized_rows_stand_for_what_they_were),
                cmocka_unit_test(test_layers),
                cmocka_unit_test(test_a_row_does_not_see_its_neighbours),
                cmocka_unit_test(test_weights_are_powers_of_two),
                cmocka_unit_test(test_a_column_without_a_key_has_no_weight),
                cmocka_unit_test(test_self_attention),
        };
        int n_failed = 0;

        for (enum int8_kind kind = 0; kind < INT8_KINDS; kind++) {
                const struct int8_kernels *kernels = int8_kernels_of(kind);

                if (!kernels)
                        continue;
                int8_kernels_use(kernels);
                rig_random_restart();
                n_failed += cmocka_run_group_tests_name(kernels->name, tests, NULL, NULL);
        }
        return n_failed;
}
