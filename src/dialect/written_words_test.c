// Which words of the model's list are one word where people write it.
#include "dialect/written_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void what_the_model_takes_apart_at_a_sign_is_one_word(void **state) {
        char texts[][16] = {" some", " 13", ",000", ",000", " well", "-known,", " -", " 5"};
        struct hypothesis_word heard[8];
        const struct segment segment = {.words = heard, .n_words = 8};
        struct hypothesis_word *words;
        size_t n;

        (void)state;
        for (int i = 0; i < 8; i++)
                heard[i] = (struct hypothesis_word){.begin = 10 * i,
                                                    .end = 10 * i + 9,
                                                    .text = texts[i],
                                                    .probability = i == 2 ? 0.25F : 0.5F};
        words = written_words(&segment, &n);
        assert_int_equal(n, 5);
        assert_string_equal(words[0].text, " some");
        assert_string_equal(words[1].text, " 13,000,000");
        assert_true(words[1].begin == 10 && words[1].end == 39);
        assert_float_equal(words[1].probability, 0.25, 1e-6);
        assert_string_equal(words[2].text, " well-known,");
        assert_string_equal(words[3].text, " -");
        assert_string_equal(words[4].text, " 5");
        hypothesis_words_free(words, n);
}

static void what_has_nothing_before_it_stays(void **state) {
        char first[] = "-known", alone[] = ".";
        struct hypothesis_word heard[] = {{0, 5, first, 1}, {5, 6, alone, 1}};
        const struct segment segment = {.words = heard, .n_words = 2}, none = {0};
        struct hypothesis_word *words;
        size_t n = 7;

        (void)state;
        words = written_words(&segment, &n);
        assert_int_equal(n, 2);
        assert_string_equal(words[1].text, ".");
        hypothesis_words_free(words, n);
        assert_null(written_words(&none, &n));
        assert_int_equal(n, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_the_model_takes_apart_at_a_sign_is_one_word),
                cmocka_unit_test(what_has_nothing_before_it_stays),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
