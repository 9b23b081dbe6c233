// Words: the normaliser, and edit distance against a naive model.
#include "load/alignment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define LENGTH_MAX 6
#define ROUNDS     2000

static struct words split(struct vocabulary *vocabulary, const char *text) {
        struct words words = {0};

        vocabulary_split(vocabulary, text, 0, &words);
        return words;
}

// Both texts are the same words.
static void expect_same(const char *left, const char *right) {
        CLEANUP(vocabulary_freep) struct vocabulary *vocabulary = vocabulary_new();
        struct words a = split(vocabulary, left), b = split(vocabulary, right);

        assert_int_equal(a.n, b.n);
        for (size_t i = 0; i < a.n; i++)
                assert_int_equal(a.items[i].id, b.items[i].id);
        words_deinit(&a);
        words_deinit(&b);
}

static void plain_ignores_case_and_punctuation(void **state) {
        (void)state;
        expect_same(" Yes, sir; said \"Fisher\"...", "YES SIR SAID FISHER");
        expect_same("don't", "DONT");
        expect_same("don\xe2\x80\x99t", "dont");
        expect_same("would-be", "would be");
        expect_same("a\xe2\x80\x94"
                    "b",
                    "a b");
        expect_same("\xc3\x84RGER", "\xc3\xa4rger");
        expect_same("broken\xff"
                    "bytes",
                    "broken bytes");
        expect_same(" \t\n- ", "");
}

static void different_words_differ(void **state) {
        CLEANUP(vocabulary_freep) struct vocabulary *vocabulary = vocabulary_new();
        struct words words = {0};
        char text[16];

        (void)state;
        // Enough of them that the table grows.
        for (int i = 0; i < 3000; i++) {
                snprintf(text, sizeof(text), "w%d", i);
                vocabulary_split(vocabulary, text, 0, &words);
                assert_int_equal(words.items[i].id, i);
        }
        vocabulary_split(vocabulary, "w7 W2999 new", 0, &words);
        assert_int_equal(words.items[3000].id, 7);
        assert_int_equal(words.items[3001].id, 2999);
        assert_int_equal(words.items[3002].id, 3000);
        words_deinit(&words);
}

static void words_know_their_tokens(void **state) {
        CLEANUP(vocabulary_freep) struct vocabulary *vocabulary = vocabulary_new();
        struct words words = {0};

        (void)state;
        vocabulary_split(vocabulary, "  Would-be  kings!", 100, &words);
        assert_int_equal(words.n, 3);
        assert_int_equal(words.items[0].token_begin, 102);
        assert_int_equal(words.items[1].token_begin, 102);
        assert_int_equal(words.items[1].token_n, 8);
        assert_int_equal(words.items[2].token_begin, 112);
        assert_int_equal(words.items[2].token_n, 6);
        words_deinit(&words);
}

static struct alignment align(const char *reference, const char *hypothesis,
                              enum alignment_mode mode, size_t *counterparts) {
        CLEANUP(vocabulary_freep) struct vocabulary *vocabulary = vocabulary_new();
        struct words a = split(vocabulary, reference), b = split(vocabulary, hypothesis);
        struct alignment alignment =
                alignment_compute(a.items, a.n, b.items, b.n, mode, counterparts);

        words_deinit(&a);
        words_deinit(&b);
        return alignment;
}

static void expect_counts(const struct alignment *alignment, size_t n_correct,
                          size_t n_substituted, size_t n_deleted, size_t n_inserted) {
        assert_int_equal(alignment->n_correct, n_correct);
        assert_int_equal(alignment->n_substituted, n_substituted);
        assert_int_equal(alignment->n_deleted, n_deleted);
        assert_int_equal(alignment->n_inserted, n_inserted);
}

static void counterparts_are_found(void **state) {
        size_t at[5];
        struct alignment alignment =
                align("the cat sat on mats", "the cat set mats now", ALIGNMENT_WHOLE, at);

        (void)state;
        expect_counts(&alignment, 3, 1, 1, 1);
        assert_int_equal(at[0], 0);
        assert_int_equal(at[1], 1);
        assert_int_equal(at[4], 3);
}

static void a_beginning_leaves_the_rest_free(void **state) {
        size_t at[5];
        struct alignment alignment =
                align("the cat sat on mats", "a cat sat", ALIGNMENT_PREFIX, at);

        (void)state;
        expect_counts(&alignment, 2, 1, 0, 0);
        assert_int_equal(at[2], 2);
        assert_int_equal(at[3], ALIGNMENT_NONE);
        assert_int_equal(at[4], ALIGNMENT_NONE);
}

static void nothing_aligns_with_nothing(void **state) {
        size_t at[2];
        struct alignment alignment = align("", "", ALIGNMENT_WHOLE, NULL);

        (void)state;
        assert_int_equal(alignment.n_deleted + alignment.n_inserted, 0);
        assert_int_equal(align("a b", "", ALIGNMENT_WHOLE, at).n_deleted, 2);
        assert_int_equal(at[1], ALIGNMENT_NONE);
        assert_int_equal(align("", "a b", ALIGNMENT_WHOLE, NULL).n_inserted, 2);
        assert_int_equal(align("a b", "", ALIGNMENT_PREFIX, at).n_deleted, 0);
}

// The definition, without a table.
static size_t distance(const struct word *a, size_t n, const struct word *b, size_t m) {
        size_t least, other;

        if (n == 0 || m == 0)
                return n + m;
        least = distance(a + 1, n - 1, b + 1, m - 1) + (a->id != b->id);
        other = distance(a + 1, n - 1, b, m) + 1;
        least = other < least ? other : least;
        other = distance(a, n, b + 1, m - 1) + 1;
        return other < least ? other : least;
}

static void random_texts_have_the_naive_distance(void **state) {
        (void)state;
        srand(1);
        for (int round = 0; round < ROUNDS; round++) {
                struct word a[LENGTH_MAX], b[LENGTH_MAX];
                size_t n = (size_t)rand() % LENGTH_MAX, m = (size_t)rand() % LENGTH_MAX;
                size_t at[LENGTH_MAX], last = ALIGNMENT_NONE, n_paired = 0;
                struct alignment alignment;

                for (size_t i = 0; i < LENGTH_MAX; i++) {
                        a[i].id = (uint32_t)rand() % 3;
                        b[i].id = (uint32_t)rand() % 3;
                }
                alignment = alignment_compute(a, n, b, m, ALIGNMENT_WHOLE, at);
                assert_int_equal(alignment.n_substituted + alignment.n_deleted +
                                         alignment.n_inserted,
                                 distance(a, n, b, m));
                for (size_t i = 0; i < n; i++) {
                        if (at[i] == ALIGNMENT_NONE)
                                continue;
                        assert_true(last == ALIGNMENT_NONE || at[i] > last);
                        last = at[i];
                        n_paired++;
                }
                assert_int_equal(n_paired, alignment.n_correct + alignment.n_substituted);
                assert_int_equal(n_paired + alignment.n_deleted, n);
                assert_int_equal(n_paired + alignment.n_inserted, m);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(plain_ignores_case_and_punctuation),
                cmocka_unit_test(different_words_differ),
                cmocka_unit_test(words_know_their_tokens),
                cmocka_unit_test(counterparts_are_found),
                cmocka_unit_test(a_beginning_leaves_the_rest_free),
                cmocka_unit_test(nothing_aligns_with_nothing),
                cmocka_unit_test(random_texts_have_the_naive_distance),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
