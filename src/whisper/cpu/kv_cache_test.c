#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "whisper/cpu/kv_cache.h"

#define LAYERS 2
#define STATE  3

static int setup(void **state) {
        *state = kv_pool_new(LAYERS, STATE, 6);
        return 0;
}

static int teardown(void **state) {
        assert_int_equal(kv_pool_used(*state), 0);
        kv_pool_free(*state);
        return 0;
}

// What is written for a token at a position: different in every layer, key and value.
static float mark(size_t layer, size_t position, float token) {
        return token * 10000 + (float)(position * 10 + layer);
}

static void append(struct kv_cache *cache, struct kv_pool *pool, size_t position, float token) {
        assert_int_equal(kv_cache_reach(cache, pool, position), 0);
        for (size_t layer = 0; layer < LAYERS; layer++) {
                float *key = kv_cache_key(cache, pool, layer, position);

                for (size_t i = 0; i < STATE; i++) {
                        key[i] = mark(layer, position, token);
                        key[i + kv_cache_value_offset(pool)] = -mark(layer, position, token);
                }
        }
}

static void check(const struct kv_cache *cache, const struct kv_pool *pool, size_t position,
                  float token) {
        for (size_t layer = 0; layer < LAYERS; layer++) {
                const float *key = kv_cache_key(cache, pool, layer, position);

                for (size_t i = 0; i < STATE; i++) {
                        assert_float_equal(key[i], mark(layer, position, token), 0);
                        assert_float_equal(key[i + kv_cache_value_offset(pool)],
                                           -mark(layer, position, token), 0);
                }
        }
}

static void test_only_the_last_block_is_copied(void **state) {
        struct kv_cache trunk = {0}, fork = {0};

        for (size_t i = 0; i < 40; i++)
                append(&trunk, *state, i, 1);
        assert_int_equal(kv_pool_used(*state), 2);
        kv_cache_fork(&fork, &trunk, 40);
        assert_int_equal(kv_pool_used(*state), 2);

        append(&fork, *state, 40, 2);
        append(&trunk, *state, 40, 3);
        assert_int_equal(kv_pool_used(*state), 3);
        assert_ptr_equal(fork.blocks[0], trunk.blocks[0]);
        for (size_t i = 0; i < 40; i++) {
                check(&fork, *state, i, 1);
                check(&trunk, *state, i, 1);
        }
        check(&fork, *state, 40, 2);
        check(&trunk, *state, 40, 3);

        kv_cache_release(&trunk, *state);
        assert_int_equal(kv_pool_used(*state), 2);
        check(&fork, *state, 5, 1);
        kv_cache_release(&fork, *state);
}

static void test_the_last_holder_writes_in_place(void **state) {
        struct kv_cache trunk = {0}, fork = {0};

        append(&trunk, *state, 0, 1);
        kv_cache_fork(&fork, &trunk, 1);
        kv_cache_release(&trunk, *state);
        append(&fork, *state, 1, 2);
        assert_int_equal(kv_pool_used(*state), 1);
        check(&fork, *state, 0, 1);
        kv_cache_release(&fork, *state);
}

static void test_a_part_can_be_shared(void **state) {
        struct kv_cache trunk = {0}, fork = {0};

        for (size_t i = 0; i < 70; i++)
                append(&trunk, *state, i, 1);
        kv_cache_fork(&fork, &trunk, 32);
        assert_int_equal(fork.n_blocks, 1);
        append(&fork, *state, 32, 2);
        check(&fork, *state, 31, 1);
        check(&trunk, *state, 32, 1);
        kv_cache_release(&fork, *state);
        kv_cache_release(&trunk, *state);
}

static void test_the_budget_holds(void **state) {
        struct kv_cache trunk = {0}, fork = {0};

        append(&trunk, *state, 5 * KV_BLOCK_POSITIONS, 1);
        assert_int_equal(kv_pool_used(*state), 6);
        assert_int_equal(kv_cache_reach(&trunk, *state, 6 * KV_BLOCK_POSITIONS), -ENOMEM);
        kv_cache_fork(&fork, &trunk, 5 * KV_BLOCK_POSITIONS + 1);
        assert_int_equal(kv_cache_reach(&fork, *state, 5 * KV_BLOCK_POSITIONS + 1), -ENOMEM);
        kv_cache_release(&trunk, *state);
        append(&fork, *state, 5 * KV_BLOCK_POSITIONS + 1, 2);
        check(&fork, *state, 5 * KV_BLOCK_POSITIONS, 1);
        assert_int_equal(kv_cache_reach(&fork, *state, KV_POSITIONS), -EINVAL);
        kv_cache_release(&fork, *state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_only_the_last_block_is_copied, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_the_last_holder_writes_in_place, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(test_a_part_can_be_shared, setup, teardown),
                cmocka_unit_test_setup_teardown(test_the_budget_holds, setup, teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
