#include "cli/cli_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct option_entry entries[] = {
        {"no-vad", NULL, "a switch of the verb's own", NULL, 0},
        {0},
};

static const struct options_verb verb = {.name = "verb", .about = "", .entries = entries};

// Parse a command line without quotes. The values live until the next call.
static void parse(struct cli_options *ret, const char *line) {
        static char text[128];
        static char *words[8];
        char *rest = text;
        int n = 0;

        snprintf(text, sizeof(text), "%s", line);
        while (n < 7 && (words[n] = strsep(&rest, " ")))
                n++;
        assert_int_equal(cli_options_parse(ret, &verb, SETTING_TRANSCRIBE, n, words), -1);
}

static void options_override_the_configuration(void **state) {
        struct config *config = NULL;
        struct cli_options options;

        (void)state;
        parse(&options, "verb --threads 3 --language de --no-vad");
        assert_int_equal(cli_options_config(&config, &options, NULL), 0);
        assert_int_equal(config->threads, 3);
        assert_string_equal(config->defaults.decoding.language, "de");
        config_free(config);
}

static void what_is_wrong_with_them_is_told(void **state) {
        struct config *config = NULL;
        struct cli_options options;

        (void)state;
        parse(&options, "verb --threads many --language klingon");
        assert_true(cli_options_config(&config, &options, NULL) < 0);
        assert_null(config);
}

static void a_thing_is_given_under_one_name(void **state) {
        struct config *config = NULL;
        struct cli_options options;

        (void)state;
        parse(&options, "verb --prompt one --initial-prompt two");
        assert_true(cli_options_config(&config, &options, NULL) < 0);
        assert_null(config);
        parse(&options, "verb --initial-prompt two");
        assert_int_equal(cli_options_config(&config, &options, NULL), 0);
        assert_string_equal(config->defaults.decoding.prompt, "two");
        config_free(config);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(options_override_the_configuration),
                cmocka_unit_test(what_is_wrong_with_them_is_told),
                cmocka_unit_test(a_thing_is_given_under_one_name),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
