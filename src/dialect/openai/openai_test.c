// Fields of forms, and answers, of OpenAI's API and of whisper.cpp's server.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "dialect/openai/answer.h"
#include "dialect/openai/wish.h"
#include "util/mem.h"

// --- what is wished --------------------------------------------------------------------------

static void set(struct openai_wish *wish, const char *name, const char *value) {
        struct error error = {0};

        if (openai_wish_set(wish, name, value, &error) < 0)
                fail_msg("%s=%s: %s", name, value, error.text);
}

static void what_stock_clients_send_is_understood(void **state) {
        CLEANUP(openai_wish_deinit) struct openai_wish wish = {0};
        struct request request = {0};

        (void)state;
        set(&wish, "model", "whisper-1");
        set(&wish, "response_format", "verbose_json");
        set(&wish, "timestamp_granularities[]", "word");
        set(&wish, "timestamp_granularities[]", "segment");
        set(&wish, "language", "en");
        set(&wish, "prompt", "Sonnets.");
        set(&wish, "keywords[]", "thee");
        set(&wish, "keywords[]", "thou art");
        set(&wish, "temperature", "0.2");
        set(&wish, "stream", "true");
        set(&wish, "include[]", "logprobs");
        set(&wish, "chunking_strategy[type]", "server_vad");
        set(&wish, "vad_filter", "true");
        assert_int_equal(wish.format, OPENAI_VERBOSE);
        assert_true(wish.options.wants_words && wish.wants_segments && wish.streams);
        openai_wish_request(&wish, &request);
        assert_string_equal(request.language, "en");
        assert_string_equal(request.prompt, "Sonnets.");
        assert_string_equal(request.hotwords, "thee thou art");
        assert_float_equal(request.temperature, 0.2, 1e-6);
        assert_true(request.has_word_times && request.window_early > 0);
}

static void lists_come_without_brackets_too(void **state) {
        CLEANUP(openai_wish_deinit) struct openai_wish wish = {0};
        CLEANUP(openai_wish_deinit) struct openai_wish other = {0};

        (void)state;
        set(&wish, "timestamp_granularities", "word,segment");
        assert_true(wish.options.wants_words && wish.wants_segments);
        set(&other, "timestamp_granularities", "[\"word\"]");
        assert_true(other.options.wants_words && !other.wants_segments);
        set(&other, "languages[]", "de");
        assert_string_equal(other.options.language, "de");
        set(&other, "languages[]", "French");  // either: it is detected which
        assert_string_equal(other.options.language, "");
}

static void what_is_empty_is_absent(void **state) {
        static const char *const names[] = {"language", "prompt", "hotwords", "stream",
                                            "to_language"};
        CLEANUP(openai_wish_deinit) struct openai_wish wish = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                set(&wish, names[i], "");
        assert_null(wish.options.language);
        assert_null(wish.options.prompt);
        assert_null(wish.options.hotwords);
        assert_false(wish.streams);
}

static void what_cannot_be_had_is_refused_by_name(void **state) {
        static const struct {
                const char *name, *value, *words;
        } wrong[] = {
                {"response_format", "diarized_json", "speakers"},
                {"response_format", "yaml", "'yaml'"},
                {"language", "klingonese", "language"},
                {"languages[]", "xx", "language"},
                {"temperature", "1.5", "from 0 to 1"},
                {"temperature", "warm", "number"},
                {"temperature", "nan", "number"},
                {"stream", "perhaps", "true or false"},
                {"timestamp_granularities[]", "letter", "'letter'"},
                {"diarization", "true", "speakers"},
                {"to_language", "de", "English"},
                {"prompt", "\xff", "UTF-8"},
                {"n", "1e9", "number"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                CLEANUP(openai_wish_deinit) struct openai_wish wish = {0};
                struct error error = {0};

                assert_true(openai_wish_set(&wish, wrong[i].name, wrong[i].value, &error) < 0);
                if (!strstr(error.text, wrong[i].words))
                        fail_msg("%s: %s", wrong[i].name, error.text);
        }
}

static void what_does_not_go_together_is_refused(void **state) {
        struct openai_wish subtitles = {.streams = true, .format = OPENAI_SRT};
        struct openai_wish words = {.is_translation = true, .options.wants_words = true};
        struct error error;
        const char *name;

        (void)state;
        assert_true(openai_wish_check(&subtitles, &name, &error) < 0);
        assert_string_equal(name, "stream");
        assert_true(openai_wish_check(&words, &name, &error) < 0);
        assert_string_equal(name, "timestamp_granularities");
        subtitles.format = OPENAI_VERBOSE;
        assert_int_equal(openai_wish_check(&subtitles, &name, &error), 0);
}

static void beams_are_searched_as_either_server_is_asked(void **state) {
        CLEANUP(openai_wish_deinit) struct openai_wish wish = {0};
        struct request request = {0};

        (void)state;
        set(&wish, "n", "3");  // of vLLM, which counts only with the next
        openai_wish_request(&wish, &request);
        assert_int_equal(request.beam_size, 0);
        set(&wish, "use_beam_search", "True");
        openai_wish_request(&wish, &request);
        assert_int_equal(request.beam_size, 3);
        set(&wish, "use_beam_search", "0");
        set(&wish, "beam_size", "900");
        openai_wish_request(&wish, &request);
        assert_int_equal(request.beam_size, DECODE_WIDTH_MAX);
}

static void whispercpp_has_other_fields(void **state) {
        static const char *const fields[][2] = {
                {"response_format", "anything"},
                {"language", "auto"},
                {"translate", "1"},
                {"beam_size", "-1"},
                {"offset_t", "0"},
                {"max_len", "12"},
                {"temperature_inc", "0.2"},
        };
        CLEANUP(openai_wish_deinit) struct openai_wish wish = {0};
        struct error error = {0};

        (void)state;
        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                assert_int_equal(
                        openai_wish_set_whispercpp(&wish, fields[i][0], fields[i][1], &error),
                        0);
        assert_int_equal(wish.format, OPENAI_JSON);
        assert_string_equal(wish.options.language, "");
        assert_true(wish.is_translation);
        assert_int_equal(wish.beam_size, 0);
        assert_true(openai_wish_set_whispercpp(&wish, "offset_t", "500", &error) < 0);
        assert_non_null(strstr(error.text, "part"));
}

// --- answers ---------------------------------------------------------------------------------

static char hello[] = " Hello", there[] = " there.", greeting[] = " Hello there.",
            quoted[] = " \"So & <so>\"";
static struct hypothesis_word said[] = {{0, 8000, hello, 0.9f}, {8000, 16000, there, 0.8f}};
static int32_t said_tokens[] = {2425, 456, 13};
static struct segment segments[] = {
        {.begin = 0,
         .end = 16000,
         .text = greeting,
         .tokens = said_tokens,
         .n_tokens = 3,
         .words = said,
         .n_words = 2,
         .avg_logprob = -0.25f,
         .temperature = 0.2f},
        {.begin = 24000, .end = 40000, .text = quoted},
};
static const struct openai_told told = {segments, 2, "en", 0.75f, 40001};
static const struct openai_told nothing = {.language = "", .n_samples = 16000};

static json_t *answer_json(const struct openai_wish *wish, const struct openai_told *of) {
        const char *type;
        CLEANUP(mem_freep) char *text = openai_answer(wish, of, &type);
        json_t *json = json_loads(text, 0, NULL);

        assert_string_equal(type, "application/json");
        assert_non_null(json);
        return json;
}

static const char *text_at(const json_t *json, const char *key) {
        return json_string_value(json_object_get(json, key));
}

static void json_has_the_text_and_what_it_cost(void **state) {
        json_t *json = answer_json(&(struct openai_wish){0}, &told);
        json_t *usage = json_object_get(json, "usage");

        (void)state;
        assert_string_equal(text_at(json, "text"), "Hello there. \"So & <so>\"");
        assert_string_equal(text_at(usage, "type"), "duration");
        assert_int_equal(json_integer_value(json_object_get(usage, "seconds")), 3);
        json_decref(json);
}

static void verbose_json_has_segments_unless_words_were_asked_for(void **state) {
        struct openai_wish wish = {.format = OPENAI_VERBOSE};
        json_t *json = answer_json(&wish, &told), *first, *word;

        (void)state;
        assert_string_equal(text_at(json, "language"), "english");
        assert_string_equal(text_at(json, "task"), "transcribe");
        assert_null(json_object_get(json, "words"));
        first = json_array_get(json_object_get(json, "segments"), 0);
        assert_string_equal(text_at(first, "text"), " Hello there.");
        assert_null(json_object_get(first, "words"));
        assert_int_equal(json_array_size(json_object_get(first, "tokens")), 3);
        json_decref(json);
        wish.options.wants_words = true;
        json = answer_json(&wish, &told);
        assert_null(json_object_get(json, "segments"));
        word = json_array_get(json_object_get(json, "words"), 1);
        assert_string_equal(text_at(word, "word"), "there.");
        assert_float_equal(json_real_value(json_object_get(word, "start")), 0.5, 1e-9);
        json_decref(json);
}

// OpenAI's lists have such a word whole, whisper.cpp's in parts.
static void what_the_model_takes_apart_at_a_sign_is_one_word(void **state) {
        const struct openai_wish wish = {.format = OPENAI_VERBOSE, .options.wants_words = true};
        char number[] = " 13", thousands[] = ",000", both[] = " 13,000";
        struct hypothesis_word words[] = {{0, 8000, number, 1}, {8000, 16000, thousands, 1}};
        struct segment segment = {.text = both, .words = words, .n_words = 2};
        json_t *json = answer_json(&wish, &(struct openai_told){&segment, 1, "en", 1, 16000});
        json_t *list = json_object_get(json, "words");

        (void)state;
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(text_at(json_array_get(list, 0), "word"), "13,000");
        json_decref(json);
}

static void of_silence_there_is_an_answer_too(void **state) {
        struct openai_wish wish = {.format = OPENAI_VERBOSE};
        json_t *json = answer_json(&wish, &nothing);
        const char *type;
        CLEANUP(mem_freep) char *srt = NULL;

        (void)state;
        assert_string_equal(text_at(json, "text"), "");
        assert_true(json_is_null(json_object_get(json, "language")));
        assert_int_equal(json_array_size(json_object_get(json, "segments")), 0);
        json_decref(json);
        wish.format = OPENAI_SRT;
        srt = openai_answer(&wish, &nothing, &type);
        assert_string_equal(srt, "");
}

static void what_is_no_json_is_not_called_so(void **state) {
        static const struct {
                enum openai_format format;
                const char *type, *begin;
        } forms[] = {
                {OPENAI_TEXT, "text/plain", "Hello there. \"So & <so>\"\n"},
                {OPENAI_SRT, "application/x-subrip", "1\n00:00:00,000 --> 00:00:01,000\n"},
                {OPENAI_VTT, "text/vtt", "WEBVTT\n\n00:00:00.000 --> 00:00:01.000\n"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
                struct openai_wish wish = {.format = forms[i].format};
                const char *type;
                CLEANUP(mem_freep) char *text = openai_answer(&wish, &told, &type);

                assert_int_equal(strncmp(type, forms[i].type, strlen(forms[i].type)), 0);
                assert_int_equal(strncmp(text, forms[i].begin, strlen(forms[i].begin)), 0);
        }
}

static void whispercpp_ends_segments_with_lines(void **state) {
        struct openai_wish wish = {.format = OPENAI_TEXT};
        const char *type;
        CLEANUP(mem_freep) char *text = openai_answer_whispercpp(&wish, &told, &type);
        CLEANUP(mem_freep) char *verbose = NULL;
        json_t *json, *first;

        (void)state;
        assert_string_equal(text, " Hello there.\n \"So & <so>\"\n");
        wish.format = OPENAI_VERBOSE;
        verbose = openai_answer_whispercpp(&wish, &told, &type);
        json = json_loads(verbose, 0, NULL);
        first = json_array_get(json_object_get(json, "segments"), 0);
        assert_int_equal(json_array_size(json_object_get(first, "words")), 2);
        assert_null(json_object_get(json, "words"));
        assert_string_equal(text_at(json, "detected_language"), "english");
        json_decref(json);
}

static const json_t *event_of(char *event, json_t **ret) {
        size_t n = strlen(event);

        assert_int_equal(strncmp(event, "data: ", 6), 0);
        assert_string_equal(event + n - 2, "\n\n");
        *ret = json_loads(event + 6, 0, NULL);
        assert_non_null(*ret);
        return *ret;
}

static void deltas_add_up_to_the_text(void **state) {
        CLEANUP(mem_freep) char *first = openai_event_delta(&segments[0], true);
        CLEANUP(mem_freep) char *second = openai_event_delta(&segments[1], false);
        CLEANUP(mem_freep) char *done = openai_event_done(&told);
        CLEANUP(mem_freep) char *sum = NULL;
        json_t *a, *b, *c;

        (void)state;
        (void)event_of(first, &a);
        (void)event_of(second, &b);
        (void)event_of(done, &c);
        sum = xasprintf("%s%s", text_at(a, "delta"), text_at(b, "delta"));
        assert_string_equal(sum, text_at(c, "text"));
        assert_string_equal(text_at(a, "type"), "transcript.text.delta");
        assert_string_equal(text_at(c, "type"), "transcript.text.done");
        assert_null(json_object_get(c, "error"));  // clients take that for a failure
        json_decref(a);
        json_decref(b);
        json_decref(c);
}

static void errors_have_the_type_of_their_status(void **state) {
        CLEANUP(mem_freep) char *busy = openai_error(503, NULL, NULL, "busy");
        CLEANUP(mem_freep) char *wrong = openai_error(400, "file", "c", "n\xffo");
        CLEANUP(mem_freep) char *plain = openai_error_whispercpp("no");

        (void)state;
        assert_string_equal(busy, "{\"error\":{\"message\":\"busy\",\"type\":\"server_error\","
                                  "\"param\":null,\"code\":null}}");
        assert_string_equal(wrong,
                            "{\"error\":{\"message\":\"n\xef\xbf\xbdo\",\"type\":"
                            "\"invalid_request_error\",\"param\":\"file\",\"code\":\"c\"}}");
        assert_string_equal(plain, "{\"error\":\"no\"}");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_stock_clients_send_is_understood),
                cmocka_unit_test(lists_come_without_brackets_too),
                cmocka_unit_test(what_is_empty_is_absent),
                cmocka_unit_test(what_cannot_be_had_is_refused_by_name),
                cmocka_unit_test(what_does_not_go_together_is_refused),
                cmocka_unit_test(beams_are_searched_as_either_server_is_asked),
                cmocka_unit_test(whispercpp_has_other_fields),
                cmocka_unit_test(json_has_the_text_and_what_it_cost),
                cmocka_unit_test(verbose_json_has_segments_unless_words_were_asked_for),
                cmocka_unit_test(what_the_model_takes_apart_at_a_sign_is_one_word),
                cmocka_unit_test(of_silence_there_is_an_answer_too),
                cmocka_unit_test(what_is_no_json_is_not_called_so),
                cmocka_unit_test(whispercpp_ends_segments_with_lines),
                cmocka_unit_test(deltas_add_up_to_the_text),
                cmocka_unit_test(errors_have_the_type_of_their_status),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
