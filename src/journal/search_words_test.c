#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "journal/search_words.h"
#include "util/mem.h"

static void assert_expression(const char *words, const char *expected) {
        CLEANUP(mem_freep) char *expression = NULL;
        struct error error = {0};

        assert_int_equal(search_words_translate(&expression, words, &error), 0);
        assert_string_equal(expression, expected);
}

static void assert_refused(const char *words, const char *expected) {
        char *expression = NULL;
        struct error error = {0};

        assert_int_equal(search_words_translate(&expression, words, &error), -EINVAL);
        assert_null(expression);
        assert_string_equal(error.text, expected);
}

static void words_are_all_wanted(void **state) {
        (void)state;
        assert_expression("fire", "\"fire\"");
        assert_expression("  fire\talarm\n", "\"fire\" \"alarm\"");
        assert_expression("fire\u3000alarm\u00a0bell", "\"fire\" \"alarm\" \"bell\"");
        assert_expression("it's e-mail v2.0", "\"it's\" \"e-mail\" \"v2.0\"");
}

static void a_phrase_stays_together(void **state) {
        (void)state;
        assert_expression("\"fire alarm\" now", "\"fire alarm\" \"now\"");
        assert_expression("\"-not a minus\"", "\"-not a minus\"");
}

static void what_to_leave_out_comes_last(void **state) {
        (void)state;
        assert_expression("-test fire -\"only a\"", "\"fire\" NOT (\"test\" OR \"only a\")");
        assert_expression("--x y", "\"y\" NOT (\"-x\")");
}

static void nothing_of_fts5_is_reached(void **state) {
        (void)state;
        assert_expression("a AND b OR NOT text:c* (d) NEAR(e ^f + {g}",
                          "\"a\" \"AND\" \"b\" \"OR\" \"NOT\" \"text:c*\" \"(d)\" \"NEAR(e\" "
                          "\"^f\" \"{g}\"");
}

static void what_has_no_letter_is_left_out(void **state) {
        (void)state;
        assert_expression("rock & roll -! \"...\"", "\"rock\" \"roll\"");
}

static void mistakes_are_told_with_their_place(void **state) {
        char many[3 * SEARCH_WORDS_MAX + 2] = "", longest[SEARCH_WORDS_BYTES_MAX + 2] = "";

        (void)state;
        assert_refused("", "nothing to search for (byte 1)");
        assert_refused("   ?! \"\"", "nothing to search for (byte 1)");
        assert_refused("-test", "only words to leave out, and none to find (byte 1)");
        assert_refused("fire \"alarm", "a quote that is not closed (byte 6)");
        assert_refused("fire -\"alarm", "a quote that is not closed (byte 7)");
        assert_refused("\"fire\"alarm", "no blank behind a phrase (byte 7)");
        assert_refused("\"fire\"\"alarm\"", "no blank behind a phrase (byte 7)");
        assert_refused("5\" pipe", "a quote within a word (byte 2)");
        assert_refused("fire -", "nothing behind the minus sign (byte 6)");
        assert_refused("- fire", "nothing behind the minus sign (byte 1)");
        assert_refused("fire \xff", "no UTF-8 (byte 6)");
        for (size_t i = 0; i < 2 * (SEARCH_WORDS_MAX + 1); i++)
                many[i] = i % 2 ? ' ' : 'a';
        assert_refused(many, "too many words (byte 129)");
        memset(longest, 'a', sizeof(longest) - 1);
        assert_refused(longest, "too long (byte 1025)");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_are_all_wanted),
                cmocka_unit_test(a_phrase_stays_together),
                cmocka_unit_test(what_to_leave_out_comes_last),
                cmocka_unit_test(nothing_of_fts5_is_reached),
                cmocka_unit_test(what_has_no_letter_is_left_out),
                cmocka_unit_test(mistakes_are_told_with_their_place),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
