// When a row was written: about right, however many there are.
#include "journal/lag_marks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void nothing_is_known_of_nothing(void **state) {
        struct lag_marks marks = {0};

        (void)state;
        assert_int_equal(lag_marks_get(&marks, 5), 0);
}

static void a_row_is_as_old_as_the_mark_before_it(void **state) {
        struct lag_marks marks = {0};

        (void)state;
        lag_marks_add(&marks, 10, 100000);
        lag_marks_add(&marks, 12, 100500);  // within the second: no mark of its own
        lag_marks_add(&marks, 20, 103000);
        assert_int_equal(marks.n, 2);
        assert_int_equal(lag_marks_get(&marks, 1), 100000);
        assert_int_equal(lag_marks_get(&marks, 10), 100000);
        assert_int_equal(lag_marks_get(&marks, 19), 100000);
        assert_int_equal(lag_marks_get(&marks, 20), 103000);
        assert_int_equal(lag_marks_get(&marks, 999), 103000);
}

// A clock that is set back starts a mark of its own.
static void many_marks_become_fewer(void **state) {
        struct lag_marks marks = {0};

        (void)state;
        for (int64_t i = 1; i <= 100000; i++)
                lag_marks_add(&marks, i, i * 1000);
        lag_marks_add(&marks, 100001, 5000);
        assert_true(marks.n <= LAG_MARKS_MAX);
        assert_int_equal(lag_marks_get(&marks, 100001), 5000);
        for (int64_t i = 1; i <= 100000; i++)
                assert_true(lag_marks_get(&marks, i) <= i * 1000);
        assert_true(lag_marks_get(&marks, 99999) > 99000 * 1000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_known_of_nothing),
                cmocka_unit_test(a_row_is_as_old_as_the_mark_before_it),
                cmocka_unit_test(many_marks_become_fewer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
