// What clients wish, as their services write it.
#include "dialect/client_options.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/json_text.h"
#include "util/mem.h"

static void languages_are_written_in_many_ways(void **state) {
        static const char *const cases[][2] = {
                {"en", "en"},  {"en-US", "en"}, {"English", "en"}, {"auto", ""},
                {"multi", ""}, {"Multi", ""},   {"zh_Hant", "zh"},
        };
        struct client_options options = {0};
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(client_options_set_language(&options, cases[i][0], &error), 0);
                assert_string_equal(options.language, cases[i][1]);
        }
        assert_true(client_options_set_language(&options, "klingon", &error) < 0);
        assert_non_null(strstr(error.text, "klingon"));
        assert_string_equal(options.language, "zh");  // as it was
        assert_int_equal(client_options_set_language(&options, "", &error), 0);
        assert_null(options.language);
}

static void texts_are_limited_and_utf8(void **state) {
        struct client_options options = {0};
        CLEANUP(mem_freep) char *longest = xcalloc(DECODE_TEXT_MAX + 2, 1);
        struct error error;

        (void)state;
        memset(longest, 'x', DECODE_TEXT_MAX);
        assert_int_equal(client_options_set_prompt(&options, longest, &error), 0);
        longest[DECODE_TEXT_MAX] = 'x';
        assert_true(client_options_set_prompt(&options, longest, &error) < 0);
        assert_int_equal(strlen(options.prompt), DECODE_TEXT_MAX);
        assert_true(client_options_set_prompt(&options, "\xff", &error) < 0);
        assert_int_equal(client_options_set_prompt(&options, "", &error), 0);
        assert_null(options.prompt);

        assert_int_equal(client_options_add_hotword(&options, "Ada", &error), 0);
        assert_int_equal(client_options_add_hotword(&options, "", &error), 0);
        assert_int_equal(client_options_add_hotword(&options, "Grace Hopper", &error), 0);
        assert_string_equal(options.hotwords, "Ada Grace Hopper");
        longest[DECODE_TEXT_MAX - 5] = '\0';
        assert_true(client_options_add_hotword(&options, longest, &error) < 0);
        assert_true(client_options_add_hotword(&options, "\xc3", &error) < 0);
        assert_string_equal(options.hotwords, "Ada Grace Hopper");
        client_options_clear_hotwords(&options);
        assert_null(options.hotwords);
        client_options_deinit(&options);
}

static void numbers_are_brought_into_their_limits(void **state) {
        struct client_options options = {0};

        (void)state;
        client_options_set_pause(&options, 10);
        assert_float_equal(options.pause, HEARING_PAUSE_MIN, 1e-6);
        client_options_set_pause(&options, 500);
        assert_float_equal(options.pause, 0.5, 1e-6);
        client_options_set_pause(&options, 1e300);
        assert_float_equal(options.pause, HEARING_PAUSE_MAX, 1e-6);
        client_options_set_pause(&options, NAN);
        assert_float_equal(options.pause, 0, 1e-6);
        client_options_set_pause(&options, -3);
        assert_float_equal(options.pause, 0, 1e-6);
        client_options_set_window(&options, 8);
        assert_float_equal(options.window_max, 8, 1e-6);
        client_options_set_window(&options, INFINITY);
        assert_float_equal(options.window_max, HEARING_WINDOW_MAX, 1e-6);
}

static void the_request_has_what_was_said(void **state) {
        struct client_options options = {.wants_words = true};
        struct request request = {.language = "de", .pause = 0.6F, .wants_partials = true};
        struct error error;

        (void)state;
        client_options_apply(&options, &request);
        assert_string_equal(request.language, "de");
        assert_float_equal(request.pause, 0.6, 1e-6);
        assert_true(request.has_word_times && request.wants_partials);
        assert_int_equal(client_options_set_language(&options, "fr", &error), 0);
        assert_int_equal(client_options_set_prompt(&options, "before", &error), 0);
        assert_int_equal(client_options_add_hotword(&options, "Ada", &error), 0);
        client_options_set_pause(&options, 1000);
        client_options_set_window(&options, 8);
        client_options_apply(&options, &request);
        assert_string_equal(request.language, "fr");
        assert_string_equal(request.prompt, "before");
        assert_string_equal(request.hotwords, "Ada");
        assert_float_equal(request.pause, 1, 1e-6);
        assert_float_equal(request.window_max, 8, 1e-6);
        client_options_deinit(&options);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(languages_are_written_in_many_ways),
                cmocka_unit_test(texts_are_limited_and_utf8),
                cmocka_unit_test(numbers_are_brought_into_their_limits),
                cmocka_unit_test(the_request_has_what_was_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
