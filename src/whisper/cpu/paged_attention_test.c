// Text attention against a plain reference in double, with texts of every length around the
// ends of pages.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "whisper/cpu/paged_attention.h"
#include "whisper/cpu/random_rig.h"
#include "whisper/cpu/vectors.h"

enum { LAYERS = 2, WIDTH = 48, HEADS = 2, STATE = HEADS * WIDTH, POSITIONS = 70 };

// What one head of one query should get.
static void expect(const struct kv_pool *pool, const struct paged_query *query, double *ret) {
        double weights[POSITIONS], sum = 0;

        for (size_t i = 0; i <= query->position; i++) {
                const float *key =
                        kv_cache_key(query->kv, pool, query->layer, i) + query->column;
                double score = 0;

                for (size_t d = 0; d < WIDTH; d++)
                        score += (double)query->query[d] * key[d];
                weights[i] = exp(score);
                sum += weights[i];
        }
        for (size_t d = 0; d < WIDTH; d++) {
                ret[d] = 0;
                for (size_t i = 0; i <= query->position; i++) {
                        const float *key =
                                kv_cache_key(query->kv, pool, query->layer, i) + query->column;

                        ret[d] += weights[i] / sum * key[kv_cache_value_offset(pool) + d];
                }
        }
}

// A position of random keys and values in both layers.
static void fill(struct kv_cache *kv, struct kv_pool *pool, size_t position) {
        assert_int_equal(kv_cache_reach(kv, pool, position), 0);
        for (size_t layer = 0; layer < LAYERS; layer++) {
                float *key = kv_cache_key(kv, pool, layer, position);

                for (size_t d = 0; d < STATE; d++) {
                        key[d] = rig_random_half();
                        key[kv_cache_value_offset(pool) + d] = rig_random_half();
                }
        }
}

static void test_a_token_attends_to_all_before_it(void **state) {
        (void)state;
        CLEANUP(kv_pool_freep) struct kv_pool *pool = kv_pool_new(LAYERS, STATE, 10);
        struct kv_cache kv = {0};
        float scores[KV_POSITIONS], query[WIDTH], found[WIDTH + 1];
        double expected[WIDTH];

        for (size_t position = 0; position < POSITIONS; position++) {
                struct paged_query asked = {.kv = &kv,
                                            .layer = position % LAYERS,
                                            .position = position,
                                            .column = position % HEADS * WIDTH,
                                            .width = WIDTH,
                                            .query = query,
                                            .ret = found};

                fill(&kv, pool, position);
                for (size_t d = 0; d < WIDTH; d++)
                        query[d] = rig_random_half();
                found[WIDTH] = 7;
                expect(pool, &asked, expected);
                paged_attend(pool, &asked, scores);
                for (size_t d = 0; d < WIDTH; d++)
                        assert_float_equal(found[d], expected[d], 1e-5);
                assert_float_equal(found[WIDTH], 7, 0);
        }
        kv_cache_release(&kv, pool);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_token_attends_to_all_before_it),
        };
        if (!vectors_are_supported()) {
                print_message("paged_attention_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
