#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "util/budget.h"

static void what_goes_beyond_the_total_is_refused(void **state) {
        CLEANUP(budget_freep) struct budget *budget = budget_new(1000);

        (void)state;
        assert_true(budget_charge(budget, BUDGET_MESSAGES, 600));
        assert_true(budget_charge(budget, BUDGET_SENDING, 400));
        assert_false(budget_charge(budget, BUDGET_UPLOADS, 1));
        assert_false(budget_charge(budget, BUDGET_UPLOADS, SIZE_MAX));
        assert_int_equal(budget_used(budget, BUDGET_UPLOADS), 0);
        assert_int_equal(budget_refusals(budget, BUDGET_UPLOADS), 2);
        assert_int_equal(budget_refusals(budget, BUDGET_SENDING), 0);

        budget_refund(budget, BUDGET_MESSAGES, 600);
        assert_true(budget_charge(budget, BUDGET_UPLOADS, 600));
        budget_refund(budget, BUDGET_UPLOADS, 600);
        budget_refund(budget, BUDGET_SENDING, 400);
}

static void what_cannot_be_refused_counts_for_the_others(void **state) {
        CLEANUP(budget_freep) struct budget *budget = budget_new(1000);

        (void)state;
        budget_charge_always(budget, BUDGET_SOUND, 1500);
        assert_int_equal(budget_used(budget, BUDGET_SOUND), 1500);
        assert_false(budget_charge(budget, BUDGET_MESSAGES, 1));
        budget_refund(budget, BUDGET_SOUND, 501);
        assert_true(budget_charge(budget, BUDGET_MESSAGES, 1));
        budget_refund(budget, BUDGET_MESSAGES, 1);
        budget_refund(budget, BUDGET_SOUND, 999);
}

static void it_is_tight_when_a_quarter_is_left(void **state) {
        CLEANUP(budget_freep) struct budget *budget = budget_new(1000);

        (void)state;
        budget_charge_always(budget, BUDGET_BACKLOG, 750);
        assert_false(budget_is_tight(budget));
        budget_charge_always(budget, BUDGET_BACKLOG, 1);
        assert_true(budget_is_tight(budget));
        budget_refund(budget, BUDGET_BACKLOG, 751);
}

static void without_a_budget_everything_is_granted(void **state) {
        (void)state;
        assert_true(budget_charge(NULL, BUDGET_MESSAGES, SIZE_MAX));
        budget_charge_always(NULL, BUDGET_MESSAGES, 1);
        budget_refund(NULL, BUDGET_MESSAGES, SIZE_MAX);
        assert_false(budget_is_tight(NULL));
        assert_null(budget_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_goes_beyond_the_total_is_refused),
                cmocka_unit_test(what_cannot_be_refused_counts_for_the_others),
                cmocka_unit_test(it_is_tight_when_a_quarter_is_left),
                cmocka_unit_test(without_a_budget_everything_is_granted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
