// Stable words: what two successive hypotheses agree on stays, whatever comes later.
#include "transcript/agreement.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

// Hear one more and look at "stable|rest".
static void expect(struct agreement *agreement, const char *heard, const char *expected,
                   size_t n_words) {
        char shown[512];

        agreement_add(agreement, heard);
        snprintf(shown, sizeof(shown), "%.*s|%s", (int)agreement->stable_bytes, agreement->text,
                 agreement->text + agreement->stable_bytes);
        assert_string_equal(shown, expected);
        assert_int_equal(agreement->stable_words, n_words);
}

static void two_in_agreement_make_words_stable(void **state) {
        struct agreement agreement = {0};

        (void)state;
        expect(&agreement, " And so", "| And so", 0);
        expect(&agreement, " And so, my", " And| so, my", 1);
        expect(&agreement, " And so, my fell", " And so, my| fell", 3);
        expect(&agreement, " And so, my fellow Americans", " And so, my| fellow Americans", 3);
        expect(&agreement, " And so, my fellow Americans", " And so, my fellow Americans|", 5);
        agreement_reset(&agreement);
        expect(&agreement, " And so", "| And so", 0);
        agreement_reset(&agreement);
}

static void a_later_hypothesis_changes_only_what_follows(void **state) {
        struct agreement agreement = {0};

        (void)state;
        expect(&agreement, " ask not what", "| ask not what", 0);
        expect(&agreement, " ask not what your", " ask not what| your", 3);
        expect(&agreement, " As not what you can", " ask not what| you can",
               3);  // another word
        expect(&agreement, " not what you can do", " ask not what you can| do", 5);  // one less
        expect(&agreement, " Oh ask not what you can see", " ask not what you can| see", 5);
        expect(&agreement, "", " ask not what you can|", 5);
        expect(&agreement, " something else", " ask not what you can|", 5);
        expect(&agreement, " ask not what you can do", " ask not what you can| do", 5);
        agreement_reset(&agreement);
}

static void one_that_disagrees_makes_nothing_stable(void **state) {
        struct agreement agreement = {0};

        (void)state;
        expect(&agreement, " one two", "| one two", 0);
        expect(&agreement, " two", "| two", 0);
        expect(&agreement, " one two", "| one two", 0);
        expect(&agreement, "", "|", 0);
        agreement_reset(&agreement);
}

static void scripts_without_blanks_agree_by_characters(void **state) {
        struct agreement agreement = {0};

        (void)state;
        expect(&agreement, "今天天", "|今天天", 0);
        expect(&agreement, "今天天气很", "今天天|气很", 3);
        expect(&agreement, "今天 OK气好", "今天天气|好", 4);
        agreement_reset(&agreement);
        expect(&agreement, " OK今", "| OK今", 0);
        expect(&agreement, " OK今天", " OK今|天", 2);
        agreement_reset(&agreement);
}

static uint32_t next_random(uint32_t *random) {
        *random = *random * 1664525u + 1013904223u;
        return *random >> 16;
}

// Whatever is heard: what was stable stays, byte by byte, and the count is that of its words.
static void what_is_stable_never_changes(void **state) {
        static const char *const words[] = {" a", " b", " a,", " ü", "\xff", "字", "  c", ""};
        uint32_t random = 1;

        (void)state;
        for (int round = 0; round < 300; round++) {
                struct agreement agreement = {0};

                for (int step = 0; step < 12; step++) {
                        CLEANUP(mem_freep) char *before = xstrdup(agreement.text);
                        size_t bytes = agreement.stable_bytes, n = agreement.stable_words;
                        char heard[128] = "";
                        size_t length = 0;

                        for (uint32_t i = next_random(&random) % 10; i > 0; i--)
                                length +=
                                        (size_t)snprintf(heard + length, sizeof(heard) - length,
                                                         "%s", words[next_random(&random) % 8]);
                        agreement_add(&agreement, heard);
                        assert_true(agreement.stable_bytes >= bytes);
                        assert_true(agreement.stable_words >= n);
                        assert_true(agreement.stable_bytes <= strlen(agreement.text));
                        assert_int_equal(agreement.stable_words == 0,
                                         agreement.stable_bytes == 0);
                        if (bytes > 0)
                                assert_memory_equal(agreement.text, before, bytes);
                }
                agreement_reset(&agreement);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(two_in_agreement_make_words_stable),
                cmocka_unit_test(a_later_hypothesis_changes_only_what_follows),
                cmocka_unit_test(one_that_disagrees_makes_nothing_stable),
                cmocka_unit_test(scripts_without_blanks_agree_by_characters),
                cmocka_unit_test(what_is_stable_never_changes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
