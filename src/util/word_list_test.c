#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/word_list.h"

static void assert_list(char **list, const char *first, const char *second) {
        assert_non_null(list);
        assert_string_equal(list[0], first);
        if (second)
                assert_string_equal(list[1], second);
        assert_null(list[second ? 2 : 1]);
}

static void words_stand_between_blanks(void **state) {
        static const char *const texts[] = {"hall yard", " hall\t \nyard ", "hall\r\nyard\r\n"};

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                CLEANUP(word_list_freep) char **list = word_list_split(texts[i]);

                assert_list(list, "hall", "yard");
        }
        assert_null(word_list_split(NULL));
        assert_null(word_list_split(""));
        assert_null(word_list_split(" \t\n"));
}

static void a_copy_is_a_list_of_its_own(void **state) {
        char *const words[] = {(char[]){"hall"}, NULL}, *const none[] = {NULL};
        CLEANUP(word_list_freep) char **list = word_list_copy(words);
        CLEANUP(word_list_freep) char **empty = word_list_copy(none);

        (void)state;
        assert_list(list, "hall", NULL);
        assert_ptr_not_equal(list[0], words[0]);
        assert_non_null(empty);
        assert_null(empty[0]);
        assert_null(word_list_copy(NULL));
}

static void a_name_is_a_word_or_matches_a_glob(void **state) {
        CLEANUP(word_list_freep) char **list = word_list_split("hall cam-* [x] d?ck a\\*b");
        static const struct {
                const char *name;
                bool is_word, is_match;
        } cases[] = {
                {"hall", true, true},   {"hal", false, false},    {"halls", false, false},
                {"Hall", false, false}, {"cam-*", true, true},    {"cam-1", false, true},
                {"cam-", false, true},  {"cam-a/b", false, true}, {"a cam-1", false, false},
                {"x", false, true},     {"[x]", true, true},      {"deck", false, true},
                {"dck", false, false},  {"a*b", false, true},     {"axb", false, false},
                {"", false, false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(word_list_has(list, cases[i].name), cases[i].is_word);
                assert_int_equal(word_list_matches(list, cases[i].name), cases[i].is_match);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_stand_between_blanks),
                cmocka_unit_test(a_copy_is_a_list_of_its_own),
                cmocka_unit_test(a_name_is_a_word_or_matches_a_glob),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
