// Eight-bit memory against a plain reference in double, where eight bits alone would not do.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/cpu/cross_int8.h"
#include "whisper/cpu/int8_kernels.h"
#include "whisper/cpu/vectors.h"

enum { WIDTH = CROSS_INT8_WIDTH, KEYS_MAX = 1500, ROOM = 1504 };

static float random_value(void) {
        static uint32_t state = 1;

        state = state * 1664525u + 1013904223u;
        return (float)(state >> 8) / (1 << 23) - 1.0f;
}

// A head's memory and one query to it.
struct scene {
        size_t n_keys;
        float keys[KEYS_MAX][WIDTH], values[KEYS_MAX][WIDTH], query[WIDTH];
        // What is to come out, and what does.
        double probabilities[KEYS_MAX], expected[WIDTH];
        float scores[ROOM], found[WIDTH];
};

// Random keys and values, each channel somewhere else.
static struct scene *scene_new(size_t n_keys, float key_offset, float value_offset) {
        struct scene *scene = xnew(struct scene);

        scene->n_keys = n_keys;
        for (size_t c = 0; c < WIDTH; c++) {
                float key_middle = key_offset * random_value();
                float value_middle = value_offset * random_value();

                scene->query[c] = random_value();
                for (size_t k = 0; k < n_keys; k++) {
                        scene->keys[k][c] = key_middle + random_value();
                        scene->values[k][c] = value_middle + random_value();
                }
        }
        return scene;
}

static void expect(struct scene *scene) {
        double largest = -INFINITY, sum = 0;

        for (size_t k = 0; k < scene->n_keys; k++) {
                double score = 0;

                for (size_t c = 0; c < WIDTH; c++)
                        score += (double)scene->query[c] * scene->keys[k][c];
                scene->probabilities[k] = score;
                largest = fmax(largest, score);
        }
        for (size_t k = 0; k < scene->n_keys; k++) {
                scene->probabilities[k] = exp(scene->probabilities[k] - largest);
                sum += scene->probabilities[k];
        }
        memset(scene->expected, 0, sizeof(scene->expected));
        for (size_t k = 0; k < scene->n_keys; k++) {
                scene->probabilities[k] /= sum;
                for (size_t c = 0; c < WIDTH; c++)
                        scene->expected[c] += scene->probabilities[k] * scene->values[k][c];
        }
}

static void attend(struct scene *scene) {
        size_t size = cross_int8_size(scene->n_keys);
        struct cross_int8 head = {scene->n_keys, aligned_alloc(64, size)};
        void *scratch = aligned_alloc(64, 2 * ROOM);

        assert_int_equal(size % 64, 0);
        memset(head.elements, 0xff, size);  // what another window left there
        memset(scratch, 0xff, 2 * ROOM);
        cross_int8_pack(&head, scene->keys[0], scene->values[0], WIDTH);
        cross_int8_score(&head, scene->query, scene->scores);
        cross_int8_collect(&head, scene->scores, scratch, scene->found);
        free(head.elements);
        free(scratch);
}

// The largest difference of the logarithms of two keys' ratio: what the scores are off by.
static double score_error(const struct scene *scene) {
        double least = INFINITY, most = -INFINITY;

        for (size_t k = 0; k < scene->n_keys; k++) {
                double off = scene->scores[k] - log(scene->probabilities[k]);

                least = fmin(least, off);
                most = fmax(most, off);
        }
        return most - least;
}

static void check(struct scene *scene, double score_tolerance, double tolerance) {
        expect(scene);
        attend(scene);
        assert_in_range(lrint(score_error(scene) * 1e6), 0, lrint(score_tolerance * 1e6));
        for (size_t c = 0; c < WIDTH; c++)
                assert_float_equal(scene->found[c], scene->expected[c], tolerance);
        free(scene);
}

static void test_any_number_of_keys(void **state) {
        static const size_t counts[] = {1, 15, 16, 17, 64, 65, 400, 1500};

        (void)state;
        for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
                check(scene_new(counts[i], 0, 0), 0.1, 0.03);
}

// Keys that all lie far off take no bits from what tells them apart, nor do values.
static void test_what_all_keys_share_costs_nothing(void **state) {
        (void)state;
        check(scene_new(400, 50, 0), 0.1, 0.03);
        check(scene_new(400, 0, 50), 0.1, 0.03);
}

// One key is heard a thousand times louder than any other, which together say half of it all.
static void test_many_faint_keys_are_heard(void **state) {
        struct scene *scene = scene_new(1001, 0, 0);

        (void)state;
        for (size_t k = 0; k < scene->n_keys; k++)
                for (size_t c = 0; c < WIDTH; c++) {
                        scene->query[c] = 1;
                        scene->keys[k][c] = k == 0 ? 6.9f / WIDTH : 0;
                        scene->values[k][c] = k == 0 ? -1 : 1;
                }
        check(scene, 0.01, 0.02);
}

// Keys that eight bits say exactly: what is left is the query's share.
static void test_a_query_has_sixteen_bits(void **state) {
        struct scene *scene = scene_new(400, 0, 0);

        (void)state;
        for (size_t k = 0; k < scene->n_keys; k += 2)
                for (size_t c = 0; c < WIDTH; c++) {
                        scene->keys[k][c] = scene->keys[k][c] > 0 ? 1 : -1;
                        scene->keys[k + 1][c] = -scene->keys[k][c];
                }
        check(scene, 0.002, 0.03);
}

static void test_zeros_are_zeros(void **state) {
        struct scene *scene = xnew(struct scene);

        (void)state;
        scene->n_keys = 20;
        check(scene, 0, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_any_number_of_keys),
                cmocka_unit_test(test_what_all_keys_share_costs_nothing),
                cmocka_unit_test(test_many_faint_keys_are_heard),
                cmocka_unit_test(test_a_query_has_sixteen_bits),
                cmocka_unit_test(test_zeros_are_zeros),
        };
        int n_failed = 0;

        if (!vectors_are_supported()) {
                print_message("cross_int8_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        for (enum int8_kind kind = 0; kind < INT8_KINDS; kind++) {
                const struct int8_kernels *kernels = int8_kernels_of(kind);

                if (!kernels)
                        continue;
                int8_kernels_use(kernels);
                n_failed += cmocka_run_group_tests_name(kernels->name, tests, NULL, NULL);
        }
        return n_failed;
}
