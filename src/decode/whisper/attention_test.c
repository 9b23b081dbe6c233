// Attention against a plain reference in double: the shapes that its kernels treat apart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "decode/whisper/attention.h"
#include "decode/whisper/vectors.h"
#include "util/mem.h"

enum { HEADS = 3, WIDTH = 64, STATE = HEADS * WIDTH, QUERIES_MAX = 50 };

static float random_value(void) {
        static uint32_t state = 1;

        state = state * 1664525u + 1013904223u;
        return (float)(state >> 21) / 1024.0f - 1.0f;  // eleven bits: exact in half precision
}

// A window and queries to it.
struct scene {
        size_t n_keys, n_unbiased;
        float *keys, *values, *biases, *queries;
        struct attention_memory memory;
};

static float *random_floats(size_t n) {
        float *ret = xcalloc(n, sizeof(*ret));

        for (size_t i = 0; i < n; i++)
                ret[i] = random_value();
        return ret;
}

static struct scene scene_make(size_t n_keys, size_t n_unbiased) {
        struct scene scene = {
                .n_keys = n_keys,
                .n_unbiased = n_unbiased,
                .keys = random_floats(n_keys * STATE),
                .values = random_floats(n_keys * STATE),
                .biases = random_floats(n_keys),
                .queries = random_floats((size_t)QUERIES_MAX * STATE),
        };

        scene.memory = (struct attention_memory){
                .n_keys = n_keys,
                .n_heads = HEADS,
                .head_width = WIDTH,
                .biases = scene.biases,
                .n_unbiased = n_unbiased,
                .is_half = true,
                .elements = xcalloc(attention_memory_size(n_keys, HEADS, WIDTH), 2),
        };
        attention_pack(&(struct attention_source){.memory = &scene.memory,
                                                  .keys = scene.keys,
                                                  .values = scene.values,
                                                  .stride = STATE},
                       1, 1);
        return scene;
}

static void scene_free(struct scene *scene) {
        free(scene->keys);
        free(scene->values);
        free(scene->biases);
        free(scene->queries);
        free(scene->memory.elements);
}

// The probability of each key for one query's head.
static void expect_probabilities(const struct scene *scene, size_t query, size_t head,
                                 double *ret) {
        const float *q = scene->queries + query * STATE + head * WIDTH;
        double sum = 0;

        for (size_t k = 0; k < scene->n_keys; k++) {
                double score = k < scene->n_unbiased ? 0 : scene->biases[k];

                for (size_t d = 0; d < WIDTH; d++)
                        score += (double)q[d] * scene->keys[k * STATE + head * WIDTH + d];
                ret[k] = exp(score);
                sum += ret[k];
        }
        for (size_t k = 0; k < scene->n_keys; k++)
                ret[k] /= sum;
}

static const size_t key_counts[] = {1, 15, 16, 33, 400, 1500};
enum { N_KEY_COUNTS = sizeof(key_counts) / sizeof(key_counts[0]) };

static void test_probabilities_are_those_of_softmax(void **state) {
        (void)state;

        for (size_t i = 0; i < N_KEY_COUNTS; i++) {
                struct scene scene = scene_make(key_counts[i], key_counts[i] / 2);
                double *expected = xcalloc(scene.n_keys, sizeof(*expected));
                float *found = xcalloc(scene.n_keys + 1, sizeof(*found));

                found[scene.n_keys] = 7;
                for (size_t head = 0; head < HEADS; head++) {
                        expect_probabilities(&scene, 3, head, expected);
                        attention_probabilities(&scene.memory, head,
                                                scene.queries + (size_t)3 * STATE, found);
                        for (size_t k = 0; k < scene.n_keys; k++)
                                assert_float_equal(found[k], expected[k], 2e-5);
                }
                assert_float_equal(found[scene.n_keys], 7, 0);
                free(expected);
                free(found);
                scene_free(&scene);
        }
}

static void check_attended(const struct scene *scene, size_t query, const float *found) {
        double *expected = xcalloc(scene->n_keys, sizeof(*expected));

        for (size_t head = 0; head < HEADS; head++) {
                expect_probabilities(scene, query, head, expected);
                for (size_t d = head * WIDTH; d < (head + 1) * WIDTH; d++) {
                        double sum = 0;

                        for (size_t k = 0; k < scene->n_keys; k++)
                                sum += expected[k] * scene->values[k * STATE + d];
                        assert_float_equal(found[d], sum, 1e-3);
                }
        }
        free(expected);
}

static void test_queries_get_the_mean_of_the_values(void **state) {
        (void)state;
        static const size_t query_counts[] = {1, 2, 5, 7, QUERIES_MAX};
        size_t size = attention_scratch_size(1500, WIDTH);
        float *scratch = xcalloc(2 * size, sizeof(*scratch));
        float *found = xcalloc((size_t)QUERIES_MAX * STATE, sizeof(*found));

        for (size_t i = 0; i < N_KEY_COUNTS; i++) {
                struct scene scene = scene_make(key_counts[i], key_counts[i] / 2);

                for (size_t k = 0; k < sizeof(query_counts) / sizeof(query_counts[0]); k++) {
                        struct attention attention = {.memory = &scene.memory,
                                                      .queries = scene.queries,
                                                      .query_stride = STATE,
                                                      .n_queries = query_counts[k],
                                                      .ret = found,
                                                      .ret_stride = STATE};

                        attention_run(&attention, 1, scratch, size, 2);
                        for (size_t q = 0; q < query_counts[k]; q++)
                                check_attended(&scene, q, found + q * STATE);
                }
                scene_free(&scene);
        }
        free(found);
        free(scratch);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_probabilities_are_those_of_softmax),
                cmocka_unit_test(test_queries_get_the_mean_of_the_values),
        };
        if (!vectors_are_supported()) {
                print_message("attention_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
