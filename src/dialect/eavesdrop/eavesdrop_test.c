// The original dialect: its clients' messages in, its servers' messages out.
#include "dialect/eavesdrop/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "dialect/json_text.h"
#include "util/mem.h"

#define WALL (1700000000123456789LL)

static int parse(struct eavesdrop_message *ret, const char *text) {
        return eavesdrop_message_parse(ret, text, strlen(text), NULL);
}

static void messages_are_told_by_their_type(void **state) {
        static const struct {
                const char *text;
                bool is_message;
        } cases[] = {
                {"{\"type\":\"setup\"}", true}, {"{\"type\":\"setup\",\"uid\":\"u\"}", true},
                {"{\"uid\":\"u\"}", false},     {"{\"uid\":null,\"type\":3}", false},
                {"{\"type\":null}", false},     {"{}", false},
                {"[\"type\"]", false},          {"hello", false},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                assert_int_equal(eavesdrop_is_message(cases[i].text, strlen(cases[i].text)),
                                 cases[i].is_message);
}

static void roles_have_names(void **state) {
        enum eavesdrop_role role = EAVESDROP_HEALTH_CHECK;

        (void)state;
        assert_true(eavesdrop_role_from_name(NULL, &role));
        assert_int_equal(role, EAVESDROP_TRANSCRIBER);
        assert_true(eavesdrop_role_from_name("rtsp_subscriber", &role));
        assert_int_equal(role, EAVESDROP_SUBSCRIBER);
        assert_true(eavesdrop_role_from_name("health_check", &role));
        assert_int_equal(role, EAVESDROP_HEALTH_CHECK);
        assert_true(eavesdrop_role_from_name("transcriber", &role));
        assert_false(eavesdrop_role_from_name("admin", &role));
}

static void stream_names_are_trimmed_and_unique(void **state) {
        struct eavesdrop_names names = {0};
        char *many = xcalloc(8 * (EAVESDROP_STREAMS_MAX + 1) + 1, 1);

        (void)state;
        assert_int_equal(eavesdrop_names_parse(&names, " a, b ,,a,c\t, two words ,"), 0);
        assert_int_equal(names.n, 4);
        assert_string_equal(names.items[0], "a");
        assert_string_equal(names.items[1], "b");
        assert_string_equal(names.items[2], "c");
        assert_string_equal(names.items[3], "two words");
        eavesdrop_names_deinit(&names);
        assert_int_equal(eavesdrop_names_parse(&names, " , "), 0);
        assert_int_equal(names.n, 0);
        eavesdrop_names_deinit(&names);
        for (size_t i = 0; i <= EAVESDROP_STREAMS_MAX; i++)
                snprintf(many + strlen(many), 9, "n%zu,", i);
        assert_int_equal(eavesdrop_names_parse(&names, many), DIALECT_E_VALUE);
        free(many);
}

static void setup_is_read(void **state) {
        struct eavesdrop_message message;

        (void)state;
        assert_int_equal(
                parse(&message,
                      "{\"type\":\"setup\",\"stream\":\"mic-1\",\"timestamp\":1700000000.5,"
                      "\"options\":{\"source_mode\":\"file\",\"language\":\"en\","
                      "\"send_last_n_segments\":5,\"hotwords\":[\"x\",\"y\"],\"beam_size\":5,"
                      "\"task\":\"translate\",\"initial_prompt\":null,\"new_option\":1}}"),
                0);
        assert_int_equal(message.type, EAVESDROP_SETUP);
        assert_string_equal(message.stream, "mic-1");
        assert_true(message.timestamp == 1700000000.5);
        assert_true(message.options.is_file);
        assert_int_equal(message.options.send_last_n_segments, 5);
        assert_string_equal(message.options.language, "en");
        assert_string_equal(message.options.hotwords, "x y");
        assert_null(message.options.initial_prompt);
        assert_null(message.options.model);
        assert_int_equal(message.options.beam_size, 5);
        assert_true(message.options.has_task);
        assert_int_equal(message.options.task, DECODE_TRANSLATE);
        eavesdrop_message_deinit(&message);
        assert_int_equal(
                parse(&message, "{\"type\":\"setup\",\"stream\":\"m\",\"options\":{}}"), 0);
        assert_false(message.options.is_file);
        assert_false(message.options.has_task);
        assert_int_equal(message.options.send_last_n_segments, 0);
        eavesdrop_message_deinit(&message);
}

static void languages_are_read_as_people_write_them(void **state) {
        static const char *const cases[][2] = {
                {"German", "de"}, {"EN", "en"}, {"zh-Hant-TW", "zh"}, {"auto", ""}, {"", ""}};

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep)
                char *text = xasprintf("{\"type\":\"setup\",\"stream\":\"m\",\"options\":"
                                       "{\"language\":\"%s\"}}",
                                       cases[i][0]);
                struct eavesdrop_message message;

                assert_int_equal(parse(&message, text), 0);
                assert_string_equal(message.options.language, cases[i][1]);
                eavesdrop_message_deinit(&message);
        }
}

static void controls_are_read(void **state) {
        struct eavesdrop_message message;

        (void)state;
        assert_int_equal(parse(&message, "{\"type\":\"control_recording_started\",\"stream\":"
                                         "\"m\",\"recording_id\":\"r1\",\"sample_rate_hz\":"
                                         "16000}"),
                         0);
        assert_int_equal(message.type, EAVESDROP_RECORDING_STARTED);
        assert_string_equal(message.recording_id, "r1");
        eavesdrop_message_deinit(&message);
        assert_int_equal(parse(&message, "{\"type\":\"control_flush\",\"stream\":\"m\"}"), 0);
        assert_int_equal(message.type, EAVESDROP_FLUSH);
        assert_true(message.force_complete);
        assert_null(message.recording_id);
        eavesdrop_message_deinit(&message);
        assert_int_equal(parse(&message, "{\"type\":\"control_flush\",\"stream\":\"m\","
                                         "\"force_complete\":false}"),
                         0);
        assert_false(message.force_complete);
        eavesdrop_message_deinit(&message);
        assert_int_equal(parse(&message, "{\"type\":\"health_check\"}"), 0);
        assert_int_equal(message.type, EAVESDROP_HEALTH);
        eavesdrop_message_deinit(&message);
        assert_int_equal(parse(&message, "{\"type\":\"transcription\"}"), 0);
        assert_int_equal(message.type, EAVESDROP_OTHER);
        assert_string_equal(message.type_name, "transcription");
        eavesdrop_message_deinit(&message);
}

static void bad_messages_are_told_apart(void **state) {
        static const struct {
                const char *text;
                int result;
                const char *words;
        } cases[] = {
                {"{\"type\":\"setup\"", DIALECT_E_JSON, "not JSON"},
                {"{\"stream\":\"m\"}", DIALECT_E_MISSING, "'type'"},
                {"{\"type\":\"sing\"}", DIALECT_E_UNKNOWN, "'sing'"},
                {"{\"type\":\"setup\",\"options\":{}}", DIALECT_E_MISSING, "'stream'"},
                {"{\"type\":\"setup\",\"stream\":\"m\",\"options\":[]}", DIALECT_E_TYPE,
                 "'options'"},
                {"{\"type\":\"setup\",\"stream\":\"m\",\"options\":{\"beam_size\":0}}",
                 DIALECT_E_VALUE, "'beam_size'"},
                {"{\"type\":\"setup\",\"stream\":\"m\",\"options\":{\"task\":\"x\"}}",
                 DIALECT_E_VALUE, "'task'"},
                {"{\"type\":\"control_recording_started\",\"stream\":\"m\",\"recording_id\":"
                 "\"r\",\"sample_rate_hz\":44100}",
                 DIALECT_E_VALUE, "16000"},
                {"{\"type\":\"control_recording_started\",\"stream\":\"m\",\"sample_rate_hz\":"
                 "16000}",
                 DIALECT_E_MISSING, "'recording_id'"},
                {"{\"type\":\"control_flush\",\"stream\":\"m\",\"force_complete\":\"yes\"}",
                 DIALECT_E_TYPE, "'force_complete'"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct eavesdrop_message message;
                struct error error = {0};

                assert_int_equal(eavesdrop_message_parse(&message, cases[i].text,
                                                         strlen(cases[i].text), &error),
                                 cases[i].result);
                assert_non_null(strstr(error.text, cases[i].words));
        }
}

static void transcriptions_carry_every_field(void **state) {
        int32_t tokens[] = {50364, 2425};
        struct segment final = {
                .id = UINT64_C(18446744073709551557),  // above what signed 64 bits hold
                .begin = 16000,
                .end = 32000,
                .text = (char[]){" Hi"},
                .is_final = true,
                .tokens = tokens,
                .n_tokens = 2,
                .avg_logprob = -0.25F,
                .compression_ratio = 1.5F,
        };
        struct segment tail = {.id = 7,
                               .begin = 32000,
                               .end = 40000,
                               .text = (char[]){" th"},
                               .temperature = 0.2F};
        const struct segment *finals[] = {&final};
        struct eavesdrop_transcription transcription = {
                .stream = "mic-1",
                .finals = finals,
                .n_finals = 1,
                .tail = &tail,
                .origin = 8000,
                .language = "en",
                .recording_id = "r1",
                .is_flush_complete = true,
        };
        size_t n;
        char *text = eavesdrop_encode_transcription(WALL, &transcription, &n);

        (void)state;
        assert_string_equal(
                text,
                "{\"timestamp\":1700000000.123,\"type\":\"transcription\",\"stream\":\"mic-1\","
                "\"segments\":[{\"id\":18446744073709551557,\"seek\":50,\"start\":0.500,"
                "\"end\":1.500,\"text\":\" Hi\",\"tokens\":[50364,2425],\"avg_logprob\":-0.25,"
                "\"compression_ratio\":1.5,\"temperature\":0.0,\"completed\":true,"
                "\"avg_probability\":0.7788008,\"duration\":1.000},{\"id\":7,\"seek\":150,"
                "\"start\":1.500,\"end\":2.000,\"text\":\" th\",\"tokens\":[],"
                "\"avg_logprob\":0.0,\"compression_ratio\":0.0,\"temperature\":0.2,"
                "\"completed\":false,\"avg_probability\":1.0,\"duration\":0.500}],"
                "\"language\":\"en\",\"recording_id\":\"r1\",\"flush_complete\":true}");
        assert_int_equal(strlen(text), n);
        free(text);
}

static void an_empty_tail_is_the_originals_synthetic_one(void **state) {
        struct segment final = {
                .id = 1, .begin = 0, .end = 16000, .text = (char[]){" a"}, .is_final = true};
        const struct segment *finals[] = {&final};
        struct eavesdrop_transcription transcription = {
                .stream = "s", .finals = finals, .n_finals = 1};
        char *text = eavesdrop_encode_transcription(WALL, &transcription, NULL);

        (void)state;
        assert_non_null(strstr(text,
                               "{\"id\":12269926345859042865,\"seek\":100,\"start\":1.000,"
                               "\"end\":1.000,\"text\":\"\",\"tokens\":[],"));
        assert_null(strstr(text, "language"));
        assert_null(strstr(text, "recording_id"));
        assert_null(strstr(text, "flush_complete"));
        free(text);
}

static void numbers_that_json_lacks_are_not_written(void **state) {
        struct segment tail = {.text = (char[]){" x"},
                               .end = 16000,
                               .avg_logprob = -(float)__builtin_inf(),
                               .compression_ratio = (float)__builtin_nan("")};
        struct eavesdrop_transcription transcription = {.stream = "s", .tail = &tail};
        char *text = eavesdrop_encode_transcription(WALL, &transcription, NULL);
        json_t *object = json_loads(text, 0, NULL);

        (void)state;
        assert_non_null(object);
        json_decref(object);
        free(text);
}

static void other_messages_are_the_protocols(void **state) {
        char *texts[] = {
                eavesdrop_encode_ready(WALL, "m", NULL),
                eavesdrop_encode_language(WALL, "m", "de", 0.75F, NULL),
                eavesdrop_encode_error(WALL, NULL, "no", NULL),
                eavesdrop_encode_disconnect(WALL, "m", NULL, NULL),
                eavesdrop_encode_status(WALL, "m", EAVESDROP_OFFLINE, "gone", NULL),
        };
        static const char *const expected[] = {
                "\"type\":\"server_ready\",\"stream\":\"m\",\"backend\":\"faster_whisper\"}",
                "\"type\":\"language_detection\",\"stream\":\"m\",\"language\":\"de\","
                "\"language_prob\":0.75}",
                "\"type\":\"error\",\"message\":\"no\"}",
                "\"type\":\"disconnect\",\"stream\":\"m\"}",
                "\"type\":\"stream_status\",\"stream\":\"m\",\"status\":\"offline\","
                "\"message\":"
                "\"gone\"}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                assert_memory_equal(texts[i], "{\"timestamp\":1700000000.123,", 28);
                assert_string_equal(texts[i] + 28, expected[i]);
                free(texts[i]);
        }
}

static void refusals_are_the_originals_words(void **state) {
        struct eavesdrop_names unknown = {0}, available = {0};
        char *texts[6];

        (void)state;
        eavesdrop_names_parse(&unknown, "x");
        eavesdrop_names_parse(&available, "a,b");
        texts[0] = eavesdrop_refusal_text(
                eavesdrop_control_refusal(EAVESDROP_FLUSH, EAVESDROP_BEFORE_SETUP), NULL);
        texts[1] = eavesdrop_refusal_text(
                eavesdrop_control_refusal(EAVESDROP_UTTERANCE_CANCELLED, EAVESDROP_IN_FILE),
                NULL);
        texts[2] = eavesdrop_refusal_text(eavesdrop_control_refusal(EAVESDROP_RECORDING_STARTED,
                                                                    EAVESDROP_IN_SUBSCRIPTION),
                                          NULL);
        texts[3] = eavesdrop_refusal_text(EAVESDROP_E_TEXT_IN_FILE, "setup");
        texts[4] = eavesdrop_refusal_text(EAVESDROP_E_FLUSH_PENDING, "not used");
        texts[5] = eavesdrop_unknown_streams_text(&unknown, &available);
        assert_string_equal(texts[0],
                            "Flush rejected: control_flush is unavailable before live "
                            "transcriber setup completes");
        assert_string_equal(texts[1], "Utterance cancel rejected: control_utterance_cancelled "
                                      "is unsupported during file upload");
        assert_string_equal(texts[2], "Recording start rejected: control_recording_started is "
                                      "unsupported for RTSP subscriber sessions");
        assert_string_equal(texts[3], "Unexpected text frame during file upload: setup");
        assert_string_equal(texts[4], "Flush rejected: another flush is already pending");
        assert_string_equal(texts[5], "Unknown streams: x. Available streams: a, b");
        for (size_t i = 0; i < 6; i++)
                free(texts[i]);
        eavesdrop_names_deinit(&available);
        texts[0] = eavesdrop_unknown_streams_text(&unknown, &available);
        assert_string_equal(texts[0], "Unknown streams: x");
        free(texts[0]);
        eavesdrop_names_deinit(&unknown);
        eavesdrop_names_deinit(&available);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(messages_are_told_by_their_type),
                cmocka_unit_test(roles_have_names),
                cmocka_unit_test(stream_names_are_trimmed_and_unique),
                cmocka_unit_test(setup_is_read),
                cmocka_unit_test(languages_are_read_as_people_write_them),
                cmocka_unit_test(controls_are_read),
                cmocka_unit_test(bad_messages_are_told_apart),
                cmocka_unit_test(transcriptions_carry_every_field),
                cmocka_unit_test(an_empty_tail_is_the_originals_synthetic_one),
                cmocka_unit_test(numbers_that_json_lacks_are_not_written),
                cmocka_unit_test(other_messages_are_the_protocols),
                cmocka_unit_test(refusals_are_the_originals_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
