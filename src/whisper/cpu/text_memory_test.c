#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "whisper/cpu/text_memory.h"

#define LAYERS 2
#define STATE  3

static int setup(void **state) {
        *state = text_pool_new(LAYERS, STATE, 6);
        return 0;
}

static int teardown(void **state) {
        assert_int_equal(text_pool_used(*state), 0);
        text_pool_free(*state);
        return 0;
}

// What is written for a token at a position: different in every layer, key and value.
static float mark(size_t layer, size_t position, float token) {
        return token * 10000 + (float)(position * 10 + layer);
}

static void append(struct text_memory *memory, struct text_pool *pool, size_t position,
                   float token) {
        assert_int_equal(text_memory_reach(memory, pool, position), 0);
        for (size_t layer = 0; layer < LAYERS; layer++) {
                float *key = text_memory_key(memory, pool, layer, position);

                for (size_t i = 0; i < STATE; i++) {
                        key[i] = mark(layer, position, token);
                        key[i + text_memory_value_offset(pool)] = -mark(layer, position, token);
                }
        }
}

static void check(const struct text_memory *memory, const struct text_pool *pool,
                  size_t position, float token) {
        for (size_t layer = 0; layer < LAYERS; layer++) {
                const float *key = text_memory_key(memory, pool, layer, position);

                for (size_t i = 0; i < STATE; i++) {
                        assert_float_equal(key[i], mark(layer, position, token), 0);
                        assert_float_equal(key[i + text_memory_value_offset(pool)],
                                           -mark(layer, position, token), 0);
                }
        }
}

static void test_only_the_last_page_is_copied(void **state) {
        struct text_memory trunk = {0}, fork = {0};

        for (size_t i = 0; i < 40; i++)
                append(&trunk, *state, i, 1);
        assert_int_equal(text_pool_used(*state), 2);
        text_memory_share(&fork, &trunk, 40);
        assert_int_equal(text_pool_used(*state), 2);

        append(&fork, *state, 40, 2);
        append(&trunk, *state, 40, 3);
        assert_int_equal(text_pool_used(*state), 3);
        assert_ptr_equal(fork.pages[0], trunk.pages[0]);
        for (size_t i = 0; i < 40; i++) {
                check(&fork, *state, i, 1);
                check(&trunk, *state, i, 1);
        }
        check(&fork, *state, 40, 2);
        check(&trunk, *state, 40, 3);

        text_memory_release(&trunk, *state);
        assert_int_equal(text_pool_used(*state), 2);
        check(&fork, *state, 5, 1);
        text_memory_release(&fork, *state);
}

static void test_the_last_holder_writes_in_place(void **state) {
        struct text_memory trunk = {0}, fork = {0};

        append(&trunk, *state, 0, 1);
        text_memory_share(&fork, &trunk, 1);
        text_memory_release(&trunk, *state);
        append(&fork, *state, 1, 2);
        assert_int_equal(text_pool_used(*state), 1);
        check(&fork, *state, 0, 1);
        text_memory_release(&fork, *state);
}

static void test_a_part_can_be_shared(void **state) {
        struct text_memory trunk = {0}, fork = {0};

        for (size_t i = 0; i < 70; i++)
                append(&trunk, *state, i, 1);
        text_memory_share(&fork, &trunk, 32);
        assert_int_equal(fork.n_pages, 1);
        append(&fork, *state, 32, 2);
        check(&fork, *state, 31, 1);
        check(&trunk, *state, 32, 1);
        text_memory_release(&fork, *state);
        text_memory_release(&trunk, *state);
}

static void test_the_budget_holds(void **state) {
        struct text_memory trunk = {0}, fork = {0};

        append(&trunk, *state, 5 * TEXT_PAGE_POSITIONS, 1);
        assert_int_equal(text_pool_used(*state), 6);
        assert_int_equal(text_memory_reach(&trunk, *state, 6 * TEXT_PAGE_POSITIONS), -ENOMEM);
        text_memory_share(&fork, &trunk, 5 * TEXT_PAGE_POSITIONS + 1);
        assert_int_equal(text_memory_reach(&fork, *state, 5 * TEXT_PAGE_POSITIONS + 1),
                         -ENOMEM);
        text_memory_release(&trunk, *state);
        append(&fork, *state, 5 * TEXT_PAGE_POSITIONS + 1, 2);
        check(&fork, *state, 5 * TEXT_PAGE_POSITIONS, 1);
        assert_int_equal(text_memory_reach(&fork, *state, TEXT_POSITIONS), -EINVAL);
        text_memory_release(&fork, *state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_only_the_last_page_is_copied, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_the_last_holder_writes_in_place, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_a_part_can_be_shared, setup, teardown),
                cmocka_unit_test_setup_teardown(test_the_budget_holds, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
