#include "util/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

// What follows the number, which is to be this one.
static const char *read_as(const char *text, double expected) {
        double number;
        const char *end = number_read(text, &number);

        assert_non_null(end);
        assert_true(number == expected);
        return end;
}

static void test_numbers_end_where_something_else_begins(void **state) {
        (void)state;
        assert_string_equal(read_as("12", 12), "");
        assert_string_equal(read_as("-0.5,7", -0.5), ",7");
        assert_string_equal(read_as("3. and more", 3), " and more");
        assert_string_equal(read_as(".25", 0.25), "");
}

static void test_what_is_no_plain_number(void **state) {
        static const char *const texts[] = {"",     " 1",  "x",   "-",   ".",   "--1", "1-2",
                                            "1.2.", "nan", "inf", "1e3", "0x1", "+1"};
        double number;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (number_read(texts[i], &number))
                        fail_msg("\"%s\" was read as %g", texts[i], number);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers_end_where_something_else_begins),
                cmocka_unit_test(test_what_is_no_plain_number),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
