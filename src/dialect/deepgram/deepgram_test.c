// Deepgram: what a query asks for, what a client says, and what it is told.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "dialect/deepgram/bare_word.h"
#include "dialect/deepgram/messages.h"
#include "dialect/deepgram/packets.h"
#include "dialect/deepgram/recording.h"
#include "dialect/deepgram/results.h"
#include "dialect/deepgram/wave_head.h"
#include "dialect/deepgram/wish.h"
#include "dialect/json_text.h"
#include "util/mem.h"

// --- queries ---------------------------------------------------------------------------------

static void a_query_without_parameters_is_a_container_with_finals_only(void **state) {
        CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;

        (void)state;
        assert_int_equal(deepgram_wish_read(&wish, "", NULL), 0);
        assert_int_equal(wish.sound, DEEPGRAM_CONTAINER);
        assert_false(wish.options.wants_partials);
        assert_true(wish.has_endpoints);
        assert_true(wish.options.pause == 0);
        assert_null(wish.options.language);
        assert_null(wish.options.hotwords);
}

static void what_is_asked_for_is_read(void **state) {
        CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;

        (void)state;
        assert_int_equal(
                deepgram_wish_read(&wish,
                                   "model=nova-3&language=en-US&encoding=linear16&sample_rate="
                                   "24000&channels=2&multichannel=true&interim_results=True&"
                                   "endpointing=500&utterance_end_ms=1500&vad_events=true&"
                                   "keyterm=foo+bar&keyterm=b%20c&keywords=snuffle:2.5&"
                                   "keywords=a:b&diarize=true&no_delay=true&mip_opt_out=false",
                                   NULL),
                0);
        assert_string_equal(wish.options.language, "en");
        assert_int_equal(wish.sound, DEEPGRAM_RAW);
        assert_int_equal(wish.format, PCM_S16);
        assert_int_equal(wish.rate, 24000);
        assert_int_equal(wish.channels, 2);
        assert_true(wish.is_multichannel && wish.options.wants_partials && wish.has_vad_events);
        assert_true(wish.options.pause == 0.5F);
        assert_int_equal(wish.utterance_end, 1500);
        assert_string_equal(wish.options.hotwords, "foo bar b c snuffle a:b");
}

static void pauses_are_brought_within_their_limits(void **state) {
        static const struct {
                const char *query;
                float pause;
                bool has_endpoints;
        } cases[] = {
                {"endpointing=10", 0.3F, true},  {"endpointing=1000000", 10, true},
                {"endpointing=false", 0, false}, {"endpointing=true", 0, true},
                {"endpointing=0", 0, false},     {"endpointing=1", 0.3F, true},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;

                assert_int_equal(deepgram_wish_read(&wish, cases[i].query, NULL), 0);
                assert_true(wish.options.pause == cases[i].pause);
                assert_int_equal(wish.has_endpoints, cases[i].has_endpoints);
        }
}

static void rates_are_those_of_their_encodings(void **state) {
        static const struct {
                const char *query;
                enum deepgram_sound sound;
                enum pcm_format format;
                unsigned rate;
        } cases[] = {
                {"encoding=linear16", DEEPGRAM_RAW, PCM_S16, 16000},
                {"encoding=linear32&sample_rate=48000", DEEPGRAM_RAW, PCM_F32, 48000},
                {"encoding=mulaw", DEEPGRAM_RAW, PCM_MULAW, 8000},
                {"encoding=alaw&sample_rate=16000", DEEPGRAM_RAW, PCM_ALAW, 16000},
                {"encoding=opus&sample_rate=48000", DEEPGRAM_OPUS, PCM_S16, 48000},
                {"encoding=ogg-opus", DEEPGRAM_CONTAINER, PCM_S16, 0},
                {"encoding=g729", DEEPGRAM_G729, PCM_S16, 0},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;

                assert_int_equal(deepgram_wish_read(&wish, cases[i].query, NULL), 0);
                assert_int_equal(wish.sound, cases[i].sound);
                assert_int_equal(wish.format, cases[i].format);
                assert_int_equal(wish.rate, cases[i].rate);
        }
}

static void values_that_make_no_sense_are_refused_by_name(void **state) {
        static const char *const queries[] = {
                "sample_rate=0",
                "sample_rate=1000000000",
                "sample_rate=many",
                "encoding=linear17",
                "channels=0",
                "channels=9",
                "interim_results=maybe",
                "endpointing=soon",
                "utterance_end_ms=999",
                "utterance_end_ms=1000s",
                "callback=http://a/b",
                "vad_events=2",
                "sample_rate=-8000",
                "sample_rate=16000.5",
                "utt_split=0",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
                CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;
                struct error error = {0};

                assert_true(deepgram_wish_read(&wish, queries[i], &error) < 0);
                assert_memory_equal(error.text, queries[i], strcspn(queries[i], "="));
        }
}

static void an_unknown_language_is_refused_and_multi_is_any(void **state) {
        struct deepgram_wish wish;
        struct error error = {0};

        (void)state;
        assert_true(deepgram_wish_read(&wish, "language=klingon", &error) < 0);
        assert_non_null(strstr(error.text, "klingon"));
        deepgram_wish_deinit(&wish);
        assert_int_equal(deepgram_wish_read(&wish, "language=multi", NULL), 0);
        assert_string_equal(wish.options.language, "");
        assert_true(wish.is_multi);
        deepgram_wish_deinit(&wish);
}

static void keyterms_have_a_limit(void **state) {
        CLEANUP(mem_freep) char *query = xcalloc(60000, 1);
        struct deepgram_wish wish;
        size_t n = 0;

        (void)state;
        while (n < 50000) {
                memcpy(query + n, "keyterm=abcdefghijklmnopqrstuvwxyz&", 35);
                n += 35;
        }
        assert_true(deepgram_wish_read(&wish, query, NULL) < 0);
        deepgram_wish_deinit(&wish);
}

// --- messages --------------------------------------------------------------------------------

static int said(struct deepgram_message *ret, const char *text) {
        struct error error;

        return deepgram_message_read(ret, text, strlen(text), &error);
}

static void what_a_client_says_is_read(void **state) {
        struct deepgram_message message;

        (void)state;
        assert_int_equal(said(&message, "{\"type\":\"KeepAlive\"}"), 0);
        assert_int_equal(message.type, DEEPGRAM_KEEP_ALIVE);
        assert_int_equal(said(&message, "{\"type\":\"Finalize\",\"channel\":2}"), 0);
        assert_int_equal(message.type, DEEPGRAM_FINALIZE);
        assert_int_equal(message.channel, 2);
        assert_int_equal(said(&message, "{\"type\":\"Finalize\"}"), 0);
        assert_int_equal(message.channel, DEEPGRAM_ALL_CHANNELS);
        assert_int_equal(said(&message, "{\"type\":\"CloseStream\"}"), 0);
        assert_int_equal(message.type, DEEPGRAM_CLOSE_STREAM);
        assert_int_equal(said(&message, "{\"type\":\"Configure\",\"keyterms\":[\"a\"]}"), 0);
        assert_true(message.has_keyterms);
        assert_int_equal(said(&message, "{\"type\":\"Configure\",\"processors\":{}}"), 0);
        assert_false(message.has_keyterms);
}

static void what_is_no_message_is_told(void **state) {
        struct deepgram_message message;

        (void)state;
        assert_int_equal(said(&message, "hello"), DIALECT_E_JSON);
        assert_int_equal(said(&message, "[]"), DIALECT_E_JSON);
        assert_int_equal(said(&message, "{\"kind\":\"KeepAlive\"}"), DIALECT_E_MISSING);
        assert_int_equal(said(&message, "{\"type\":\"Hello\"}"), DIALECT_E_UNKNOWN);
        assert_int_equal(said(&message, "{\"type\":\"Finalize\",\"channel\":\"0\"}"),
                         DIALECT_E_TYPE);
        assert_int_equal(said(&message, "{\"type\":\"Finalize\",\"channel\":9}"),
                         DIALECT_E_VALUE);
}

// --- results ---------------------------------------------------------------------------------

static void words_are_bare_and_shown(void **state) {
        static const char *const cases[][2] = {
                {" Hello,", "hello"},
                {" don't", "don't"},
                {"\"Ärger!\"", "ärger"},
                {" -", "-"},
                {" 3.5%", "3.5"},
                {"ЖУК?", "жук"},
                {"", ""},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                CLEANUP(mem_freep) char *bare = bare_word(cases[i][0]);

                assert_string_equal(bare, cases[i][1]);
        }
}

static json_t *encoded(char *text, size_t n) {
        json_t *json = json_loadb(text, n, 0, NULL);

        assert_non_null(json);
        free(text);
        return json;
}

static void a_result_has_all_that_parsers_index(void **state) {
        char hello[] = " Hello,", you[] = " you.", both[] = " Hello, you.";
        struct hypothesis_word words[] = {
                {.begin = 0, .end = 8000, .text = hello, .probability = 0.5F},
                {.begin = 8000, .end = 16000, .text = you, .probability = 1},
        };
        struct segment segment = {.end = 16000, .text = both, .words = words, .n_words = 2};
        struct deepgram_result result = {.request_id = "id",
                                         .channel = 1,
                                         .n_channels = 2,
                                         .begin = 1600,
                                         .end = 24000,
                                         .is_final = true,
                                         .segments = &segment,
                                         .n_segments = 1};
        size_t n;
        char *text = deepgram_encode_result(&result, &n);
        json_t *json = encoded(text, n), *list;
        const char *transcript, *id, *first, *shown;
        double start, duration, confidence, word_start;
        int is_final, is_speech_final, is_from_finalize, channel, n_channels;

        (void)state;
        assert_int_equal(
                json_unpack(json,
                            "{s:[ii], s:f, s:f, s:b, s:b, s:b, s:{s:[{s:s, s:F, s:o}]}, "
                            "s:{s:s, s:s, s:{s:s, s:s, s:s}}}",
                            "channel_index", &channel, &n_channels, "start", &start, "duration",
                            &duration, "is_final", &is_final, "speech_final", &is_speech_final,
                            "from_finalize", &is_from_finalize, "channel", "alternatives",
                            "transcript", &transcript, "confidence", &confidence, "words",
                            &list, "metadata", "request_id", &id, "model_uuid", &shown,
                            "model_info", "name", &shown, "version", &shown, "arch", &shown),
                0);
        assert_true(channel == 1 && n_channels == 2 && is_final && !is_speech_final);
        assert_true(start > 0.0999 && start < 0.1001);
        assert_true(duration > 1.3999 && duration < 1.4001);
        assert_string_equal(transcript, "Hello, you.");
        assert_int_equal(json_array_size(list), 2);
        assert_int_equal(json_unpack(json_array_get(list, 0), "{s:s, s:s, s:f}", "word", &first,
                                     "punctuated_word", &shown, "start", &word_start),
                         0);
        assert_string_equal(first, "hello");
        assert_string_equal(shown, "Hello,");
        // No word begins before what it is told of.
        assert_true(word_start > 0.0999);
        json_decref(json);
}

static void what_the_model_takes_apart_at_a_sign_is_one_word(void **state) {
        char texts[5][16] = {" some", " 13", ",000", " well", "-known"};
        char whole[] = " some 13,000 well-known";
        struct hypothesis_word words[5];
        struct segment segment = {.end = 80000, .text = whole, .words = words, .n_words = 5};
        struct deepgram_recording recording = {
                .metadata = {.request_id = "r", .sha256 = "", .n_channels = 1},
                .segments = &segment,
                .n_segments = 1,
                .language = "en"};
        CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;
        const char *transcript, *second;
        double end, confidence;
        char *text;
        json_t *json, *list;

        (void)state;
        for (int i = 0; i < 5; i++)
                words[i] = (struct hypothesis_word){.begin = 16000 * i,
                                                    .end = 16000 * (i + 1),
                                                    .text = texts[i],
                                                    .probability = i == 2 ? 0.25F : 0.5F};
        assert_int_equal(deepgram_wish_read(&wish, "", NULL), 0);
        text = deepgram_encode_recording(&wish, &recording);
        json = encoded(text, strlen(text));
        assert_int_equal(json_unpack(json, "{s:{s:[{s:[{s:s, s:o}]}]}}", "results", "channels",
                                     "alternatives", "transcript", &transcript, "words", &list),
                         0);
        assert_string_equal(transcript, "some 13,000 well-known");
        assert_int_equal(json_array_size(list), 3);
        assert_int_equal(json_unpack(json_array_get(list, 1), "{s:s, s:f, s:f}", "word",
                                     &second, "end", &end, "confidence", &confidence),
                         0);
        assert_string_equal(second, "13,000");
        assert_true(end > 2.999 && end < 3.001 && confidence < 0.3);
        json_decref(json);
}

static void text_without_word_times_has_words_all_the_same(void **state) {
        char said_text[] = " one two";
        struct segment segment = {.begin = 16000, .end = 32000, .text = said_text};
        struct deepgram_result result = {.request_id = "",
                                         .n_channels = 1,
                                         .begin = 0,
                                         .end = 32000,
                                         .segments = &segment,
                                         .n_segments = 1};
        size_t n;
        char *text = deepgram_encode_result(&result, &n);
        json_t *json = encoded(text, n), *words;
        double start, end;

        (void)state;
        assert_int_equal(json_unpack(json, "{s:{s:[{s:o}]}}", "channel", "alternatives",
                                     "words", &words),
                         0);
        assert_int_equal(json_array_size(words), 2);
        assert_int_equal(json_unpack(json_array_get(words, 1), "{s:f, s:f}", "start", &start,
                                     "end", &end),
                         0);
        assert_true(start > 1.4 && start < 1.6 && end > 1.99 && end < 2.01);
        json_decref(json);
}

static void nothing_said_has_empty_lists(void **state) {
        struct deepgram_result result = {.request_id = "", .n_channels = 1};
        size_t n;
        char *text = deepgram_encode_result(&result, &n);

        (void)state;
        assert_non_null(strstr(text, "\"transcript\":\"\""));
        assert_non_null(strstr(text, "\"words\":[]"));
        assert_non_null(strstr(text, "\"confidence\":0"));
        json_decref(encoded(text, n));
}

static void metadata_has_its_fields(void **state) {
        struct deepgram_metadata metadata = {.request_id = "r",
                                             .sha256 = "e3b0",
                                             .created = 1767323045 * NSEC_PER_SEC +
                                                        678 * NSEC_PER_MSEC,
                                             .duration = 196800,
                                             .n_channels = 1};
        size_t n;
        char *text = deepgram_encode_metadata(&metadata, &n);

        (void)state;
        assert_non_null(strstr(text, "\"created\":\"2026-01-02T03:04:05.678Z\""));
        assert_non_null(strstr(text, "\"duration\":12.300"));
        assert_non_null(strstr(text, "\"transaction_key\":\"deprecated\""));
        assert_non_null(strstr(text, "\"channels\":1"));
        json_decref(encoded(text, n));
}

static void ids_are_uuids_and_differ(void **state) {
        char one[DEEPGRAM_ID_MAX], other[DEEPGRAM_ID_MAX];

        (void)state;
        deepgram_id_make(one);
        deepgram_id_make(other);
        assert_int_equal(strlen(one), 36);
        assert_int_equal(one[14], '4');
        assert_string_not_equal(one, other);
}

// --- recordings ------------------------------------------------------------------------------

// Words a second long each, but for the silences before some of them.
static void words_make(struct hypothesis_word *words, char texts[][16], size_t n,
                       const int64_t *silences) {
        int64_t at = 0;

        for (size_t i = 0; i < n; i++) {
                at += silences[i] * 1600;
                words[i] = (struct hypothesis_word){
                        .begin = at, .end = at + 16000, .text = texts[i], .probability = 0.5F};
                at += 16000;
        }
}

static void a_recording_has_what_was_wished_for(void **state) {
        char texts[5][16] = {" Hello", " you.", " And", " so", " on."};
        const int64_t silences[5] = {0, 0, 12, 9, 0};  // tenths of a second
        struct hypothesis_word words[5];
        char text[] = " Hello you. And so on.";
        struct segment segment = {.text = text, .words = words, .n_words = 5};
        struct deepgram_recording recording = {
                .metadata = {.request_id = "r", .sha256 = "", .n_channels = 1},
                .segments = &segment,
                .n_segments = 1,
                .language = "de"};
        CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;
        char *encoded_text;
        json_t *json, *paragraphs, *utterances;
        const char *language, *transcript, *joined, *sentence, *utterance;

        (void)state;
        words_make(words, texts, 5, silences);
        assert_int_equal(deepgram_wish_read(&wish,
                                            "utterances=true&paragraphs=true&"
                                            "detect_language=true&utt_split=0.8",
                                            NULL),
                         0);
        encoded_text = deepgram_encode_recording(&wish, &recording);
        json = encoded(encoded_text, strlen(encoded_text));
        assert_int_equal(json_unpack(json, "{s:{s:[{s:s, s:[{s:s, s:{s:s, s:o}}]}], s:o}}",
                                     "results", "channels", "detected_language", &language,
                                     "alternatives", "transcript", &transcript, "paragraphs",
                                     "transcript", &joined, "paragraphs", &paragraphs,
                                     "utterances", &utterances),
                         0);
        assert_string_equal(language, "de");
        assert_string_equal(transcript, "Hello you. And so on.");
        assert_string_equal(joined, "\nHello you.\n\nAnd so on.");
        assert_int_equal(json_array_size(paragraphs), 2);
        assert_int_equal(json_unpack(json_array_get(paragraphs, 1), "{s:[{s:s}]}", "sentences",
                                     "text", &sentence),
                         0);
        assert_string_equal(sentence, "And so on.");
        assert_int_equal(json_array_size(utterances), 3);
        assert_int_equal(
                json_unpack(json_array_get(utterances, 2), "{s:s}", "transcript", &utterance),
                0);
        assert_string_equal(utterance, "so on.");
        json_decref(json);
}

static void languages_without_blanks_have_none(void **state) {
        char texts[3][16] = {" 今日", "は", "晴れ。"};
        const int64_t silences[3] = {0};
        struct hypothesis_word words[3];
        char text[] = " 今日は晴れ。";
        struct segment segment = {.text = text, .words = words, .n_words = 3};
        const struct deepgram_recording recording = {
                .metadata = {.request_id = "r", .sha256 = ""},
                .segments = &segment,
                .n_segments = 1,
                .language = "ja"};
        CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;
        char *told;

        (void)state;
        words_make(words, texts, 3, silences);
        assert_int_equal(deepgram_wish_read(&wish, "utterances=true", NULL), 0);
        told = deepgram_encode_recording(&wish, &recording);
        assert_non_null(strstr(told, "\"utterances\":[{"));
        for (char *at = told; (at = strstr(at, "\"transcript\":\"")); at++)
                assert_memory_equal(at, "\"transcript\":\"今日は晴れ。\"",
                                    strlen("\"transcript\":\"今日は晴れ。\""));
        free(told);
}

static void a_silent_recording_is_a_recording(void **state) {
        const struct deepgram_recording recording = {
                .metadata = {.request_id = "r", .sha256 = ""}, .language = ""};
        CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;
        char *text;

        (void)state;
        assert_int_equal(deepgram_wish_read(&wish, "utterances=true&paragraphs=true", NULL), 0);
        text = deepgram_encode_recording(&wish, &recording);
        assert_non_null(strstr(text, "\"words\":[]"));
        assert_non_null(strstr(text, "\"utterances\":[]"));
        assert_null(strstr(text, "detected_language"));
        json_decref(encoded(text, strlen(text)));
}

static void samples_get_the_head_of_a_file(void **state) {
        CLEANUP(deepgram_wish_deinit) struct deepgram_wish wish;
        uint8_t head[WAVE_HEAD_BYTES];

        (void)state;
        assert_int_equal(deepgram_wish_read(&wish, "encoding=mulaw&channels=2", NULL), 0);
        wave_head_write(&wish, head);
        assert_memory_equal(head, "RIFF", 4);
        assert_memory_equal(head + 20, "\7\0\2\0\x40\x1f\0\0\x80\x3e\0\0\2\0\10\0", 16);
}

// --- packets ---------------------------------------------------------------------------------

struct pages {
        uint8_t bytes[4096];
        size_t n;
};

static void pages_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct pages *pages = context;

        assert_true(n <= sizeof(pages->bytes) - pages->n);
        memcpy(pages->bytes + pages->n, bytes, n);
        pages->n += n;
}

static bool pages_have(const struct pages *pages, const char *text) {
        return memmem(pages->bytes, pages->n, text, strlen(text));
}

static void packets_come_in_pages_behind_their_headers(void **state) {
        static const uint8_t packet[] = {0xfc, 'p', 'k'};  // CELT, 20 ms
        struct pages pages = {0};
        struct packets *packets = packets_new(PACKETS_OPUS, 48000, 1, pages_on_bytes, &pages);

        (void)state;
        packets_add(packets, packet, sizeof(packet));
        assert_memory_equal(pages.bytes, "OggS", 4);
        assert_true(pages_have(&pages, "OpusHead") && pages_have(&pages, "OpusTags"));
        assert_memory_equal(pages.bytes + pages.n - 3, packet, 3);
        packets_free(packets);
        pages.n = 0;
        packets = packets_new(PACKETS_SPEEX, 16000, 1, pages_on_bytes, &pages);
        packets_add(packets, packet, sizeof(packet));
        packets_add(packets, packet, 0);
        assert_true(pages_have(&pages, "Speex   "));
        packets_free(packets);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_query_without_parameters_is_a_container_with_finals_only),
                cmocka_unit_test(what_is_asked_for_is_read),
                cmocka_unit_test(pauses_are_brought_within_their_limits),
                cmocka_unit_test(rates_are_those_of_their_encodings),
                cmocka_unit_test(values_that_make_no_sense_are_refused_by_name),
                cmocka_unit_test(an_unknown_language_is_refused_and_multi_is_any),
                cmocka_unit_test(keyterms_have_a_limit),
                cmocka_unit_test(what_a_client_says_is_read),
                cmocka_unit_test(what_is_no_message_is_told),
                cmocka_unit_test(words_are_bare_and_shown),
                cmocka_unit_test(a_result_has_all_that_parsers_index),
                cmocka_unit_test(what_the_model_takes_apart_at_a_sign_is_one_word),
                cmocka_unit_test(text_without_word_times_has_words_all_the_same),
                cmocka_unit_test(nothing_said_has_empty_lists),
                cmocka_unit_test(metadata_has_its_fields),
                cmocka_unit_test(ids_are_uuids_and_differ),
                cmocka_unit_test(a_recording_has_what_was_wished_for),
                cmocka_unit_test(languages_without_blanks_have_none),
                cmocka_unit_test(a_silent_recording_is_a_recording),
                cmocka_unit_test(samples_get_the_head_of_a_file),
                cmocka_unit_test(packets_come_in_pages_behind_their_headers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
