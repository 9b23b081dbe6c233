#include "util/core_dump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

static void no_core_file_is_left(void **state) {
        struct rlimit limit;

        (void)state;
        core_dump_forbid();
        assert_int_equal(getrlimit(RLIMIT_CORE, &limit), 0);
        assert_int_equal(limit.rlim_cur, 0);
        assert_int_equal(limit.rlim_max, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_core_file_is_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
