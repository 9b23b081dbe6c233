// What a server tells, as people read it: times, and texts that must not play with a terminal.
#include "cli/cells.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/mem.h"

static void durations_in_two_units_at_most(void **state) {
        static const struct {
                double seconds;
                const char *words;
        } cases[] = {
                {-5, "0 s"},
                {59.9, "59 s"},
                {60, "1 min"},
                {3599, "59 min"},
                {3600 + 61, "1 h 1 min"},
                {86399, "23 h 59 min"},
                {3 * 86400 + 2 * 3600, "3 d 2 h"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *words = cells_duration(cases[i].seconds);

                assert_string_equal(words, cases[i].words);
        }
}

static void ages_by_the_servers_clock(void **state) {
        json_t *json = json_pack("{s:s, s:s, s:i}", "since", "2026-11-30T12:00:00.000Z", "odd",
                                 "yesterday", "number", 5);
        const int64_t noon = 1796040000000;
        CLEANUP(mem_freep) char *age = cells_age(json, "since", noon + 90000);
        CLEANUP(mem_freep) char *odd = cells_age(json, "odd", noon);
        CLEANUP(mem_freep) char *number = cells_age(json, "number", noon);
        CLEANUP(mem_freep) char *absent = cells_age(json, "absent", noon);

        (void)state;
        assert_string_equal(age, "1 min");
        assert_string_equal(odd, "");
        assert_string_equal(number, "");
        assert_string_equal(absent, "");
        json_decref(json);
}

static void texts_are_fit_for_a_line(void **state) {
        json_t *json = json_pack("{s:s, s:i}", "name", "ha\x1b[2Jll\nyard", "number", 5);
        CLEANUP(mem_freep) char *name = cells_text(json, "name");
        CLEANUP(mem_freep) char *number = cells_text(json, "number");
        CLEANUP(mem_freep) char *none = cells_text(NULL, "name");

        (void)state;
        assert_string_equal(name, "ha [2Jll yard");
        assert_string_equal(number, "");
        assert_string_equal(none, "");
        json_decref(json);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(durations_in_two_units_at_most),
                cmocka_unit_test(ages_by_the_servers_clock),
                cmocka_unit_test(texts_are_fit_for_a_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
