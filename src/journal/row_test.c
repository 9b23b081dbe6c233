#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/row.h"
#include "util/mem.h"

static void ids_sort_in_the_order_of_making_whatever_the_clock_does(void **state) {
        // Forwards, many in one millisecond (more than the counter counts), a clock set back.
        static const int64_t clocks[] = {1000,          1000, 1764500000123,
                                         1764500000123, 5,    1764500000124};
        struct row_ids ids = {0};
        uint8_t last[ROW_ID_BYTES] = {0}, id[ROW_ID_BYTES];

        (void)state;
        for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
                for (int k = 0; k < 5000; k++) {
                        row_id_make(&ids, clocks[i], id);
                        assert_true(memcmp(last, id, 8) < 0);
                        assert_int_equal(id[6] >> 4, 7);
                        assert_int_equal(id[8] >> 6, 2);
                        memcpy(last, id, sizeof(last));
                }
}

static void an_id_has_its_milliseconds_in_front(void **state) {
        struct row_ids ids = {0};
        uint8_t id[ROW_ID_BYTES];
        char text[ROW_ID_TEXT_MAX];

        (void)state;
        row_id_make(&ids, 0x0123456789ab, id);
        row_id_format(id, text);
        assert_memory_equal(text, "01234567-89ab-7000-", 19);
}

static void an_id_survives_its_text(void **state) {
        struct row_ids ids = {0};
        uint8_t id[ROW_ID_BYTES], again[ROW_ID_BYTES];
        char text[ROW_ID_TEXT_MAX];

        (void)state;
        row_id_make(&ids, 1764500000123, id);
        row_id_format(id, text);
        assert_int_equal(strlen(text), ROW_ID_TEXT_MAX - 1);
        assert_true(row_id_parse(text, again));
        assert_memory_equal(id, again, sizeof(id));
        text[ROW_ID_TEXT_MAX - 2] = 'g';
        assert_false(row_id_parse(text, again));
        assert_false(row_id_parse("", again));
        assert_false(row_id_parse("01234567-89ab-7000-8000-00000000000", again));
        assert_false(row_id_parse("01234567-89ab-7000-8000-0000000000000", again));
        assert_false(row_id_parse("0123456789ab-7000-8000-000000000000-", again));
}

static void a_cursor_survives_its_text_and_nothing_else_is_one(void **state) {
        static const char *const others[] = {"",
                                             "1",
                                             "-",
                                             "1-",
                                             "-1",
                                             "1--1",
                                             "1-1 ",
                                             " 1-1",
                                             "01-1",
                                             "1-01",
                                             "g-1",
                                             "1-+1",
                                             "1-99999999999999999999",
                                             "1-1x"};
        struct row_cursor cursor = {.epoch = UINT64_MAX, .row = INT64_MAX}, again;
        char text[ROW_CURSOR_MAX];

        (void)state;
        row_cursor_format(cursor, text);
        assert_true(row_cursor_parse(text, &again));
        assert_true(again.epoch == cursor.epoch && again.row == cursor.row);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
                assert_false(row_cursor_parse(others[i], &again));
}

static void a_copy_shares_nothing(void **state) {
        struct row_word words[2] = {{.text = (char[]){"one"}, .end = 5},
                                    {.text = (char[]){"two"}}};
        struct row row = {.stream = (char[]){"kitchen"},
                          .text = (char[]){"one two"},
                          .found = (char[]){"two"},
                          .words = words,
                          .n_words = 2};
        CLEANUP(row_freep) struct row *copy = row_copy(&row);

        (void)state;
        row.stream[0] = row.text[0] = row.found[0] = words[1].text[0] = 'X';
        assert_string_equal(copy->stream, "kitchen");
        assert_string_equal(copy->text, "one two");
        assert_string_equal(copy->found, "two");
        assert_string_equal(copy->words[1].text, "two");
        assert_null(copy->session);
        assert_true(row_bytes(copy) > sizeof(*copy) + 2 * sizeof(words[0]) + 8 + 8);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ids_sort_in_the_order_of_making_whatever_the_clock_does),
                cmocka_unit_test(an_id_has_its_milliseconds_in_front),
                cmocka_unit_test(an_id_survives_its_text),
                cmocka_unit_test(a_cursor_survives_its_text_and_nothing_else_is_one),
                cmocka_unit_test(a_copy_shares_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
