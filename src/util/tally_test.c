// Counts by name, against a plain table.
#include "util/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NAMES 50

static void names_are_counted(void **state) {
        size_t counts[NAMES] = {0};
        struct tally tally = {0};
        uint32_t random = 7;

        (void)state;
        for (int step = 0; step < 20000; step++) {
                char name[16];
                size_t i;

                random = random * 1664525 + 1013904223;
                i = (random >> 8) % NAMES;
                snprintf(name, sizeof(name), "192.0.2.%zu", i);
                if (random >> 31)
                        assert_int_equal(tally_add(&tally, name), ++counts[i]);
                else if (counts[i] > 0)
                        assert_int_equal(tally_remove(&tally, name), --counts[i]);
                else
                        assert_int_equal(tally_remove(&tally, name), 0);
        }
        tally_deinit(&tally);
        assert_int_equal(tally_add(&tally, "192.0.2.1"), 1);
        assert_int_equal(tally_remove(&tally, "192.0.2.1"), 0);
        assert_null(tally.root);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names_are_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
