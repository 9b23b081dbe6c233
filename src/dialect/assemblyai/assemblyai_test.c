// AssemblyAI's streaming API: what is asked for, and what its strict clients are told.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/assemblyai/messages.h"
#include "dialect/assemblyai/wish.h"
#include "util/mem.h"

static void a_query_is_read(void **state) {
        struct assemblyai_wish wish;
        struct error error;

        (void)state;
        assert_int_equal(assemblyai_wish_read(
                                 &wish,
                                 "sample_rate=8000&encoding=pcm_mulaw&format_turns=True&"
                                 "keyterms_prompt=%5B%22Ada%22%2C+%22Grace+Hopper%22%5D&"
                                 "language=en-US&min_turn_silence=300&max_turn_silence=2000&"
                                 "speech_model=u3&prompt=a+b&token=s3cret&nobody_knows=1",
                                 &error),
                         0);
        assert_int_equal(wish.rate, 8000);
        assert_int_equal(wish.format, PCM_MULAW);
        assert_true(wish.formats_turns);
        assert_string_equal(wish.options.hotwords, "Ada Grace Hopper");
        assert_string_equal(wish.options.prompt, "a b");
        assert_string_equal(wish.options.language, "en");
        assert_float_equal(wish.options.pause, 0.3, 1e-6);
        assert_float_equal(wish.options.window_max, ASSEMBLYAI_WINDOW, 1e-6);
        assemblyai_wish_deinit(&wish);
        assert_int_equal(assemblyai_wish_read(&wish, "", &error), 0);
        assert_int_equal(wish.rate, ASSEMBLYAI_RATE);
        assert_false(wish.formats_turns);
        assemblyai_wish_deinit(&wish);
}

// A prompt is no JSON, whatever it looks like; of several languages any may be spoken.
static void texts_and_lists_are_told_apart(void **state) {
        static const char *const prompts[] = {"42", "true", "[noise] in it", "[1]"};
        struct assemblyai_wish wish;
        struct error error;

        (void)state;
        for (size_t i = 0; i < sizeof(prompts) / sizeof(prompts[0]); i++) {
                CLEANUP(mem_freep) char *query = xasprintf("prompt=%s", prompts[i]);

                assert_int_equal(assemblyai_wish_read(&wish, query, &error), 0);
                assert_string_equal(wish.options.prompt, prompts[i]);
                assemblyai_wish_deinit(&wish);
        }
        assert_int_equal(
                assemblyai_wish_read(&wish, "language_codes=%5B%22de%22,%22en%22%5D", &error),
                0);
        assert_string_equal(wish.options.language, "");
        assemblyai_wish_deinit(&wish);
}

static void mistakes_are_named(void **state) {
        static const char *const cases[][2] = {
                {"sample_rate=0", "sample_rate"},
                {"sample_rate=1000000000", "sample_rate"},
                {"sample_rate=x", "sample_rate"},
                {"sample_rate=16000.5", "sample_rate"},
                {"encoding=opus", "encoding"},
                {"keyterms_prompt=[1]", "keyterms_prompt"},
                {"keyterms_prompt=[", "keyterms_prompt"},
                {"language=klingon", "klingon"},
                {"prompt=%ff", "prompt"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct assemblyai_wish wish;
                struct error error = {0};

                assert_true(assemblyai_wish_read(&wish, cases[i][0], &error) < 0);
                if (!strstr(error.text, cases[i][1]))
                        fail_msg("%s: %s", cases[i][0], error.text);
                assemblyai_wish_deinit(&wish);
        }
}

static void an_update_changes_all_or_nothing(void **state) {
        struct assemblyai_wish wish;
        struct error error;
        json_t *good = json_loads("{\"type\":\"UpdateConfiguration\",\"keyterms_prompt\":"
                                  "[\"x\"],\"max_turn_silence\":900,\"sample_rate\":8000,"
                                  "\"prompt\":null}",
                                  0, NULL);
        json_t *bad = json_loads("{\"max_turn_silence\":400,\"keyterms_prompt\":7}", 0, NULL);

        (void)state;
        assert_int_equal(assemblyai_wish_read(&wish, "prompt=before", &error), 0);
        assert_int_equal(assemblyai_wish_update(&wish, good, &error), 0);
        assert_string_equal(wish.options.hotwords, "x");
        assert_string_equal(wish.options.prompt, "before");
        assert_int_equal(wish.rate, ASSEMBLYAI_RATE);  // of the sound that comes already
        assert_true(assemblyai_wish_update(&wish, bad, &error) < 0);
        assert_float_equal(wish.options.pause, 0.9, 1e-6);
        assemblyai_wish_deinit(&wish);
        json_decref(good);
        json_decref(bad);
}

static void turns_have_whole_milliseconds(void **state) {
        char texts[2][8] = {" Hel", " lo."};
        struct hypothesis_word heard[] = {{16000, 24008, texts[0], 0.5F},
                                          {24008, 55680, texts[1], 1}};
        const struct segment final = {.end = 55680,
                                      .text = (char[]){" Hel lo."},
                                      .is_final = true,
                                      .words = heard,
                                      .n_words = 2};
        const struct segment tail = {.begin = 64000, .end = 96000, .text = (char[]){" a b"}};
        struct assemblyai_words finals = {0}, rest = {0};
        struct assemblyai_turn turn = {
                .order = 3, .transcript = "Hel lo.", .finals = &finals, .tail = &rest};
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        assemblyai_words_add(&finals, &final, true, 16000);
        assemblyai_words_add(&rest, &tail, false, 0);
        text = assemblyai_encode_turn(&turn);
        assert_string_equal(
                text,
                "{\"type\":\"Turn\",\"turn_order\":3,\"turn_is_formatted\":false,"
                "\"end_of_turn\":false,\"transcript\":\"Hel lo.\",\"end_of_turn_confidence\":"
                "0.0,\"words\":[{\"start\":2000,\"end\":2500,\"text\":\"Hel\",\"confidence\":"
                "0.5,\"word_is_final\":true},{\"start\":2500,\"end\":4480,\"text\":\"lo.\","
                "\"confidence\":1.0,\"word_is_final\":true},{\"start\":4500,\"end\":5000,"
                "\"text\":\"a\",\"confidence\":0.5,\"word_is_final\":false},{\"start\":5500,"
                "\"end\":6000,\"text\":\"b\",\"confidence\":0.5,\"word_is_final\":false}]}");
        assemblyai_words_clear(&finals);
        assemblyai_words_clear(&rest);
}

static void what_the_model_takes_apart_at_a_sign_is_one_word(void **state) {
        char number[] = " 13", thousands[] = ",000";
        struct hypothesis_word heard[] = {{0, 8000, number, 1}, {8000, 16000, thousands, 0.5F}};
        const struct segment final = {.words = heard, .n_words = 2};
        struct assemblyai_words words = {0};
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        assemblyai_words_add(&words, &final, true, 0);
        assert_int_equal(words.n, 1);
        text = json_dumps(words.list, JSON_COMPACT);
        assert_string_equal(text, "[{\"start\":0,\"end\":1000,\"text\":\"13,000\","
                                  "\"confidence\":0.5,\"word_is_final\":true}]");
        assemblyai_words_clear(&words);
}

static void messages_are_known_by_their_type(void **state) {
        enum assemblyai_command command;
        json_t *message;
        struct error error;

        (void)state;
        assert_int_equal(assemblyai_command_read(&command, &message, "{\"type\":\"Terminate\"}",
                                                 20, &error),
                         0);
        assert_int_equal(command, ASSEMBLYAI_TERMINATE);
        json_decref(message);
        assert_true(assemblyai_command_read(&command, &message, "{\"type\":1}", 10, &error) <
                    0);
        assert_null(message);
        assert_true(assemblyai_command_read(&command, &message, "[]", 2, &error) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_query_is_read),
                cmocka_unit_test(texts_and_lists_are_told_apart),
                cmocka_unit_test(mistakes_are_named),
                cmocka_unit_test(an_update_changes_all_or_nothing),
                cmocka_unit_test(turns_have_whole_milliseconds),
                cmocka_unit_test(what_the_model_takes_apart_at_a_sign_is_one_word),
                cmocka_unit_test(messages_are_known_by_their_type),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
