#include "util/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/complaint.h"

static const struct option_entry entries[] = {
        {"config", "FILE", "a file", NULL, 'c'},
        {"threads", "N", "cores", "threads", 0},
        {"language", "CODE", "a language", "language", 0},
        {"no-vad", NULL, "a switch", NULL, 0},
        {0},
};

static const struct options_verb with_operands = {"verb", "FILE...", "About.\n", entries};
static const struct options_verb without_operands = {"verb", NULL, "About.\n", entries};

// Parse a command line without quotes. The values live until the next call.
static int parse(struct options *ret, const struct options_verb *verb, const char *line) {
        static char text[256];
        static char *words[16];
        char *rest = text, *word;
        int n = 0;

        snprintf(text, sizeof(text), "%s", line);
        while ((word = strsep(&rest, " ")) && n < 15)
                words[n++] = word;
        words[n] = NULL;
        return options_parse(ret, verb, n, words);
}

static void test_values_switches_and_operands(void **state) {
        struct options options;

        (void)state;
        assert_int_equal(parse(&options, &with_operands,
                               "verb a.wav -c x.yaml --no-vad --threads=3 b.wav -- --language"),
                         -1);
        assert_string_equal(options_get(&options, "config"), "x.yaml");
        assert_string_equal(options_get(&options, "threads"), "3");
        assert_string_equal(options_get(&options, "no-vad"), "");
        assert_null(options_get(&options, "language"));
        assert_null(options_get(&options, "nothing"));
        assert_int_equal(options.n_operands, 3);
        assert_string_equal(options.operands[0], "a.wav");
        assert_string_equal(options.operands[2], "--language");
}

static void test_an_option_given_several_times(void **state) {
        struct options options;
        size_t at = 0;

        (void)state;
        assert_int_equal(parse(&options, &with_operands,
                               "verb --language de -c a --language=en --no-vad --language fr"),
                         -1);
        assert_string_equal(options_get(&options, "language"), "fr");
        assert_string_equal(options_next(&options, "language", &at), "de");
        assert_string_equal(options_next(&options, "language", &at), "en");
        assert_string_equal(options_next(&options, "language", &at), "fr");
        assert_null(options_next(&options, "language", &at));
        at = 0;
        assert_null(options_next(&options, "threads", &at));
}

static void test_more_options_than_there_is_room_for(void **state) {
        static char verb[] = "verb", no_vad[] = "--no-vad";
        static char *words[OPTIONS_GIVEN_MAX + 3];
        struct options options;

        (void)state;
        for (size_t i = 0; i < OPTIONS_GIVEN_MAX + 2; i++)
                words[i] = i ? no_vad : verb;
        assert_int_equal(options_parse(&options, &with_operands, OPTIONS_GIVEN_MAX + 1, words),
                         -1);
        assert_int_equal(options_parse(&options, &with_operands, OPTIONS_GIVEN_MAX + 2, words),
                         EXIT_USAGE);
}

static void test_mistakes(void **state) {
        struct options options;

        (void)state;
        assert_int_equal(parse(&options, &with_operands, "verb --langauge de"), EXIT_USAGE);
        assert_int_equal(parse(&options, &with_operands, "verb -x"), EXIT_USAGE);
        assert_int_equal(parse(&options, &with_operands, "verb --config"), EXIT_USAGE);
        assert_int_equal(parse(&options, &with_operands, "verb --no-vad=1"), EXIT_USAGE);
        assert_int_equal(parse(&options, &without_operands, "verb a.wav"), EXIT_USAGE);
        assert_int_equal(parse(&options, &with_operands, "verb --help"), EXIT_OK);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values_switches_and_operands),
                cmocka_unit_test(test_an_option_given_several_times),
                cmocka_unit_test(test_more_options_than_there_is_room_for),
                cmocka_unit_test(test_mistakes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
