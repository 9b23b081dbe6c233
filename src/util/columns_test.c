#include "util/columns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_widths(void **state) {
        static const struct {
                const char *text;
                size_t columns, characters;
        } cases[] = {
                {"", 0, 0},
                {"abc", 3, 3},
                {"Küche", 5, 5},
                {"語", 2, 1},
                {"。、！？「」", 12, 6},
                {"ひらがなカタカナ", 16, 8},
                {"ｶﾀｶﾅ", 4, 4},       // half-width
                {"ＡＢ", 4, 2},       // full-width
                {"한국어", 6, 3},     //
                {"각", 2, 1},         // as three letters of Hangul
                {"がぎ", 4, 2},       // with combining marks
                {"e\xcc\x81", 1, 1},  // e and an acute accent
                {"…“”—", 4, 4},       // ambiguous ones are narrow
                {"🎤", 2, 1},
                {"❤️", 2, 1},              // with a selector
                {"👍🏽", 2, 1},            // with a skin tone
                {"👨‍👩‍👧", 2, 1},  // joined
                {"🇩🇪🇯🇵", 4, 2},                // flags
                {"กำ", 2, 1},
                {"\xff\xc3(", 3, 3},  // no UTF-8
                {"\xe8\xaa", 1, 1},   // the beginning of a character
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const char *text = cases[i].text;
                size_t n = strlen(text), characters = 0, columns;

                if (columns_of(text, n) != cases[i].columns)
                        fail_msg("'%s' has %zu columns", text, columns_of(text, n));
                for (size_t place = 0; place < n; characters++)
                        place += columns_step(text + place, n - place, &columns);
                if (characters != cases[i].characters)
                        fail_msg("'%s' has %zu characters", text, characters);
        }
}

static void test_a_pile_of_accents_has_an_end(void **state) {
        char text[1002] = "a";
        size_t columns, n;

        (void)state;
        for (size_t i = 1; i < sizeof(text) - 1; i += 2)
                snprintf(text + i, sizeof(text) - i, "\xcc\x81");
        n = columns_step(text, strlen(text), &columns);
        assert_true(n > 1 && n < 200);
        assert_int_equal(n % 2, 1);  // between two accents
        assert_int_equal(columns, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_widths),
                cmocka_unit_test(test_a_pile_of_accents_has_an_end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
