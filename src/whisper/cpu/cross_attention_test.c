// Cross-attention against a plain reference in double: the shapes that its kernels treat apart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "util/mem.h"
#include "whisper/cpu/cross_attention.h"
#include "whisper/cpu/random_rig.h"
#include "whisper/cpu/vectors.h"

enum { HEADS = 3, WIDTH = 64, STATE = HEADS * WIDTH, QUERIES_MAX = 50 };

// A window and queries to it.
struct scene {
        size_t n_keys, n_unbiased;
        float *keys, *values, *biases, *queries;
        struct cross_kv_layer cache;
};

static struct scene scene_make(enum skinny_type type, size_t n_keys, size_t n_unbiased) {
        struct scene scene = {
                .n_keys = n_keys,
                .n_unbiased = n_unbiased,
                .keys = rig_random_halves(n_keys * STATE),
                .values = rig_random_halves(n_keys * STATE),
                .biases = rig_random_halves(n_keys),
                .queries = rig_random_halves((size_t)QUERIES_MAX * STATE),
        };

        scene.cache = (struct cross_kv_layer){
                .type = type,
                .n_keys = n_keys,
                .n_heads = HEADS,
                .head_width = WIDTH,
                .biases = scene.biases,
                .n_unbiased = n_unbiased,
                .elements = aligned_alloc(64, cross_kv_layer_size(type, n_keys, HEADS, WIDTH)),
        };
        assert_non_null(scene.cache.elements);
        // What another window left there.
        memset(scene.cache.elements, 0xff, cross_kv_layer_size(type, n_keys, HEADS, WIDTH));
        for (size_t head = 0; head < HEADS; head++)
                cross_kv_layer_pack(&scene.cache, head, scene.keys, scene.values, STATE);
        return scene;
}

static void scene_free(struct scene *scene) {
        free(scene->keys);
        free(scene->values);
        free(scene->biases);
        free(scene->queries);
        free(scene->cache.elements);
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

static const enum skinny_type types[] = {SKINNY_HALF, SKINNY_INT8};

// Scores of some units to keys of int8 are off by some hundredths.
static float tolerance_of(enum skinny_type type) {
        return type == SKINNY_HALF ? 2e-5f : 0.04f;
}

static void check_probabilities(const struct scene *scene, void *scratch) {
        double *expected = xcalloc(scene->n_keys, sizeof(*expected));
        float *found = xcalloc(scene->n_keys + 1, sizeof(*found));

        found[scene->n_keys] = 7;
        for (size_t head = 0; head < HEADS; head++) {
                expect_probabilities(scene, 3, head, expected);
                cross_probabilities(&scene->cache, head, scene->queries + (size_t)3 * STATE,
                                    found, scratch);
                for (size_t k = 0; k < scene->n_keys; k++)
                        assert_float_equal(found[k], expected[k],
                                           tolerance_of(scene->cache.type));
        }
        assert_float_equal(found[scene->n_keys], 7, 0);
        free(expected);
        free(found);
}

static void check_attended(const struct scene *scene, size_t query, const float *found) {
        double *expected = xcalloc(scene->n_keys, sizeof(*expected));

        for (size_t head = 0; head < HEADS; head++) {
                expect_probabilities(scene, query, head, expected);
                for (size_t d = head * WIDTH; d < (head + 1) * WIDTH; d++) {
                        double sum = 0;

                        for (size_t k = 0; k < scene->n_keys; k++)
                                sum += expected[k] * scene->values[k * STATE + d];
                        assert_float_equal(found[d], sum,
                                           50 * tolerance_of(scene->cache.type) / 40);
                }
        }
        free(expected);
}

// Queries alone and in company: right, and the same bits.
static void check_queries(const struct scene *scene, void *scratch) {
        static const size_t query_counts[] = {1, 2, 5, 7, QUERIES_MAX};
        float *found = xcalloc((size_t)QUERIES_MAX * STATE, sizeof(*found));
        float *alone = xcalloc((size_t)QUERIES_MAX * STATE, sizeof(*alone));
        struct cross_queries one = {.stride = STATE, .n = 1}, all = {.stride = STATE};

        for (size_t q = 0; q < QUERIES_MAX; q++) {
                one.x = scene->queries + q * STATE;
                one.ret = alone + q * STATE;
                for (size_t head = 0; head < HEADS; head++)
                        cross_attend(&scene->cache, head, &one, scratch);
                if (q < 5)
                        check_attended(scene, q, one.ret);
        }
        all.x = scene->queries;
        all.ret = found;
        for (size_t i = 0; i < sizeof(query_counts) / sizeof(query_counts[0]); i++) {
                all.n = query_counts[i];
                for (size_t head = 0; head < HEADS; head++)
                        cross_attend(&scene->cache, head, &all, scratch);
                assert_memory_equal(found, alone, all.n * STATE * sizeof(*found));
        }
        free(found);
        free(alone);
}

static void test_queries_get_the_mean_of_the_values_weighed_by_softmax(void **state) {
        (void)state;
        void *scratch = aligned_alloc(64, cross_scratch_size(1500, WIDTH));

        for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
                for (size_t i = 0; i < N_KEY_COUNTS; i++) {
                        struct scene scene =
                                scene_make(types[t], key_counts[i], key_counts[i] / 2);

                        check_probabilities(&scene, scratch);
                        check_queries(&scene, scratch);
                        scene_free(&scene);
                }
        free(scratch);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_queries_get_the_mean_of_the_values_weighed_by_softmax),
        };
        if (!vectors_are_supported()) {
                print_message("cross_attention_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
