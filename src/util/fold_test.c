#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/fold.h"
#include "util/mem.h"

static void texts_fold_to(const char *const (*pairs)[2], size_t n) {
        struct folded folded = {0};

        for (size_t i = 0; i < n; i++) {
                CLEANUP(mem_freep)
                char *key = fold_key(&folded, pairs[i][0], strlen(pairs[i][0]));

                assert_string_equal(key, pairs[i][1]);
        }
        folded_deinit(&folded);
}

#define TEXTS_FOLD_TO(pairs) texts_fold_to(pairs, sizeof(pairs) / sizeof((pairs)[0]))

static void case_accents_and_forms_do_not_count(void **state) {
        static const char *const pairs[][2] = {
                {"Feu, FEU! feu", "feu feu feu "},
                {"\xc3\x89t\xc3\xa9 e\xcc\x81te\xcc\x81", "ete ete "},
                {"stra\xc3\x9f"
                 "e STRASSE STRA\xe1\xba\x9e"
                 "E",
                 "strasse strasse strasse "},
                // İ, I, ı, i
                {"\xc4\xb0 I \xc4\xb1 i", "i i i i "},
                {"YARDIM yard\xc4\xb1m", "yardim yardim "},
                // ΣΑΣ, σας; ЁЖ, еж; ø ł đ æ
                {"\xce\xa3\xce\x91\xce\xa3 \xcf\x83\xce\xb1\xcf\x82",
                 "\xcf\x83\xce\xb1\xcf\x83 \xcf\x83\xce\xb1\xcf\x83 "},
                {"\xd0\x81\xd0\x96 \xd0\xb5\xd0\xb6", "\xd0\xb5\xd0\xb6 \xd0\xb5\xd0\xb6 "},
                {"\xc3\x98 \xc5\x81 \xc4\x90 \xc3\x86", "o l d ae "},
                // full-width 112, the ligature of fi
                {"\xef\xbc\x91\xef\xbc\x91\xef\xbc\x92 \xef\xac\x81re", "112 fire "},
                {"l'ambulance don\xe2\x80\x99t self-help", "l ambulance don t self help "},
                {"soft\xc2\xadhyphen", "softhyphen "},
        };

        (void)state;
        TEXTS_FOLD_TO(pairs);
}

static void scripts_without_spaces_are_characters_with_their_marks(void **state) {
        static const char *const pairs[][2] = {
                // 救命 help
                {"\xe6\x95\x91\xe5\x91\xbdhelp", "\xe6\x95\x91 \xe5\x91\xbd help "},
                // が, one character or two, and か are not the same
                {"\xe3\x81\x8c", "\xe3\x81\x8b\xe3\x82\x99 "},
                {"\xe3\x81\x8b\xe3\x82\x99", "\xe3\x81\x8b\xe3\x82\x99 "},
                // Thai: ที่ (with vowel and tone), and Hindi, whose vowels stay
                {"\xe0\xb8\x97\xe0\xb8\xb5\xe0\xb9\x88",
                 "\xe0\xb8\x97\xe0\xb8\xb5\xe0\xb9\x88 "},
                {"\xe0\xa4\x95\xe0\xa4\xbf", "\xe0\xa4\x95\xe0\xa4\xbf "},
        };

        (void)state;
        TEXTS_FOLD_TO(pairs);
}

static void what_is_no_text_stands_between_words(void **state) {
        static const char *const pairs[][2] = {
                {"", ""},
                {" .,- ", ""},
                {"a\xff"
                 "b",
                 "a b "},
                {"a\xc3", "a "},
                {"a\xed\xa0\x80z", "a z "},
        };

        (void)state;
        TEXTS_FOLD_TO(pairs);
}

static void tokens_know_their_place_and_what_is_before_them(void **state) {
        static const char text[] = "\xc3\x89t\xc3\xa9. \xe6\x95\x91\xe5\x91\xbd ok!";
        struct folded folded = {0};

        (void)state;
        fold_text(&folded, text, strlen(text), FOLD_MARK);
        assert_int_equal(folded.n, 4);
        assert_int_equal(folded.tokens[0].gap, FOLD_MARK);
        assert_int_equal(folded.tokens[0].begin, 0);
        assert_int_equal(folded.tokens[0].end, 5);
        assert_int_equal(folded.tokens[1].gap, FOLD_MARK);
        assert_int_equal(folded.tokens[1].begin, 7);
        assert_int_equal(folded.tokens[1].end, 10);
        assert_true(folded.tokens[1].is_unspaced);
        assert_int_equal(folded.tokens[2].gap, FOLD_GLUED);
        assert_int_equal(folded.tokens[3].gap, FOLD_BLANK);
        assert_int_equal(folded.gap, FOLD_MARK);
        assert_true(fold_begins_unspaced("\xe6\x95\x91"));
        assert_false(fold_begins_unspaced("a"));
        assert_false(fold_begins_unspaced(""));
        folded_deinit(&folded);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(case_accents_and_forms_do_not_count),
                cmocka_unit_test(scripts_without_spaces_are_characters_with_their_marks),
                cmocka_unit_test(what_is_no_text_stands_between_words),
                cmocka_unit_test(tokens_know_their_place_and_what_is_before_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
