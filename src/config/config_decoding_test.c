// Guards and decoding options in a configuration.
#include "config/config.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "util/mem.h"

static void test_filters_have_limits(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config = rig_parse_config("filters:\n"
                                                 "  repetition: 12\n"
                                                 "  words_per_second: off\n");
        CLEANUP(config_freep)
        struct config *off = rig_parse_config("filters: {words_per_second: off}\n");

        assert_true(config->defaults.decoding.repetition_max == 12);
        assert_true(isinf(config->defaults.filters.words_per_second_max));
        assert_true(off->defaults.decoding.repetition_max ==
                    decode_options_default().repetition_max);
}

static void test_filters_out_of_range(void **state) {
        (void)state;
        rig_expect_refused(
                "filters: {repetition: 1, words_per_second: nan}\n",
                "bad.yaml:1:23: filters.repetition: \"1\" is not a number from 2 to 100, "
                "or off\n"
                "bad.yaml:1:44: filters.words_per_second: \"nan\" is not a number from 1 "
                "to 100, or off\n");
        rig_expect_refused("filters: {repetitions: 3}\n",
                           "bad.yaml:1:11: filters.repetitions: unknown key; did you mean "
                           "\"repetition\"?\n");
        rig_expect_refused(
                "filters: off\n",
                "bad.yaml:1:10: filters: expected a mapping with the "
                "keys repetition and words_per_second, but this is a single value\n");
}

static void test_decoding_options(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config = rig_parse_config(
                "streams:\n"
                "  a:\n"
                "    url: rtsp://h/a\n"
                "    prompt: of the stream\n"
                "    decoding: {beam_size: 7, hotwords: [x, y z],\n"
                "               suppress_tokens: [], log_prob_threshold: off}\n"
                "decoding:\n"
                "  beam_size: 5\n"
                "  temperature: [0, 0.5]\n"
                "  suppress_tokens: [-1, 42]\n"
                "  initial_prompt: of the server\n"
                "  without_timestamps: false\n");
        struct decode_options options = decode_options_copy(&config->defaults.decoding);

        assert_int_equal(options.beam_size, 5);
        assert_int_equal(options.n_temperatures, 2);
        assert_true(options.temperatures[1] == 0.5f);
        assert_int_equal(options.n_suppress_tokens, 2);
        assert_int_equal(options.suppress_tokens[1], 42);
        assert_string_equal(options.prompt, "of the server");
        assert_int_equal(options.without_timestamps, DECODE_NO);
        assert_int_equal(options.word_timestamps, DECODE_UNSET);

        decode_options_deinit(&options);

        options = decode_options_copy(&rig_defaults(config, 0)->decoding);
        assert_int_equal(options.beam_size, 7);
        assert_int_equal(options.n_temperatures, 2);
        assert_int_equal(options.n_suppress_tokens, 0);
        assert_string_equal(options.hotwords, "x y z");
        assert_true(options.log_prob_threshold == -INFINITY);
        decode_options_deinit(&options);
}

static void test_decoding_mistakes(void **state) {
        (void)state;
        rig_expect_refused(
                "decoding: {beam_size: 33, beamsize: 3, patience: off, patience: 1}\n",
                "bad.yaml:1:23: decoding.beam_size: \"33\" is not a whole number from 0 to "
                "32\n"
                "bad.yaml:1:27: decoding.beamsize: unknown key; did you mean "
                "\"beam_size\"?\n"
                "bad.yaml:1:50: decoding.patience: \"off\" is not a number from 0.01 to "
                "100\n"
                "bad.yaml:1:55: decoding.patience: already given at line 1\n");
        rig_expect_refused(
                "streams: {a: {url: 'rtsp://h/a', decoding: {temperature: [0, b]}}}\n",
                "bad.yaml:1:58: streams.a.decoding.temperature: wrong list; expected up to 8 "
                "numbers from 0 to 10 with commas between them\n");
        rig_expect_refused(
                "decoding: 5\n",
                "bad.yaml:1:11: decoding: expected a mapping with keys such as beam_size, "
                "but this is a single value\n");
}

// A stream's prompt and hotwords have two names each. What the server's section says is another
// value, which a stream's goes over.
static void test_a_thing_is_given_under_one_name(void **state) {
        (void)state;
        rig_expect_refused(
                "streams:\n"
                "  a:\n"
                "    url: rtsp://h/a\n"
                "    prompt: one\n"
                "    decoding: {hotwords: x, initial_prompt: two}\n"
                "    hotwords: [y]\n"
                "  b: {url: rtsp://h/b, prompt: three, hotwords: z}\n"
                "decoding: {initial_prompt: of the server, hotwords: w}\n",
                "bad.yaml:5:45: streams.a.decoding.initial_prompt: already given as prompt, "
                "which is another name for it: leave one of the two out\n"
                "bad.yaml:6:15: streams.a.hotwords: already given as decoding.hotwords, which "
                "is another name for it: leave one of the two out\n");
}

static void test_decoding_is_overridden(void **state) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct config_mistakes mistakes = {0};

        (void)state;
        rig_set_variable("EAVESDROP_DECODING_BEAM_SIZE", "4");
        assert_int_equal(config_load(&config, NULL, &mistakes), 0);
        assert_int_equal(config->defaults.decoding.beam_size, 4);
        assert_int_equal(
                config_override(config, "decoding.beam_size", "6", "--beam-size", &mistakes),
                0);
        assert_int_equal(config->defaults.decoding.beam_size, 6);
        assert_int_equal(
                config_override(config, "decoding.beam_size", "x", "--beam-size", &mistakes),
                -EINVAL);
        assert_int_equal(mistakes.n, 1);
        assert_string_equal(mistakes.items[0].key, "--beam-size");
        config_mistakes_deinit(&mistakes);
        rig_set_variable("EAVESDROP_DECODING_BEAM_SIZE", NULL);
}

// One limit for a prompt and its like, wherever it is said.
static void test_texts_have_one_limit(void **state) {
        static const struct {
                const char *before, *after;
                size_t n_around;  // of the text that is not ours: a list's blank and last word
        } places[] = {
                {"streams: {a: {url: rtsp://h/a, prompt: ", "}}\n", 0},
                {"streams: {a: {url: rtsp://h/a, hotwords: ", "}}\n", 0},
                {"streams: {a: {url: rtsp://h/a, hotwords: [", ", b]}}\n", 2},
                {"streams: {a: {url: rtsp://h/a, decoding: {initial_prompt: ", "}}}\n", 0},
                {"decoding: {hotwords: ", "}\n", 0},
                {"decoding: {prefix: ", "}\n", 0},
        };
        char text[DECODE_TEXT_MAX + 2];

        (void)state;
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
                CLEANUP(mem_freep) char *good = NULL, *bad = NULL, *told = NULL;

                memset(text, 'a', sizeof(text));
                text[DECODE_TEXT_MAX - places[i].n_around] = '\0';
                good = xasprintf("%s%s%s", places[i].before, text, places[i].after);
                config_free(rig_parse_config(good));
                bad = xasprintf("%s%sa%s", places[i].before, text, places[i].after);
                told = rig_refuse_config(bad, strlen(bad));
                assert_non_null(strstr(told, "16384"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_filters_have_limits),
                cmocka_unit_test(test_filters_out_of_range),
                cmocka_unit_test(test_decoding_options),
                cmocka_unit_test(test_decoding_mistakes),
                cmocka_unit_test(test_a_thing_is_given_under_one_name),
                cmocka_unit_test(test_texts_have_one_limit),
                cmocka_unit_test(test_decoding_is_overridden),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
