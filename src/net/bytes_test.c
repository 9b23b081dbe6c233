// Buffers that grow: how far, and what they are charged.
#include "net/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define MANY ((size_t)100 * 1000)

static const uint8_t zeros[MANY];

// A text of a hundred thousand bytes does not take a hundred and thirty.
static void doubling_ends_at_what_there_will_be(void **state) {
        struct bytes bytes = {.most = MANY + 1};

        (void)state;
        for (size_t n = 0; n < MANY; n += 1000)
                assert_true(bytes_append(&bytes, zeros, 1000));
        assert_int_equal(bytes.capacity, MANY + 1);
        assert_true(bytes_append(&bytes, zeros, 1));  // it was only a hint
        assert_int_equal(bytes.n, MANY + 1);
        bytes_deinit(&bytes);
}

static void memory_is_charged_and_given_back(void **state) {
        struct budget *budget = budget_new(MANY);
        struct bytes bytes = {.budget = budget, .kind = BUDGET_SENDING};

        (void)state;
        assert_true(bytes_append(&bytes, zeros, 20000));
        assert_int_equal(budget_used(budget, BUDGET_SENDING), bytes.capacity);
        assert_false(bytes_append(&bytes, zeros, MANY));
        assert_int_equal(bytes.n, 20000);
        assert_int_equal(budget_used(budget, BUDGET_SENDING), bytes.capacity);
        assert_int_equal(budget_refusals(budget, BUDGET_SENDING), 1);
        bytes_clear(&bytes);
        assert_int_equal(budget_used(budget, BUDGET_SENDING), 0);
        assert_true(bytes_append(&bytes, zeros, 100));
        bytes_leave_budget(&bytes);
        assert_int_equal(budget_used(budget, BUDGET_SENDING), 0);
        bytes_deinit(&bytes);
        budget_free(budget);
}

static void small_buffers_are_never_refused(void **state) {
        struct budget *budget = budget_new(0);
        struct bytes bytes = {.most = BYTES_KEEP, .budget = budget};

        (void)state;
        assert_true(bytes_append(&bytes, zeros, BYTES_KEEP - 1));
        assert_false(bytes_append(&bytes, zeros, 1));
        bytes_deinit(&bytes);
        budget_free(budget);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(doubling_ends_at_what_there_will_be),
                cmocka_unit_test(memory_is_charged_and_given_back),
                cmocka_unit_test(small_buffers_are_never_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
