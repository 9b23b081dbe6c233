// The element-wise kernels and attention against plain ones in double.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "util/mem.h"
#include "whisper/cpu/attention.h"
#include "whisper/cpu/gemm/linear.h"
#include "whisper/cpu/random_rig.h"
#include "whisper/cpu/vectors_avx2.h"

static void softmax_plain(const float *x, size_t n, double *ret) {
        double largest = -INFINITY, sum = 0;

        for (size_t i = 0; i < n; i++)
                largest = fmax(largest, x[i]);
        for (size_t i = 0; i < n; i++)
                sum += ret[i] = exp(x[i] - largest);
        for (size_t i = 0; i < n; i++)
                ret[i] /= sum;
}

static void test_softmax_and_log_sum_exp(void **state) {
        (void)state;
        double expected[100];

        for (size_t n = 1; n <= 100; n += 9) {
                float *x = rig_random_floats(n, 60);
                double sum = 0;

                if (n > 2)
                        x[1] = -INFINITY;
                softmax_plain(x, n, expected);
                for (size_t i = 0; i < n; i++)
                        sum += exp((double)x[i]);
                assert_float_equal(vector_log_sum_exp(x, n), log(sum), 1e-5);
                vector_softmax(x, n);
                for (size_t i = 0; i < n; i++)
                        assert_float_equal(x[i], expected[i], 1e-6);
                free(x);
        }
}

TARGET_AVX2 static void logarithms_of_eight(float x, float *ret) {
        __m256 steps = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);

        _mm256_storeu_ps(ret, log10_avx2(_mm256_fmadd_ps(_mm256_set1_ps(x / 8), steps,
                                                         _mm256_set1_ps(x))));
}

static void test_logarithms(void **state) {
        float ret[8];

        (void)state;
        for (int step = -146; step < 146; step++) {  // 1e-10 to 1e10
                float x = powf(1.17f, (float)step);

                logarithms_of_eight(x, ret);
                for (int i = 0; i < 8; i++)
                        assert_float_equal(ret[i], log10((double)x * (1 + i / 8.0)), 2e-6);
        }
}

static void test_normalize(void **state) {
        (void)state;
        for (size_t n = 1; n <= 70; n += 23) {
                float *x = rig_random_floats(n, 5), *weight = rig_random_floats(n, 1);
                float *bias = rig_random_floats(n, 1), *ret = xcalloc(n, sizeof(*ret));
                double mean = 0, variance = 0;

                for (size_t i = 0; i < n; i++)
                        mean += x[i] / (double)n;
                for (size_t i = 0; i < n; i++)
                        variance += (x[i] - mean) * (x[i] - mean) / (double)n;
                vector_normalize(x, weight, bias, n, ret);
                for (size_t i = 0; i < n; i++)
                        assert_float_equal(ret[i],
                                           (x[i] - mean) / sqrt(variance + 1e-5) * weight[i] +
                                                   bias[i],
                                           1e-4);
                free(x);
                free(weight);
                free(bias);
                free(ret);
        }
}

static void test_argmax_takes_the_first_of_equals(void **state) {
        (void)state;
        float x[20] = {0};

        assert_int_equal(vector_argmax(x, 20), 0);
        x[17] = x[9] = 2;
        assert_int_equal(vector_argmax(x, 20), 9);
        // Anywhere in a long one, twice.
        for (size_t first = 0; first < 90; first++) {
                float many[101] = {0};

                many[first] = many[first + 11 < 101 ? first + 11 : 100] = 0.5f;
                many[first / 2] = first > 1 ? 0.25f : 0.5f;
                assert_int_equal(vector_argmax(many, 101), first > 1 ? first : first / 2);
                assert_float_equal(vector_max(many, 101), many[vector_argmax(many, 101)], 0);
        }
}

static void test_halves_are_recognised(void **state) {
        (void)state;
        float x[9] = {0.5f, -0.25f, 0, 1, 2, 3, 65504, -1e-7f, 7};
        uint16_t halves[9];

        assert_false(vector_is_half(x, 9));  // 1e-7 has no exact half
        x[7] = 0x1p-24f;
        assert_true(vector_is_half(x, 9));
        vector_to_half(x, 9, halves);
        assert_int_equal(halves[0], 0x3800);
        assert_int_equal(halves[6], 0x7bff);
        assert_int_equal(halves[7], 0x0001);
        assert_int_equal(halves[8], 0x4700);
}

// One head of one query in double. Each row of `keys` has its values half a stride on.
static void attend_plain(const float *query, const struct attention_source *source,
                         size_t column, double *ret) {
        const struct packed_kv *kv = source->kv;
        double *scores = xcalloc(kv->n_keys, sizeof(*scores));
        float *products = xcalloc(kv->n_keys, sizeof(*products));

        for (size_t k = 0; k < kv->n_keys; k++) {
                for (size_t d = 0; d < kv->head_width; d++)
                        products[k] += query[d] * source->keys[k * source->stride + column + d];
                products[k] += k < kv->n_unbiased ? 0 : kv->biases[k];
        }
        softmax_plain(products, kv->n_keys, scores);
        for (size_t d = 0; d < kv->head_width; d++) {
                ret[d] = 0;
                for (size_t k = 0; k < kv->n_keys; k++)
                        ret[d] += scores[k] * source->values[k * source->stride + column + d];
        }
        free(scores);
        free(products);
}

// One window's keys, values, queries and results, made up.
enum { HEADS = 3, WIDTH = 32, STATE = HEADS * WIDTH };

struct attention_case {
        struct packed_kv kv;
        struct attention_source source;
        struct attention attention;
        float *x, *queries, *biases;
};

static void attention_case_init(struct attention_case *ret, size_t n_keys, size_t n_queries) {
        ret->x = rig_random_floats(n_keys * 2 * STATE, 1);
        ret->queries = rig_random_floats(n_queries * STATE, 1);
        ret->biases = rig_random_floats(n_keys, 3);
        ret->kv = (struct packed_kv){
                .n_keys = n_keys,
                .n_heads = HEADS,
                .head_width = WIDTH,
                .biases = ret->biases,
                .n_unbiased = n_keys / 2,
                .elements = xcalloc(packed_kv_size(n_keys, HEADS, WIDTH), sizeof(float)),
        };
        ret->source = (struct attention_source){.kv = &ret->kv,
                                                .keys = ret->x,
                                                .values = ret->x + STATE,
                                                .stride = (size_t)2 * STATE};
        ret->attention = (struct attention){.kv = &ret->kv,
                                            .queries = ret->queries,
                                            .query_stride = STATE,
                                            .n_queries = n_queries,
                                            .ret = xcalloc(n_queries * STATE, sizeof(float)),
                                            .ret_stride = STATE};
}

static void attention_case_deinit(struct attention_case *made) {
        free(made->x);
        free(made->queries);
        free(made->biases);
        free(made->kv.elements);
        free(made->attention.ret);
}

static void check_attention(const struct attention_case *made) {
        double expected[WIDTH] = {0};

        for (size_t q = 0; q < made->attention.n_queries; q++) {
                for (size_t column = 0; column < STATE; column += WIDTH) {
                        attend_plain(made->queries + q * STATE + column, &made->source, column,
                                     expected);
                        for (size_t d = 0; d < WIDTH; d++)
                                assert_float_equal(made->attention.ret[q * STATE + column + d],
                                                   expected[d], 1e-5);
                }
        }
}

// Windows of several lengths in one call.
static void check_attentions(void) {
        static const size_t shapes[][2] = {{1, 1}, {33, 2}, {100, 101}, {16, 48}};
        enum { N = sizeof(shapes) / sizeof(shapes[0]) };
        size_t scratch_size = attention_scratch_size(100, WIDTH);
        CLEANUP(team_freep) struct team *team = NULL;
        float *scratch = xcalloc(2 * scratch_size, sizeof(*scratch));
        struct attention_case made[N];
        struct attention_source sources[N];
        struct attention attentions[N];

        for (size_t i = 0; i < N; i++) {
                attention_case_init(&made[i], shapes[i][0], shapes[i][1]);
                sources[i] = made[i].source;
                attentions[i] = made[i].attention;
        }
        assert_int_equal(team_new(&team, 2, "test"), 0);
        attention_pack(sources, N, team);
        attention_run(attentions, N, scratch, scratch_size, team);
        for (size_t i = 0; i < N; i++) {
                check_attention(&made[i]);
                attention_case_deinit(&made[i]);
        }
        free(scratch);
}

static void test_attention(void **state) {
        (void)state;
        check_attentions();
}

static void check_linear(struct linear_context *context, size_t n_rows, unsigned flags,
                         bool has_bias) {
        enum { N_IN = 48, N_OUT = 80 };
        size_t rows = linear_rows(n_rows);
        float *weight = rig_random_floats((size_t)N_OUT * N_IN, 1),
              *bias = rig_random_floats(N_OUT, 1);
        float *x = rig_random_floats(rows * N_IN, 1), *y = rig_random_floats(rows * N_OUT, 1);
        float *before = xcalloc(rows * N_OUT, sizeof(*before));
        CLEANUP(linear_freep) struct linear *linear = NULL;

        memcpy(before, y, rows * N_OUT * sizeof(*y));
        assert_int_equal(linear_new(&linear, weight, has_bias ? bias : NULL, N_OUT, N_IN, NULL),
                         0);
        assert_int_equal(linear_apply(context, linear,
                                      &(struct gemm_product){.x = x,
                                                             .x_stride = N_IN,
                                                             .n_rows = n_rows,
                                                             .y = y,
                                                             .y_stride = N_OUT,
                                                             .flags = flags}),
                         0);
        for (size_t r = 0; r < n_rows; r++) {
                for (size_t c = 0; c < N_OUT; c++) {
                        double sum = has_bias ? bias[c] : 0;

                        for (size_t d = 0; d < N_IN; d++)
                                sum += (double)x[r * N_IN + d] * weight[c * N_IN + d];
                        if (flags & GEMM_GELU)
                                sum = sum / 2 * (1 + erf(sum / sqrt(2)));
                        if (flags & GEMM_ADD)
                                sum += before[r * N_OUT + c];
                        assert_float_equal(y[r * N_OUT + c], sum, 1e-4);
                }
        }
        free(weight);
        free(bias);
        free(x);
        free(y);
        free(before);
}

static void test_linear_layers_of_many_rows(void **state) {
        (void)state;
        CLEANUP(team_freep) struct team *team = NULL;
        CLEANUP(linear_context_freep) struct linear_context *context = NULL;

        assert_int_equal(team_new(&team, 2, "test"), 0);
        assert_int_equal(linear_context_new(&context, team, NULL), 0);
        check_linear(context, 50, 0, true);
        check_linear(context, 150, GEMM_GELU, true);
        check_linear(context, 130, GEMM_ADD, true);
        check_linear(context, 130, GEMM_ADD, false);
        // More row counts than the table holds: the oldest give way.
        for (size_t n = 1; n <= 140; n++)
                check_linear(context, n * LINEAR_ROWS_STEP, 0, false);
        check_linear(context, 50, 0, true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_softmax_and_log_sum_exp),
                cmocka_unit_test(test_logarithms),
                cmocka_unit_test(test_normalize),
                cmocka_unit_test(test_argmax_takes_the_first_of_equals),
                cmocka_unit_test(test_halves_are_recognised),
                cmocka_unit_test(test_attention),
                cmocka_unit_test(test_linear_layers_of_many_rows),
        };
        if (!vectors_are_supported()) {
                print_message("vectors_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
