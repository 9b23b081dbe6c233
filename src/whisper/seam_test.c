// Where a text that ran out of room is left off.
#include "whisper/seam.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

#define END_OF_TEXT 100
#define TIMESTAMP   200

static struct timed_word word(const char *text, size_t n_tokens, double begin, double end) {
        // Of the words' text nothing is written to.
        return (struct timed_word){.text = (char *)(uintptr_t)text,
                                   .n_tokens = n_tokens,
                                   .begin = begin,
                                   .end = end};
}

static struct seam find(struct timed_word *items, size_t n, double least) {
        static const int32_t tokens[] = {TIMESTAMP, 1, 2, 3, TIMESTAMP, TIMESTAMP, 4, 5, 6, 7};
        struct timed_words words = {.items = items, .n = n};

        return seam_find(&words, tokens, sizeof(tokens) / sizeof(tokens[0]), END_OF_TEXT,
                         least);
}

static void assert_seam(struct seam seam, size_t n_tokens, double position) {
        assert_int_equal(seam.n_tokens, n_tokens);
        assert_true(fabs(seam.position - position) < 1e-9);
}

static void the_last_word_is_said_again(void **state) {
        struct timed_word words[] = {word(" one", 2, 0, 1), word(" two", 2, 1, 2),
                                     word(" thr", 3, 2.5, 3)};

        (void)state;
        assert_seam(find(words, 3, 1), 7, 2);
}

static void signs_stay_with_their_word(void **state) {
        struct timed_word words[] = {word(" one", 2, 0, 1), word(" two,", 2, 1, 2),
                                     word("", 0, 2, 2), word(" well", 1, 2.5, 3),
                                     word("-kno", 2, 3, 4)};

        (void)state;
        assert_seam(find(words, 5, 1), 7, 2);
}

static void characters_without_spaces_are_whole(void **state) {
        struct timed_word words[] = {word("\xe4\xb8\xad", 3, 0, 1),
                                     word("\xe5\x9b\xbd", 4, 1, 2)};

        (void)state;
        assert_seam(find(words, 2, 1), 10, 2);
}

// In such a language a foreign word is one character after the other.
static void letters_among_them_are_not(void **state) {
        struct timed_word words[] = {word("\xe4\xb8\xad", 3, 0, 1), word("U", 1, 1, 2),
                                     word("N", 3, 2, 3)};

        (void)state;
        assert_seam(find(words, 3, 0.5), 4, 1);
}

static void a_single_word_stays(void **state) {
        struct timed_word words[] = {word(" one", 7, 0.2, 2)};

        (void)state;
        assert_seam(find(words, 1, 1), 10, 2);
}

// What begins in the second that is not heard again stays, whole or not.
static void a_window_goes_on_by_a_second(void **state) {
        struct timed_word words[] = {word(" a", 3, 0, 0.2), word(" b", 1, 0.2, 0.4),
                                     word(" c", 2, 0.4, 0.6), word(" d", 1, 1.1, 1.2)};

        (void)state;
        assert_seam(find(words, 3, 1), 9, 1);
        assert_seam(find(words, 4, 1), 9, 1);
}

// Sixteen whole words and a half: two may be said again, three may not.
static void assert_breath(size_t at, const char *sign, double pause, size_t n_words) {
        struct timed_word words[17];
        struct timed_words all = {.items = words, .n = 17};
        int32_t tokens[17] = {0};

        for (size_t i = 0; i < 17; i++) {
                double begin = (double)i + (i > at ? pause : 0);

                words[i] = word(i == at ? sign : " word", 1, begin, begin + 1);
        }
        assert_seam(seam_find(&all, tokens, 17, END_OF_TEXT, 1), n_words,
                    words[n_words - 1].end);
}

static void a_text_is_left_off_where_breath_is_drawn(void **state) {
        (void)state;
        assert_breath(13, " mur,", 0, 14);
        assert_breath(13, " mur", 0.4, 14);
        assert_breath(13, " mur", 0, 16);
        assert_breath(12, " mur,", 0.4, 16);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_is_left_off_where_breath_is_drawn),
                cmocka_unit_test(the_last_word_is_said_again),
                cmocka_unit_test(signs_stay_with_their_word),
                cmocka_unit_test(characters_without_spaces_are_whole),
                cmocka_unit_test(letters_among_them_are_not),
                cmocka_unit_test(a_single_word_stays),
                cmocka_unit_test(a_window_goes_on_by_a_second),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
