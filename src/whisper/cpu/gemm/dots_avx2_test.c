// Dots of AVX2: factors that meet in sixteen bits fit there.
#include "whisper/cpu/gemm/dots_avx2.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void check_set(const int8_t *factors, const int8_t *before) {
        int above = 0, below = 0, is_other = 0, had_above = 0, had_below = 0;

        for (size_t i = 0; i < 4; i++) {
                size_t at = i / 2 * 4 + i % 2;

                above += factors[at] > 0 ? factors[at] : 0;
                below -= factors[at] < 0 ? factors[at] : 0;
                had_above += before[at] > 0 ? before[at] : 0;
                had_below -= before[at] < 0 ? before[at] : 0;
                is_other |= factors[at] != before[at];
        }
        assert_true(above <= AVX2_FACTOR_SUM && below <= AVX2_FACTOR_SUM);
        assert_int_equal(is_other, had_above > AVX2_FACTOR_SUM || had_below > AVX2_FACTOR_SUM);
}

// Whatever the factors were, four that meet make no more than there is room for, and none that
// fits is changed.
static void test_factors_that_are_too_many_become_less(void **state) {
        int8_t factors[24], before[24];
        uint32_t seed = 1;

        (void)state;
        for (int round = 0; round < 1000; round++) {
                for (size_t i = 0; i < sizeof(factors); i++) {
                        seed = seed * 1664525u + 1013904223u;
                        factors[i] = before[i] =
                                (int8_t)((int)(seed >> 24) % (2 * (round % 100) + 1) -
                                         round % 100);
                }
                dots_fit_avx2(factors, sizeof(factors));
                for (size_t set = 0; set < sizeof(factors); set += set % 8 ? 6 : 2)
                        check_set(factors + set, before + set);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_factors_that_are_too_many_become_less),
        };

        if (!vectors_are_supported()) {
                print_message("dots_avx2_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
