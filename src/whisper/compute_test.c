// The names of the arithmetics, and what a wish comes to.
#include "whisper/compute.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names_are_in_the_order_of_the_enumeration(void **state) {
        (void)state;
        assert_string_equal(compute_names[COMPUTE_AUTO], "auto");
        assert_string_equal(compute_names[COMPUTE_FLOAT32], "float32");
        assert_string_equal(compute_names[COMPUTE_INT8], "int8");
        assert_null(compute_names[COMPUTE_INT8 + 1]);
}

static void test_auto_is_int8_and_the_others_are_themselves(void **state) {
        (void)state;
        assert_int_equal(compute_resolve(COMPUTE_AUTO), COMPUTE_INT8);
        assert_int_equal(compute_resolve(COMPUTE_FLOAT32), COMPUTE_FLOAT32);
        assert_int_equal(compute_resolve(COMPUTE_INT8), COMPUTE_INT8);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_are_in_the_order_of_the_enumeration),
                cmocka_unit_test(test_auto_is_int8_and_the_others_are_themselves),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
