// The table of decoding options: what each takes, refuses, and says about itself.
#include "decode/option_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

static bool set(struct decode_options *options, const char *name, const char *value) {
        const struct decode_option *option = decode_option_find(name);

        assert_non_null(option);
        return decode_option_set(option, options, value);
}

static void test_every_number_is_held_to_its_words(void **state) {
        (void)state;
        for (const struct decode_option *option = decode_option_table; option->name; option++) {
                struct decode_options options = decode_options_default();
                char text[64];

                if (option->kind != DECODE_OPTION_COUNT && option->kind != DECODE_OPTION_NUMBER)
                        continue;
                // The range that is told is the range that is checked.
                snprintf(text, sizeof(text), "number from %g to %g", option->least,
                         option->most);
                assert_non_null(strstr(option->expected, text));
                snprintf(text, sizeof(text), "%g", option->least);
                assert_true(decode_option_set(option, &options, text));
                snprintf(text, sizeof(text), "%g", option->most);
                assert_true(decode_option_set(option, &options, text));
                snprintf(text, sizeof(text), "%g", option->least - 1);
                assert_false(decode_option_set(option, &options, text));
                snprintf(text, sizeof(text), "%g", option->most + 1);
                assert_false(decode_option_set(option, &options, text));
                assert_int_equal(decode_option_set(option, &options, "off"), option->off != 0);
                assert_int_equal(strstr(option->expected, "or off") != NULL, option->off != 0);
        }
}

static void test_what_is_no_number_is_refused(void **state) {
        static const char *const bad[] = {"",    "x",   "1x",  "nan", "inf", "0x1",
                                          "1e0", "1.5", "--1", "1,2", " 1",  "1 "};
        struct decode_options options = decode_options_default();

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(set(&options, "best_of", bad[i]));
        assert_int_equal(options.best_of, 5);
        assert_true(set(&options, "patience", "1.5"));
        assert_float_equal(options.patience, 1.5f, 0);
}

static void test_lists(void **state) {
        struct decode_options options = decode_options_default();

        (void)state;
        assert_true(set(&options, "temperature", "0"));
        assert_int_equal(options.n_temperatures, 1);
        assert_true(set(&options, "temperature", "0, 0.4,1"));
        assert_int_equal(options.n_temperatures, 3);
        assert_float_equal(options.temperatures[1], 0.4f, 0);
        assert_false(set(&options, "temperature", ""));
        assert_false(set(&options, "temperature", "0,,1"));
        assert_false(set(&options, "temperature", "0,1,"));
        assert_false(set(&options, "temperature", "0,0,0,0,0,0,0,0,0"));
        assert_int_equal(options.n_temperatures, 3);
        assert_true(set(&options, "suppress_tokens", "-1,7"));
        assert_int_equal(options.n_suppress_tokens, 2);
        assert_int_equal(options.suppress_tokens[1], 7);
        assert_false(set(&options, "suppress_tokens", "7,-2"));
        assert_false(set(&options, "suppress_tokens", "1.0"));
        assert_true(set(&options, "suppress_tokens", ""));
        assert_int_equal(options.n_suppress_tokens, 0);
}

static void test_switches_and_texts(void **state) {
        struct decode_options options = decode_options_default();
        CLEANUP(mem_freep) char *long_one = xcalloc(20000, 1);

        (void)state;
        memset(long_one, 'x', 19999);
        assert_true(set(&options, "suppress_blank", "false"));
        assert_false(options.suppress_blank);
        assert_false(set(&options, "suppress_blank", "no"));
        assert_int_equal(options.word_timestamps, DECODE_UNSET);
        assert_true(set(&options, "word_timestamps", "true"));
        assert_int_equal(options.word_timestamps, DECODE_YES);
        assert_true(set(&options, "word_timestamps", "false"));
        assert_int_equal(options.word_timestamps, DECODE_NO);
        assert_true(set(&options, "initial_prompt", "one"));
        assert_true(set(&options, "initial_prompt", "two"));
        assert_false(set(&options, "initial_prompt", long_one));
        assert_string_equal(options.prompt, "two");
        decode_options_deinit(&options);
}

static void test_wishes_go_over_what_is_there(void **state) {
        struct decode_options options = decode_options_default();
        struct decode_wishes wishes = {0};

        (void)state;
        decode_wishes_add(&wishes, decode_option_find("beam_size"), "3");
        decode_wishes_add(&wishes, decode_option_find("prefix"), "So");
        set(&options, "beam_size", "9");
        set(&options, "patience", "2");
        decode_wishes_apply(&wishes, &options);
        assert_int_equal(options.beam_size, 3);
        assert_float_equal(options.patience, 2, 0);
        assert_string_equal(options.prefix, "So");
        decode_wishes_deinit(&wishes);
        assert_int_equal(wishes.n, 0);
        decode_options_deinit(&options);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_number_is_held_to_its_words),
                cmocka_unit_test(test_what_is_no_number_is_refused),
                cmocka_unit_test(test_lists),
                cmocka_unit_test(test_switches_and_texts),
                cmocka_unit_test(test_wishes_go_over_what_is_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
