#include "util/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/mem.h"

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
        static const char *const texts[] = {"",    " 1",  "x",    "-",   ".",
                                            "--1", "1-2", "1.2.", "nan", "inf",
                                            "1e3", "0x1", "+1",   "-0",  "-0.0"};
        double number;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (number_read(texts[i], &number))
                        fail_msg("\"%s\" was read as %g", texts[i], number);
}

static void sizes_have_units(void **state) {
        static const struct {
                const char *text;
                uint64_t bytes;
        } sizes[] = {{"256MB", 256000000}, {"1.5GB", 1500000000},  {"64KB", 64000},
                     {"2MiB", 2097152},    {"1TB", 1000000000000}, {"1KiB", 1024},
                     {"1GiB", 1073741824}, {"12", 12000000},       {"0", 0}};
        static const char *const none[] = {"",     "MB",    "-1MB",          "1 MB", "1mb",
                                           "1MBs", "1.MB2", "99999999999GB", "auto", "-0MB"};
        uint64_t size = 7;

        (void)state;
        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                assert_false(size_read(none[i], &size));
        assert_int_equal(size, 7);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                assert_true(size_read(sizes[i].text, &size));
                assert_int_equal(size, sizes[i].bytes);
        }
}

static void times_have_units(void **state) {
        static const struct {
                const char *text;
                double seconds;
        } times[] = {{"90", 90},     {"90s", 90},      {"30m", 1800},  {"6h", 21600},
                     {"1.5h", 5400}, {"30d", 2592000}, {"500ms", 0.5}, {"0.6", 0.6}};
        static const char *const none[] = {"",   "h",      "-1s", "-0s", "6 h",
                                           "6H", "6hours", "6dd", "1w"};
        double seconds = 7;

        (void)state;
        for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
                assert_false(seconds_read(none[i], &seconds));
        assert_true(seconds == 7);
        for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
                assert_true(seconds_read(times[i].text, &seconds));
                assert_float_equal(seconds, times[i].seconds, 1e-12);
        }
}

static void amounts_are_written_with_the_largest_unit_that_is_whole(void **state) {
        static const struct {
                double amount;
                const char *size, *time;
        } cases[] = {{0, "0", "0"},
                     {1000, "1KB", "1000s"},
                     {16000000, "16MB", "16000000s"},
                     {3600000, "3600KB", "1000h"},
                     {86400000, "86400KB", "1000d"},
                     {524288, "512KiB", "524288s"},
                     {3 * 0x1p30, "3GiB", "3221225472s"},
                     {1500001, "1500.001KB", "1500001s"}};
        CLEANUP(mem_freep) char *tenth = seconds_words(0.1);

        (void)state;
        assert_string_equal(tenth, "0.1s");
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *size = size_words((uint64_t)cases[i].amount);
                CLEANUP(mem_freep) char *time = seconds_words(cases[i].amount);

                assert_string_equal(size, cases[i].size);
                assert_string_equal(time, cases[i].time);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers_end_where_something_else_begins),
                cmocka_unit_test(test_what_is_no_plain_number),
                cmocka_unit_test(sizes_have_units),
                cmocka_unit_test(times_have_units),
                cmocka_unit_test(amounts_are_written_with_the_largest_unit_that_is_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
