// Allowances for retries, and the pot that they come out of.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "whisper/retries.h"

static void test_the_pot_is_shared_and_fills_with_work(void **state) {
        struct job job = {.rank = JOB_RANK_FINAL};
        struct retry_pot pot;
        struct retries retries[4] = {
                {.pot = &pot}, {.pot = &pot}, {.pot = &pot}, {.pot = &pot}};

        (void)state;
        retry_pot_fill(&pot);
        assert_true(retries_begin(&retries[0], &job));
        assert_true(retries_begin(&retries[1], &job));
        assert_false(retries_begin(&retries[2], &job));
        // A job has one allowance, however many attempts it makes of it.
        assert_true(retries_begin(&retries[0], &job));
        for (size_t i = 0; i < 4 * (size_t)RETRY_ALLOWANCE - 1; i++)
                retry_pot_earn(&pot, 1);
        assert_false(retries_begin(&retries[2], &job));
        retry_pot_earn(&pot, 1);
        assert_true(retries_begin(&retries[2], &job));
        // What a job leaves over is there for the next.
        retries_charge(&retries[0], &job, 0);
        retries_end(&retries[0]);
        assert_true(retries_begin(&retries[3], &job));
        retries_charge(&retries[1], &job, 1);
        retries_end(&retries[1]);
        retries[0].pot = &pot;
        assert_false(retries_begin(&retries[0], &job));
}

static void test_an_allowance_ends(void **state) {
        struct job job = {.rank = JOB_RANK_FINAL};
        struct retry_pot pot;
        struct retries retries = {.pot = &pot};

        (void)state;
        retry_pot_fill(&pot);
        retries_charge(&retries, &job, SIZE_MAX);  // of the first attempt: free
        assert_false(retries_are_over(&retries, &job));
        assert_true(retries_begin(&retries, &job));
        retries_charge(&retries, &job, RETRY_ALLOWANCE - 1);
        assert_false(retries_are_over(&retries, &job));
        retries_charge(&retries, &job, 30);
        assert_true(retries_are_over(&retries, &job));
        assert_false(retries_begin(&retries, &job));
        retry_pot_fill(&pot);
        assert_false(retries_begin(&retries, &job));
}

static void test_who_waits_decides(void **state) {
        struct job partial = {.rank = JOB_RANK_PARTIAL}, later = {.rank = JOB_RANK_BACKGROUND};
        struct job final = {.rank = JOB_RANK_FINAL};
        struct retry_pot pot;
        struct retries none = {.pot = &pot}, free = {.pot = &pot}, some = {.pot = &pot};

        (void)state;
        retry_pot_fill(&pot);
        assert_false(retries_begin(&none, &partial));
        assert_true(retries_begin(&free, &later));
        retries_charge(&free, &later, SIZE_MAX);
        assert_false(retries_are_over(&free, &later));
        assert_true(retries_begin(&some, &final));
        atomic_store(&final.is_overdue, true);
        assert_true(retries_are_over(&some, &final));
        assert_false(retries_begin(&some, &final));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_pot_is_shared_and_fills_with_work),
                cmocka_unit_test(test_an_allowance_ends),
                cmocka_unit_test(test_who_waits_decides),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
