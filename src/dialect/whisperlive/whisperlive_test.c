// WhisperLive's messages: real hellos in; what goes out is read as the stock client reads it.
#include "dialect/whisperlive/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "dialect/json_text.h"
#include "util/mem.h"

// What whisper-live 0.10.0 sends.
static const char stock_hello[] =
        "{\"uid\": \"550e8400-e29b-41d4-a716-446655440000\", \"language\": null, \"task\": "
        "\"transcribe\", \"model\": \"small\", \"use_vad\": true, \"send_last_n_segments\": 7, "
        "\"no_speech_thresh\": 0.5, \"clip_audio\": false, \"same_output_threshold\": 10, "
        "\"enable_translation\": false, \"target_language\": \"fr\", \"hotwords\": null, "
        "\"enable_diarization\": false, \"max_speakers\": 10, \"word_timestamps\": false, "
        "\"initial_prompt\": null, \"vad_parameters\": null}";

static int parse(struct whisperlive_hello *ret, const char *text) {
        return whisperlive_hello_parse(ret, text, strlen(text), NULL);
}

static void hellos_are_told_by_their_uid(void **state) {
        static const struct {
                const char *text;
                bool is_hello;
        } cases[] = {
                {stock_hello, true},     {"{\"uid\":null,\"type\":3}", true},
                {"{\"type\":3}", false}, {"{}", false},
                {"[\"uid\"]", false},    {"hello", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(whisperlive_is_hello(cases[i].text, strlen(cases[i].text)),
                                 cases[i].is_hello);
}

static void the_stock_hello_is_understood(void **state) {
        struct whisperlive_hello hello;

        (void)state;
        assert_int_equal(parse(&hello, stock_hello), 0);
        assert_string_equal(hello.uid, "550e8400-e29b-41d4-a716-446655440000");
        assert_null(hello.language);
        assert_int_equal(hello.task, DECODE_TRANSCRIBE);
        assert_string_equal(hello.model, "small");
        assert_true(hello.use_vad);
        assert_int_equal(hello.send_last_n_segments, 7);
        assert_true(hello.no_speech_thresh == 0.5F);
        assert_null(hello.hotwords);
        assert_null(hello.initial_prompt);
        assert_int_equal(hello.audio_format, PCM_F32);
        whisperlive_hello_deinit(&hello);
}

static void the_browser_hello_gets_the_defaults(void **state) {
        struct whisperlive_hello hello;

        (void)state;
        assert_int_equal(parse(&hello, "{\"uid\":\"b\",\"language\":\"de\",\"task\":"
                                       "\"translate\",\"model\":\"small.en\","
                                       "\"use_vad\":false}"),
                         0);
        assert_string_equal(hello.language, "en");  // an English-only model speaks nothing else
        assert_int_equal(hello.task, DECODE_TRANSLATE);
        assert_false(hello.use_vad);
        assert_int_equal(hello.send_last_n_segments, 10);
        assert_true(hello.no_speech_thresh == 0.45F);
        whisperlive_hello_deinit(&hello);
}

static void options_are_read(void **state) {
        struct whisperlive_hello hello;

        (void)state;
        assert_int_equal(parse(&hello, "{\"uid\":\"b\",\"language\":\"\",\"task\":"
                                       "\"transcribe\",\"model\":\"m\",\"audio_format\":"
                                       "\"int16\",\"hotwords\":[\"Ada\",\"\",\"Grace\"],"
                                       "\"initial_prompt\":\"Hi\",\"word_timestamps\":true,"
                                       "\"mystery\":{\"a\":[1]},\"vad_parameters\":{"
                                       "\"min_silence_duration_ms\":750,"
                                       "\"max_speech_duration_s\":90,\"threshold\":0.5}}"),
                         0);
        assert_null(hello.language);
        assert_true(hello.pause == 0.75f);
        assert_true(hello.window_max == HEARING_WINDOW_MAX);
        assert_string_equal(hello.hotwords, "Ada Grace");
        assert_string_equal(hello.initial_prompt, "Hi");
        assert_int_equal(hello.audio_format, PCM_S16);
        assert_true(hello.word_timestamps);
        whisperlive_hello_deinit(&hello);
}

static void bad_hellos_are_told_apart(void **state) {
        static const struct {
                const char *text;
                int result;
                const char *words;
        } cases[] = {
                {"", DIALECT_E_JSON, "not JSON"},
                {"[1]", DIALECT_E_JSON, "object"},
                {"{\"uid\":\"a\"", DIALECT_E_JSON, "not JSON"},
                {"{\"uid\":\"a\",\"uid\":\"b\"}", DIALECT_E_JSON, "duplicate"},
                {"{\"language\":null,\"task\":\"transcribe\",\"model\":\"m\"}",
                 DIALECT_E_MISSING, "'uid'"},
                {"{\"uid\":null,\"language\":null,\"task\":\"transcribe\",\"model\":\"m\"}",
                 DIALECT_E_MISSING, "'uid'"},
                {"{\"uid\":\"u\",\"task\":\"transcribe\",\"model\":\"m\"}", DIALECT_E_MISSING,
                 "'language'"},
                {"{\"uid\":7,\"language\":null,\"task\":\"transcribe\",\"model\":\"m\"}",
                 DIALECT_E_TYPE, "'uid'"},
                {"{\"uid\":\"u\",\"language\":\"Frensh\",\"task\":\"transcribe\","
                 "\"model\":\"m\"}",
                 DIALECT_E_VALUE,
                 "'language': unknown language \"Frensh\"; did you mean \"French\"?"},
                {"{\"uid\":\"u\",\"language\":null,\"task\":\"sing\",\"model\":\"m\"}",
                 DIALECT_E_VALUE, "'task'"},
                {"{\"uid\":\"u\",\"language\":null,\"task\":\"translate\",\"model\":\"m\","
                 "\"audio_format\":\"mp3\"}",
                 DIALECT_E_VALUE, "'audio_format'"},
                {"{\"uid\":\"u\",\"language\":null,\"task\":\"translate\",\"model\":\"m\","
                 "\"send_last_n_segments\":-1}",
                 DIALECT_E_VALUE, "'send_last_n_segments'"},
                {"{\"uid\":\"u\",\"language\":null,\"task\":\"translate\",\"model\":\"m\","
                 "\"use_vad\":1}",
                 DIALECT_E_TYPE, "'use_vad'"},
                {"{\"uid\":\"u\",\"language\":null,\"task\":\"translate\",\"model\":\"m\","
                 "\"hotwords\":[1]}",
                 DIALECT_E_TYPE, "'hotwords'"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct whisperlive_hello hello = {.model = (char *)0x1};
                struct error error = {0};
                int result = whisperlive_hello_parse(&hello, cases[i].text,
                                                     strlen(cases[i].text), &error);

                assert_int_equal(result, cases[i].result);
                assert_non_null(strstr(error.text, cases[i].words));
                assert_ptr_equal(hello.model, (char *)0x1);  // untouched
        }
}

static void deep_and_long_texts_are_refused(void **state) {
        struct whisperlive_hello hello;
        char *text = xcalloc(DIALECT_TEXT_MAX + 2, 1);
        struct error error = {0};

        (void)state;
        memset(text, '[', 100000);
        assert_int_equal(whisperlive_hello_parse(&hello, text, 100000, &error), DIALECT_E_JSON);
        assert_non_null(strstr(error.text, "nested"));
        memset(text, ' ', DIALECT_TEXT_MAX + 1);
        memcpy(text, "{}", 2);
        assert_int_equal(parse(&hello, text), DIALECT_E_JSON);
        text[DIALECT_TEXT_MAX] = '\0';
        assert_int_equal(parse(&hello, text), DIALECT_E_MISSING);
        free(text);
}

// --- what the stock client makes of our segments -------------------------------------

#define CLIENT_MAX 64

// The stock client's rules: completed segments whose start is not before the last end are
// appended, unless the text is that of the one before without its spaces.
struct client {
        char transcript[CLIENT_MAX][32];
        size_t n;
        double last_end;
        char last_text[32];  // of the incomplete tail
};

static bool is_same_trimmed(const char *previous, const char *text) {
        char trimmed[64];
        size_t n;

        previous += strspn(previous, " ");
        n = (size_t)snprintf(trimmed, sizeof(trimmed), "%s", previous);
        while (n && trimmed[n - 1] == ' ')
                trimmed[--n] = '\0';
        return strcmp(trimmed, text) == 0;
}

static void client_receive(struct client *client, const char *message) {
        json_t *object = json_loads(message, 0, NULL), *segment;
        const char *previous = NULL;
        size_t i;

        assert_non_null(object);
        assert_string_equal(json_string_value(json_object_get(object, "uid")), "u");
        json_array_foreach(json_object_get(object, "segments"), i, segment) {
                const char *text = json_string_value(json_object_get(segment, "text"));
                const char *start = json_string_value(json_object_get(segment, "start"));
                const char *end = json_string_value(json_object_get(segment, "end"));
                bool is_last = i + 1 == json_array_size(json_object_get(object, "segments"));

                assert_non_null(strchr(start, '.'));
                assert_int_equal(strlen(strchr(start, '.')), 4);
                if (previous && is_same_trimmed(previous, text))
                        continue;
                previous = text;
                if (!json_is_true(json_object_get(segment, "completed"))) {
                        assert_true(is_last);
                        snprintf(client->last_text, sizeof(client->last_text), "%s", text);
                } else if (!client->n || strtod(start, NULL) >= client->last_end) {
                        assert_true(client->n < CLIENT_MAX);
                        snprintf(client->transcript[client->n++], 32, "%s", text);
                        client->last_end = strtod(end, NULL);
                }
        }
        json_decref(object);
}

static struct segment segment_at(int64_t begin, int64_t end, const char *text, bool is_final) {
        return (struct segment){.begin = begin,
                                .end = end,
                                .text = (char *)(uintptr_t)text,
                                .is_final = is_final};
}

// Cumulative sends of the last three, as a session does it, never lose nor repeat a segment.
static void the_stock_client_keeps_every_segment_once(void **state) {
        static const char *const words[] = {" one", "hai", "hai", " ", " four", "hai"};
        struct segment segments[24];
        const struct segment *finals[24];
        struct client client = {0};
        int64_t at = 1000007;

        (void)state;
        for (size_t i = 0; i < 24; i++) {
                // Ends and starts that touch, within one millisecond or none at all.
                int64_t length = i % 4 == 3 ? 0 : (int64_t)(i * 37 % 23 + i % 3 * 16000);

                segments[i] = segment_at(at, at + length, words[i % 6], true);
                finals[i] = &segments[i];
                at += length;
        }
        for (size_t sent = 1; sent <= 24; sent++) {
                struct segment tail = segment_at(at, at + 5, " tail", false);
                size_t n = sent < 3 ? sent : 3, length;
                char *message = whisperlive_encode_segments("u", finals + sent - n, n, &tail,
                                                            1000000, &length);

                assert_int_equal(strlen(message), length);
                client_receive(&client, message);
                client_receive(&client, message);  // resent: nothing is taken twice
                assert_int_equal(client.n, sent);
                assert_string_equal(client.last_text, " tail");
                free(message);
        }
}

static void times_are_strings_from_the_origin(void **state) {
        struct segment final = segment_at(16000, 55680, " Hello", true);
        struct segment tail = segment_at(55680, 65600, " wor", false);
        const struct segment *finals[] = {&final};
        char *message = whisperlive_encode_segments("u", finals, 1, &tail, 16000, NULL);

        (void)state;
        assert_string_equal(message,
                            "{\"uid\":\"u\",\"segments\":[{\"start\":\"0.000\",\"end\":"
                            "\"2.480\",\"text\":\" Hello\",\"completed\":true},{\"start\":"
                            "\"2.480\",\"end\":\"3.100\",\"text\":\" wor\",\"completed\":"
                            "false}]}");
        free(message);
}

static void words_are_in_their_segment(void **state) {
        char texts[2][8] = {" Hel", "lo"};
        struct hypothesis_word words[] = {{16000, 24008, texts[0], 0.5F},
                                          {24008, 55680, texts[1], 1}};
        struct segment final = segment_at(16000, 55680, " Hello", true);
        const struct segment *finals[] = {&final};
        char *message;

        (void)state;
        final.words = words;
        final.n_words = 2;
        message = whisperlive_encode_segments("u", finals, 1, NULL, 16000, NULL);
        assert_string_equal(
                message,
                "{\"uid\":\"u\",\"segments\":[{\"start\":\"0.000\",\"end\":\"2.480\",\"text\":"
                "\" Hello\",\"completed\":true,\"words\":[{\"word\":\" "
                "Hel\",\"start\":\"0.000\","
                "\"end\":\"0.500\",\"probability\":0.5},{\"word\":\"lo\",\"start\":\"0.500\","
                "\"end\":\"2.480\",\"probability\":1.0}]}]}");
        free(message);
}

// However both are rounded: half a millisecond at the end, and a begin that the segment before
// pushed to its own end.
static void words_do_not_stick_out_of_their_segment(void **state) {
        char texts[2][8] = {" Hel", "lo"};
        struct hypothesis_word words[] = {{16000, 24008, texts[0], 0.5F},
                                          {24008, 55688, texts[1], 1}};
        struct segment first = segment_at(15999, 16015, " Oh", true);
        struct segment final = segment_at(16000, 55688, " Hello", true);
        const struct segment *finals[] = {&first, &final};
        char *message;

        (void)state;
        final.words = words;
        final.n_words = 2;
        message = whisperlive_encode_segments("u", finals, 2, NULL, 16000, NULL);
        assert_non_null(strstr(message, "{\"start\":\"0.001\",\"end\":\"2.480\",\"text\":"
                                        "\" Hello\",\"completed\":true,\"words\":["
                                        "{\"word\":\" Hel\",\"start\":\"0.001\","));
        assert_non_null(strstr(message, "{\"word\":\"lo\",\"start\":\"0.500\","
                                        "\"end\":\"2.480\","));
        free(message);
}

static void an_empty_tail_clears_and_no_list_is_empty(void **state) {
        struct client client = {.last_text = "stale"};
        char *message = whisperlive_encode_segments("u", NULL, 0, NULL, 16000, NULL);

        (void)state;
        client_receive(&client, message);
        assert_string_equal(client.last_text, "");
        free(message);
}

static void other_messages_are_the_protocols(void **state) {
        char *texts[] = {
                whisperlive_encode_ready("u", NULL),
                whisperlive_encode_language("u", "en", 0.98F, NULL),
                whisperlive_encode_wait("u", 3.2, NULL),
                whisperlive_encode_warning("u", "slow \"now\"", NULL),
                whisperlive_encode_error("u\xff", "\xc3", NULL),
                whisperlive_encode_disconnect("u", NULL),
        };
        static const char *const expected[] = {
                "{\"uid\":\"u\",\"message\":\"SERVER_READY\",\"backend\":\"faster_whisper\"}",
                "{\"uid\":\"u\",\"language\":\"en\",\"language_prob\":0.98}",
                "{\"uid\":\"u\",\"status\":\"WAIT\",\"message\":3.2}",
                "{\"uid\":\"u\",\"status\":\"WARNING\",\"message\":\"slow \\\"now\\\"\"}",
                "{\"uid\":\"u\xef\xbf\xbd\",\"status\":\"ERROR\",\"message\":\"\xef\xbf\xbd\"}",
                "{\"uid\":\"u\",\"message\":\"DISCONNECT\"}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                assert_string_equal(texts[i], expected[i]);
                free(texts[i]);
        }
}

static void the_end_of_audio_is_exact(void **state) {
        (void)state;
        assert_true(whisperlive_is_end_of_audio((const uint8_t *)"END_OF_AUDIO", 12));
        assert_false(whisperlive_is_end_of_audio((const uint8_t *)"END_OF_AUDIO", 11));
        assert_false(whisperlive_is_end_of_audio((const uint8_t *)"END_OF_AUDI0", 12));
}

static void test_languages_as_people_write_them(void **state) {
        static const char *const cases[][2] = {
                {"English", "en"}, {"en-US", "en"}, {"pt_BR", "pt"},
                {"iw", "he"},      {"auto", NULL},  {"Auto", NULL},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep)
                char *text = xasprintf("{\"uid\":\"u\",\"language\":\"%s\",\"task\":"
                                       "\"transcribe\",\"model\":\"base\"}",
                                       cases[i][0]);
                struct whisperlive_hello hello;

                assert_int_equal(parse(&hello, text), 0);
                if (cases[i][1])
                        assert_string_equal(hello.language, cases[i][1]);
                else
                        assert_null(hello.language);
                whisperlive_hello_deinit(&hello);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_languages_as_people_write_them),
                cmocka_unit_test(hellos_are_told_by_their_uid),
                cmocka_unit_test(the_stock_hello_is_understood),
                cmocka_unit_test(the_browser_hello_gets_the_defaults),
                cmocka_unit_test(options_are_read),
                cmocka_unit_test(bad_hellos_are_told_apart),
                cmocka_unit_test(deep_and_long_texts_are_refused),
                cmocka_unit_test(the_stock_client_keeps_every_segment_once),
                cmocka_unit_test(times_are_strings_from_the_origin),
                cmocka_unit_test(words_are_in_their_segment),
                cmocka_unit_test(words_do_not_stick_out_of_their_segment),
                cmocka_unit_test(an_empty_tail_clears_and_no_list_is_empty),
                cmocka_unit_test(other_messages_are_the_protocols),
                cmocka_unit_test(the_end_of_audio_is_exact),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
