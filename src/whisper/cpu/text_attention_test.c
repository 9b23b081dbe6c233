// Text attention against a plain reference in double, with texts of every length around the
// ends of pages.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "whisper/cpu/random_rig.h"
#include "whisper/cpu/text_attention.h"
#include "whisper/cpu/vectors.h"

enum { LAYERS = 2, WIDTH = 48, HEADS = 2, STATE = HEADS * WIDTH, POSITIONS = 70 };

// What one head of one query should get.
static void expect(const struct text_pool *pool, const struct text_query *query, double *ret) {
        double weights[POSITIONS], sum = 0;

        for (size_t i = 0; i <= query->position; i++) {
                const float *key =
                        text_memory_key(query->text, pool, query->layer, i) + query->column;
                double score = 0;

                for (size_t d = 0; d < WIDTH; d++)
                        score += (double)query->query[d] * key[d];
                weights[i] = exp(score);
                sum += weights[i];
        }
        for (size_t d = 0; d < WIDTH; d++) {
                ret[d] = 0;
                for (size_t i = 0; i <= query->position; i++) {
                        const float *key = text_memory_key(query->text, pool, query->layer, i) +
                                           query->column;

                        ret[d] += weights[i] / sum * key[text_memory_value_offset(pool) + d];
                }
        }
}

// A position of random keys and values in both layers.
static void fill(struct text_memory *text, struct text_pool *pool, size_t position) {
        assert_int_equal(text_memory_reach(text, pool, position), 0);
        for (size_t layer = 0; layer < LAYERS; layer++) {
                float *key = text_memory_key(text, pool, layer, position);

                for (size_t d = 0; d < STATE; d++) {
                        key[d] = rig_random_half();
                        key[text_memory_value_offset(pool) + d] = rig_random_half();
                }
        }
}

static void test_a_token_attends_to_all_before_it(void **state) {
        (void)state;
        CLEANUP(text_pool_freep) struct text_pool *pool = text_pool_new(LAYERS, STATE, 10);
        struct text_memory text = {0};
        float scores[TEXT_POSITIONS], query[WIDTH], found[WIDTH + 1];
        double expected[WIDTH];

        for (size_t position = 0; position < POSITIONS; position++) {
                struct text_query asked = {.text = &text,
                                           .layer = position % LAYERS,
                                           .position = position,
                                           .column = position % HEADS * WIDTH,
                                           .width = WIDTH,
                                           .query = query,
                                           .ret = found};

                fill(&text, pool, position);
                for (size_t d = 0; d < WIDTH; d++)
                        query[d] = rig_random_half();
                found[WIDTH] = 7;
                expect(pool, &asked, expected);
                text_attend(pool, &asked, scores);
                for (size_t d = 0; d < WIDTH; d++)
                        assert_float_equal(found[d], expected[d], 1e-5);
                assert_float_equal(found[WIDTH], 7, 0);
        }
        text_memory_release(&text, pool);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_token_attends_to_all_before_it),
        };
        if (!vectors_are_supported()) {
                print_message("text_attention_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
