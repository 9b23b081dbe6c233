// What readers may believe: the assembler's invariants, alone and under random hypotheses.
#include "transcript/assembler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "transcript/history.h"
#include "util/mem.h"

static void heard(struct hypothesis *hypothesis, int64_t begin, int64_t end, const char *text) {
        struct hypothesis_segment *segment = hypothesis_append(hypothesis);

        segment->begin = begin;
        segment->end = end;
        segment->text = xstrdup(text);
}

static void ids_are_the_original_servers(void **state) {
        (void)state;
        // Made with an independent CRC-64/ECMA-182: crc64(b"0"), then
        // crc64(f"{previous}{text}").
        assert_true(segment_id_first() == UINT64_C(12269926345859042865));
        assert_true(segment_id_next(segment_id_first(), " Hello") ==
                    UINT64_C(11465282284231355960));
}

static void finals_follow_each_other_without_overlap(void **state) {
        struct assembler *assembler = assembler_new();
        struct hypothesis hypothesis = {0};
        const struct update *update;

        (void)state;
        heard(&hypothesis, 0, 16000, " one");
        heard(&hypothesis, 15000, 14000, " two");  // begins before the last end, ends earlier
        heard(&hypothesis, 20000, 999999, " three");  // ends after the window
        update = assembler_on_final(assembler, 1000, 41000, &hypothesis);
        assert_int_equal(update->n_finals, 3);
        assert_int_equal(update->finals[0].begin, 1000);
        assert_int_equal(update->finals[1].begin, 17000);
        assert_int_equal(update->finals[1].end, 17000);
        assert_int_equal(update->finals[2].end, 41000);
        assert_string_equal(update->tail->text, "");
        assert_int_equal(update->tail->begin, 41000);
        hypothesis_deinit(&hypothesis);
        assembler_free(assembler);
}

static void a_partial_hypothesis_is_only_the_tail(void **state) {
        struct assembler *assembler = assembler_new();
        struct hypothesis hypothesis = {0};
        const struct update *update;

        (void)state;
        heard(&hypothesis, 100, 8000, " so");
        heard(&hypothesis, 8000, 9000, " far");
        update = assembler_on_partial(assembler, 0, &hypothesis);
        assert_int_equal(update->n_finals, 0);
        assert_string_equal(update->tail->text, " so far");
        assert_false(update->tail->is_final);
        assert_int_equal(update->tail->begin, 100);
        assert_int_equal(update->tail->end, 9000);

        hypothesis_deinit(&hypothesis);
        update = assembler_on_partial(assembler, 0, &hypothesis);
        assert_string_equal(update->tail->text, "");
        assembler_free(assembler);
}

static void words_stay_until_their_window_is_final(void **state) {
        struct assembler *assembler = assembler_new();
        struct hypothesis first = {0}, second = {0}, other = {0}, nothing = {0};
        const struct update *update;

        (void)state;
        heard(&first, 0, 9000, " we choose to");
        heard(&second, 0, 9000, " we choose");
        heard(&second, 9000, 16000, " to go");
        heard(&other, 0, 18000, " he chose to go too");
        update = assembler_on_partial(assembler, 500, &first);
        assert_int_equal(update->stable_bytes, 0);
        update = assembler_on_partial(assembler, 500, &second);
        assert_string_equal(update->tail->text, " we choose to go");
        assert_int_equal(update->stable_bytes, strlen(" we choose to"));
        assert_int_equal(update->stable_words, 3);
        update = assembler_on_partial(assembler, 500, &other);
        assert_string_equal(update->tail->text, " we choose to go too");
        assert_int_equal(update->stable_words, 4);
        update = assembler_on_partial(assembler, 500, &nothing);
        assert_string_equal(update->tail->text, " we choose to go");
        assert_int_equal(assembler_current(assembler)->stable_words, 4);

        // The final decides anew, and the next window knows nothing of it.
        update = assembler_on_final(assembler, 500, 20000, &other);
        assert_string_equal(update->finals[0].text, " he chose to go too");
        assert_string_equal(update->tail->text, "");
        assert_int_equal(update->stable_bytes, 0);
        update = assembler_on_partial(assembler, 20000, &second);
        assert_int_equal(update->stable_words, 0);
        update = assembler_on_partial(assembler, 20000, &second);
        assert_int_equal(update->stable_words, 4);
        // As after a cancel: another window without a final before it.
        update = assembler_on_partial(assembler, 60000, &nothing);
        assert_string_equal(update->tail->text, "");
        assert_int_equal(update->stable_words, 0);
        hypothesis_deinit(&first);
        hypothesis_deinit(&second);
        hypothesis_deinit(&other);
        assembler_free(assembler);
}

static void blank_text_is_no_segment(void **state) {
        struct assembler *assembler = assembler_new();
        struct hypothesis hypothesis = {0};

        (void)state;
        heard(&hypothesis, 0, 9000, "  ");
        heard(&hypothesis, 0, 9000, "");
        assert_int_equal(assembler_on_final(assembler, 0, 9000, &hypothesis)->n_finals, 0);
        hypothesis_deinit(&hypothesis);
        assembler_free(assembler);
}

static void language_is_told_once_and_when_it_changes(void **state) {
        struct assembler *assembler = assembler_new();
        struct hypothesis hypothesis = {
                .language = "de", .was_detected = true, .language_probability = 0.9f};

        (void)state;
        assert_false(assembler_on_final(assembler, 0, 10, &hypothesis)->language_is_new);
        heard(&hypothesis, 0, 10, " ja");
        assert_false(assembler_on_partial(assembler, 0, &hypothesis)->language_is_new);
        hypothesis.language_probability = 0.4f;
        assert_false(assembler_on_final(assembler, 0, 10, &hypothesis)->language_is_new);
        hypothesis.language_probability = 0.6f;
        heard(&hypothesis, 0, 10, " ja");
        assert_true(assembler_on_final(assembler, 10, 20, &hypothesis)->language_is_new);
        heard(&hypothesis, 0, 10, " ja");
        assert_false(assembler_on_final(assembler, 20, 30, &hypothesis)->language_is_new);
        snprintf(hypothesis.language, sizeof(hypothesis.language), "fr");
        heard(&hypothesis, 0, 10, " oui");
        assert_true(assembler_on_final(assembler, 30, 40, &hypothesis)->language_is_new);
        hypothesis_deinit(&hypothesis);
        assembler_free(assembler);
}

static void a_restart_begins_the_chain_again(void **state) {
        struct assembler *assembler = assembler_new();
        struct hypothesis hypothesis = {0};
        uint64_t id;

        (void)state;
        heard(&hypothesis, 0, 10, " a");
        id = assembler_on_final(assembler, 0, 10, &hypothesis)->finals[0].id;
        heard(&hypothesis, 0, 10, " a");
        assert_true(assembler_on_final(assembler, 10, 20, &hypothesis)->finals[0].id != id);
        assembler_restart(assembler, 20);
        heard(&hypothesis, 0, 10, " a");
        assert_true(assembler_on_final(assembler, 20, 30, &hypothesis)->finals[0].id == id);
        hypothesis_deinit(&hypothesis);
        assembler_free(assembler);
}

// Whatever hypotheses come, final segments are ordered and do not overlap.
static void random_hypotheses_keep_the_order(void **state) {
        struct assembler *assembler = assembler_new();
        int64_t end_last = 0, position = 0;

        (void)state;
        srand(7);
        for (int i = 0; i < 5000; i++) {
                struct hypothesis hypothesis = {0};
                int64_t length = rand() % 480000;
                const struct update *update;

                for (int j = rand() % 4; j > 0; j--)
                        heard(&hypothesis, rand() % 600000 - 60000, rand() % 600000 - 60000,
                              "x");
                if (rand() % 2)
                        update = assembler_on_partial(assembler, position, &hypothesis);
                else
                        update = assembler_on_final(assembler, position, position + length,
                                                    &hypothesis);
                for (size_t j = 0; j < update->n_finals; j++) {
                        assert_true(update->finals[j].begin >= end_last);
                        assert_true(update->finals[j].end >= update->finals[j].begin);
                        end_last = update->finals[j].end;
                }
                assert_non_null(update->tail->text);
                assert_true(update->tail->begin >= end_last);
                position += length;
                hypothesis_deinit(&hypothesis);
        }
        assembler_free(assembler);
}

static void history_keeps_the_newest(void **state) {
        struct history *history = history_new(3, 100);
        char text[] = "0";

        (void)state;
        for (int i = 0; i < 10; i++) {
                text[0] = (char)('0' + i);
                history_append(history, &(struct segment){.text = text});
        }
        assert_int_equal(history_length(history), 3);
        assert_string_equal(history_get(history, 0)->text, "7");
        assert_string_equal(history_get(history, 2)->text, "9");
        history_clear(history);
        assert_int_equal(history_length(history), 0);
        history_free(history);
}

static void history_is_bounded_in_bytes(void **state) {
        struct history *history = history_new(100, 10);
        char four[] = "four", longer[] = "longer than all of it";

        (void)state;
        for (int i = 0; i < 20; i++)
                history_append(history, &(struct segment){.text = four});
        assert_int_equal(history_length(history), 2);
        history_append(history, &(struct segment){.text = longer});
        assert_int_equal(history_length(history), 1);
        history_free(history);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ids_are_the_original_servers),
                cmocka_unit_test(finals_follow_each_other_without_overlap),
                cmocka_unit_test(a_partial_hypothesis_is_only_the_tail),
                cmocka_unit_test(words_stay_until_their_window_is_final),
                cmocka_unit_test(blank_text_is_no_segment),
                cmocka_unit_test(language_is_told_once_and_when_it_changes),
                cmocka_unit_test(a_restart_begins_the_chain_again),
                cmocka_unit_test(random_hypotheses_keep_the_order),
                cmocka_unit_test(history_keeps_the_newest),
                cmocka_unit_test(history_is_bounded_in_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
