// Settings of a realtime session: both shapes, merged; and mistakes by name.
#include "dialect/realtime/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

static int update(struct realtime_settings *settings, const char *text,
                  struct realtime_mistake *mistake) {
        json_t *session = json_loads(text, 0, NULL);
        int r;

        assert_non_null(session);
        r = realtime_settings_update(settings, session, mistake);
        json_decref(session);
        return r;
}

static void take(struct realtime_settings *settings, const char *text) {
        struct realtime_mistake mistake;

        if (update(settings, text, &mistake) < 0)
                fail_msg("%s: %s", mistake.param, mistake.words);
}

static void expect(const struct realtime_settings *settings, const char *text) {
        json_t *json = realtime_settings_json(settings, "sess_1");
        CLEANUP(mem_freep) char *told = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);

        assert_non_null(strstr(told, text));
        json_decref(json);
}

static void absent_is_kept_and_null_turns_off(void **state) {
        struct realtime_settings settings;

        (void)state;
        realtime_settings_init(&settings);
        expect(&settings, "\"format\":{\"rate\":24000,\"type\":\"audio/pcm\"}");
        expect(&settings, "\"turn_detection\":{\"prefix_padding_ms\":300,"
                          "\"silence_duration_ms\":500,\"threshold\":0.5,\"type\":"
                          "\"server_vad\"}");
        take(&settings,
             "{\"type\":\"transcription\",\"audio\":{\"input\":{\"transcription\":{\"model\":"
             "\"whisper-1\",\"language\":\"en-US\",\"prompt\":\"Ada\",\"keywords\":[\"x\","
             "\"y z\"]},\"turn_detection\":{\"silence_duration_ms\":700}}}}");
        assert_string_equal(settings.options.language, "en");
        assert_string_equal(settings.options.prompt, "Ada");
        assert_string_equal(settings.options.hotwords, "x y z");
        assert_float_equal(settings.options.pause, 0.7, 1e-6);
        take(&settings, "{\"audio\":{\"input\":{\"transcription\":{\"language\":\"de\"}}}}");
        expect(&settings, "\"model\":\"whisper-1\"");
        expect(&settings, "\"language\":\"de\"");
        expect(&settings, "\"silence_duration_ms\":700");
        take(&settings, "{\"audio\":{\"input\":{\"turn_detection\":null,\"transcription\":"
                        "null}},\"include\":[\"item.input_audio_transcription.logprobs\"]}");
        expect(&settings, "\"turn_detection\":null");
        assert_false(settings.has_turns);
        assert_null(settings.options.language);
        assert_null(settings.options.prompt);
        take(&settings, "{\"audio\":{\"input\":{\"turn_detection\":{\"type\":\"semantic_vad\","
                        "\"eagerness\":\"low\"},\"format\":{\"type\":\"audio/pcmu\"}}}}");
        assert_true(settings.has_turns);
        assert_float_equal(settings.options.pause, 2, 1e-6);
        assert_int_equal(settings.pcm, PCM_MULAW);
        assert_int_equal(settings.rate, 8000);
        realtime_settings_deinit(&settings);
}

static void the_beta_is_flat(void **state) {
        struct realtime_settings settings;

        (void)state;
        realtime_settings_init(&settings);
        take(&settings,
             "{\"input_audio_format\":\"g711_alaw\",\"input_audio_transcription\":{\"model\":"
             "\"gpt-4o-transcribe\",\"language\":\"en\"},\"turn_detection\":{\"type\":"
             "\"server_vad\",\"silence_duration_ms\":650},\"input_audio_noise_reduction\":"
             "{\"type\":\"near_field\"},\"modalities\":[\"text\"],\"voice\":\"alloy\"}");
        assert_int_equal(settings.pcm, PCM_ALAW);
        settings.is_flat = true;
        expect(&settings, "\"input_audio_format\":\"g711_alaw\"");
        expect(&settings, "\"input_audio_noise_reduction\":{\"type\":\"near_field\"}");
        take(&settings, "{\"input_audio_format\":\"pcm16\"}");
        assert_int_equal(settings.rate, REALTIME_RATE);
        realtime_settings_deinit(&settings);
}

// A client has no room here for what we do not know, and little for what we do.
static void what_is_kept_is_bounded(void **state) {
        static const char *const ends[][2] = {
                {"{\"audio\":{\"input\":{\"transcription\":{\"prompt\":\"", "\"}}}}"},
                {"{\"audio\":{\"input\":{\"transcription\":{\"model\":\"", "\"}}}}"},
                {"{\"turn_detection\":{\"eagerness\":[\"", "\"]}}"},
                {"{\"turn_detection\":{\"threshold\":{\"a\":1},\"b\":\"", "\"}}"},
                {"{\"include\":[[],\"", "\"]}"},
                {"{\"input_audio_noise_reduction\":{\"type\":\"", "\"}}"},
        };
        struct realtime_settings settings;
        struct realtime_mistake mistake;
        char *large = xcalloc(DECODE_TEXT_MAX + 2, 1);
        json_t *before, *after;

        (void)state;
        memset(large, 'x', DECODE_TEXT_MAX + 1);
        realtime_settings_init(&settings);
        before = realtime_settings_json(&settings, "sess_1");
        take(&settings,
             "{\"turn_detection\":{\"mine\":[1,[2]]},\"include\":null,\"tools\":[1]}");
        for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
                CLEANUP(mem_freep)
                char *text = xasprintf("%s%s%s", ends[i][0], large, ends[i][1]);

                assert_true(update(&settings, text, &mistake) < 0);
                assert_string_equal(mistake.code, "invalid_value");
        }
        after = realtime_settings_json(&settings, "sess_1");
        assert_true(json_equal(before, after));
        json_decref(before);
        json_decref(after);
        realtime_settings_deinit(&settings);
        free(large);
}

static void several_languages_are_detected(void **state) {
        struct realtime_settings settings;

        (void)state;
        realtime_settings_init(&settings);
        take(&settings, "{\"audio\":{\"input\":{\"transcription\":{\"languages\":[\"de\"]}}}}");
        assert_string_equal(settings.options.language, "de");
        take(&settings,
             "{\"audio\":{\"input\":{\"transcription\":{\"languages\":[\"de\",\"en\"]}}}}");
        assert_string_equal(settings.options.language, "");
        take(&settings, "{\"audio\":{\"input\":{\"transcription\":{\"languages\":[]}}}}");
        assert_null(settings.options.language);
        realtime_settings_deinit(&settings);
}

static void mistakes_are_named_and_change_nothing(void **state) {
        static const char *const cases[][3] = {
                {"{\"audio\":{\"input\":{\"format\":{\"type\":\"audio/pcm\",\"rate\":0}}}}",
                 "session.audio.input.format", "invalid_value"},
                {"{\"audio\":{\"input\":{\"format\":{\"type\":\"audio/"
                 "pcm\",\"rate\":1000000000}}}}",
                 "session.audio.input.format", "invalid_value"},
                {"{\"audio\":{\"input\":{\"format\":{\"type\":\"audio/mp3\"}}}}",
                 "session.audio.input.format", "invalid_value"},
                {"{\"input_audio_format\":\"mp3\"}", "session.input_audio_format",
                 "invalid_value"},
                {"{\"audio\":{\"input\":{\"transcription\":{\"language\":\"klingon\"}}}}",
                 "session.audio.input.transcription", "invalid_value"},
                {"{\"turn_detection\":{\"type\":\"psychic\"}}", "session.turn_detection",
                 "invalid_value"},
                {"{\"turn_detection\":{\"type\":\"semantic_vad\",\"eagerness\":\"very\"}}",
                 "session.turn_detection", "invalid_value"},
                {"{\"audio\":7}", "session.audio", "invalid_value"},
                {"{\"audio\":{\"input\":{\"colour\":1}}}", "session.audio.input.colour",
                 "unknown_parameter"},
                {"{\"colour\":1}", "session.colour", "unknown_parameter"},
                {"[]", "session", "invalid_value"},
        };
        struct realtime_settings settings;

        (void)state;
        realtime_settings_init(&settings);
        take(&settings, "{\"turn_detection\":null}");
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct realtime_mistake mistake = {0};

                assert_true(update(&settings, cases[i][0], &mistake) < 0);
                assert_string_equal(mistake.param, cases[i][1]);
                assert_string_equal(mistake.code, cases[i][2]);
                expect(&settings, "\"format\":{\"rate\":24000,\"type\":\"audio/pcm\"}");
                expect(&settings, "\"turn_detection\":null");
        }
        realtime_settings_deinit(&settings);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(absent_is_kept_and_null_turns_off),
                cmocka_unit_test(the_beta_is_flat),
                cmocka_unit_test(what_is_kept_is_bounded),
                cmocka_unit_test(several_languages_are_detected),
                cmocka_unit_test(mistakes_are_named_and_change_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
