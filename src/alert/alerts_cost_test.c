// What looking for many words costs, counted: no stopwatch.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alert_rules.h"
#include "util/mem.h"

#define N_ALERTS 1000
#define N_WORDS  10

struct many {
        struct alert_config *configs;
        struct alert_rules *rules;
        struct alert_stream *stream;
        bool hears[N_ALERTS];
};

// A thousand alerts of ten words each, which `word_of` makes of their numbers.
static void many_open(struct many *many,
                      const char *(*word_of)(char *ret, size_t n, size_t i)) {
        struct error error;

        const char *key;

        *many = (struct many){.configs = xcalloc(N_ALERTS, sizeof(*many->configs))};
        for (size_t i = 0; i < N_ALERTS; i++) {
                char *words = xstrdup("");

                for (size_t k = 0; k < N_WORDS; k++) {
                        char word[256];
                        char *longer = xasprintf("%s%s\n", words,
                                                 word_of(word, sizeof(word), N_WORDS * i + k));

                        free(words);
                        words = longer;
                }
                many->configs[i] = (struct alert_config){.name = xstrdup("a"), .words = words};
                many->hears[i] = true;
        }
        if (alert_rules_new(&many->rules, many->configs, N_ALERTS, &key, &error) < 0)
                fail_msg("%s", error.text);
        many->stream = alert_stream_new("kitchen", "kitchen");
}

static void many_close(struct many *many) {
        alert_stream_free(many->stream);
        alert_rules_free(many->rules);
        for (size_t i = 0; i < N_ALERTS; i++) {
                free(many->configs[i].name);
                free(many->configs[i].words);
        }
        free(many->configs);
}

// Steps for `n` times the words.
static uint64_t many_steps(struct many *many, const char *words, size_t n) {
        CLEANUP(mem_freep) char *text = xcalloc(n * strlen(words) + 1, 1);
        struct row row = {.stream = (char[]){"kitchen"}, .text = text};

        for (size_t i = 0; i < n * strlen(words); i++)
                text[i] = words[i % strlen(words)];
        alert_rules_find(many->rules, many->stream, &row, many->hears);
        alert_stream_take_back(many->stream, 0);
        return many->rules->n_steps;
}

static const char *single_word(char *ret, size_t n, size_t i) {
        snprintf(ret, n, "word%zu", i);
        return ret;
}

// All begin alike, and long: "a a a a a a a a 17".
static const char *phrase_alike(char *ret, size_t n, size_t i) {
        snprintf(ret, n, "a a a a a a a a a a a a a a a a %zu", i);
        return ret;
}

static void ten_thousand_words_cost_one_look_up_for_each_of_the_texts(void **state) {
        struct many many;

        (void)state;
        many_open(&many, single_word);
        assert_int_equal(many_steps(&many, "nothing here ", 100), 200);
        assert_int_equal(many.rules->n_places, 0);
        // A word that fires costs one step more.
        assert_in_range(many_steps(&many, "word17 ", 100), 200, 400);
        assert_int_equal(many.rules->n_places, 100);
        many_close(&many);
}

static void phrases_that_begin_alike_cost_two_for_each(void **state) {
        struct many many;

        (void)state;
        many_open(&many, phrase_alike);
        // 10,000 characters, the dearest that there are for these phrases.
        assert_in_range(many_steps(&many, "a ", 5000), 5000, 10000);
        assert_int_equal(many.rules->n_places, 0);
        assert_in_range(many_steps(&many, "a a a a a a a a a a a a a a a 17 ", 300), 4800,
                        9600);
        assert_int_equal(many.rules->n_places, 0);
        many_steps(&many, "a a a a a a a a a a a a a a a a 17 ", 3);
        assert_int_equal(many.rules->n_places, 3);
        many_close(&many);
}

static void of_what_was_said_no_more_is_kept_than_a_phrase_needs(void **state) {
        struct row row = {.stream = (char[]){"kitchen"}, .text = (char[]){"a a"}};
        struct many many;

        (void)state;
        many_open(&many, phrase_alike);
        for (int i = 0; i < 100; i++) {
                alert_rules_find(many.rules, many.stream, &row, many.hears);
                alert_stream_keep(many.stream, FOLD_BLANK,
                                  phrases_longest(many.rules->phrases));
        }
        assert_int_equal(many.stream->n_tokens, 16);
        assert_int_equal(many.stream->n_pieces, 8);
        many_close(&many);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ten_thousand_words_cost_one_look_up_for_each_of_the_texts),
                cmocka_unit_test(phrases_that_begin_alike_cost_two_for_each),
                cmocka_unit_test(of_what_was_said_no_more_is_kept_than_a_phrase_needs),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
