// Which part of a thing a request wants.
#include "api/byte_range.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LENGTH 1000

static void a_range_is_read(void **state) {
        static const struct {
                const char *header;
                enum byte_range_answer answer;
                size_t first, n;
        } cases[] = {
                {NULL, BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=0-", BYTE_RANGE_PART, 0, 1000},
                {"bytes=0-0", BYTE_RANGE_PART, 0, 1},
                {"bytes=0-499", BYTE_RANGE_PART, 0, 500},
                {"bytes=500-999", BYTE_RANGE_PART, 500, 500},
                {"bytes=500-1000", BYTE_RANGE_PART, 500, 500},
                {"bytes=999-", BYTE_RANGE_PART, 999, 1},
                {"BYTES= 7-9 ", BYTE_RANGE_PART, 7, 3},
                {"bytes=7- ", BYTE_RANGE_PART, 7, 993},
                {"bytes=0-99999999999999999999999999", BYTE_RANGE_PART, 0, 1000},
                {"bytes=-1", BYTE_RANGE_PART, 999, 1},
                {"bytes=-1000", BYTE_RANGE_PART, 0, 1000},
                {"bytes=-99999999999999999999999999", BYTE_RANGE_PART, 0, 1000},
                {"bytes=1000-", BYTE_RANGE_NONE, 0, LENGTH},
                {"bytes=1000-1001", BYTE_RANGE_NONE, 0, LENGTH},
                {"bytes=99999999999999999999999999-", BYTE_RANGE_NONE, 0, LENGTH},
                {"bytes=-0", BYTE_RANGE_NONE, 0, LENGTH},
                {"bytes=0-1,5-6", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=-1,-2", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=9-8", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=-", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=5", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=a-b", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=0-b", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=0x10-0x20", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"bytes=--5", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"seconds=0-5", BYTE_RANGE_WHOLE, 0, LENGTH},
                {"", BYTE_RANGE_WHOLE, 0, LENGTH},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct byte_range range;

                assert_int_equal(byte_range_read(cases[i].header, LENGTH, &range),
                                 cases[i].answer);
                assert_int_equal(range.first, cases[i].first);
                assert_int_equal(range.n, cases[i].n);
        }
}

static void a_part_is_only_of_the_same(void **state) {
        (void)state;
        assert_true(byte_range_may(NULL, "\"a\""));
        assert_true(byte_range_may("\"a\"", "\"a\""));
        assert_false(byte_range_may("\"b\"", "\"a\""));
        assert_false(byte_range_may("W/\"a\"", "\"a\""));
        assert_false(byte_range_may("Mon, 30 Nov 2026 12:00:00 GMT", "\"a\""));
}

static void what_the_client_has_is_known(void **state) {
        (void)state;
        assert_false(byte_range_has(NULL, "\"a\""));
        assert_true(byte_range_has("*", "\"a\""));
        assert_true(byte_range_has("\"a\"", "\"a\""));
        assert_true(byte_range_has("W/\"a\"", "\"a\""));
        assert_true(byte_range_has("\"b,c\", \"a\"", "\"a\""));
        assert_true(byte_range_has("W/\"b\" ,W/\"a\"", "\"a\""));
        assert_false(byte_range_has("\"b\", \"aa\"", "\"a\""));
        assert_false(byte_range_has("a", "\"a\""));
        assert_false(byte_range_has("\"a", "\"a\""));
        assert_false(byte_range_has("", "\"a\""));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_range_is_read),
                cmocka_unit_test(a_part_is_only_of_the_same),
                cmocka_unit_test(what_the_client_has_is_known),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
