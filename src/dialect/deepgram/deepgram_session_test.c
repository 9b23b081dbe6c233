// A live Deepgram client: results that tile its time line, and what it is told at the end.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <jansson.h>

#include "audio/sound_rig.h"
#include "dialect/session_rig.h"
#include "source/media_backend.h"
#include "source/source_rig.h"
#include "util/mem.h"

#define DEEPGRAM_TEST(function) \
        cmocka_unit_test_setup_teardown(function, session_rig_setup, session_rig_teardown)

#define RAW "/v1/listen?encoding=linear16&sample_rate=16000"

#define TURNS_MAX 2000000

static struct session *session_of(struct session_rig *rig) {
        return (struct session *)hub_first_session(rig->hub->hub);  // its base is first
}

static struct session *client_connect(struct session_rig *rig, const char *target) {
        session_rig_connect(rig, target, 0);
        session_rig_expect(rig, "\r\n\r\n");
        while (!session_of(rig))
                loop_turn(rig->hub->loop);
        return session_of(rig);
}

// The next frame that the server has sent: a text's object, or NULL for a close frame, whose
// code and reason go to *ret_reason.
static json_t *frame_next(struct session_rig *rig, char ret_reason[128]) {
        for (int turns = 0; turns < TURNS_MAX; turns++) {
                const uint8_t *bytes = (const uint8_t *)rig->bytes;
                size_t head = 2, n = rig->n_bytes > 1 ? bytes[1] : SIZE_MAX / 2;
                ssize_t got;

                if (n == 126 && rig->n_bytes >= 4) {
                        head = 4;
                        n = (size_t)bytes[2] << 8 | bytes[3];
                }
                if (n <= SESSION_RIG_BYTES && rig->n_bytes >= head + n) {
                        bool is_text = bytes[0] == 0x81, is_close = bytes[0] == 0x88;
                        json_t *json =
                                is_text ? json_loadb(rig->bytes + head, n, 0, NULL) : NULL;

                        assert_true(!is_text || json);
                        if (is_close)
                                snprintf(ret_reason, 128, "%d %.*s",
                                         bytes[head] << 8 | bytes[head + 1], (int)n - 2,
                                         rig->bytes + head + 2);
                        rig->n_bytes -= head + n;
                        memmove(rig->bytes, rig->bytes + head + n, rig->n_bytes);
                        if (is_text || is_close)
                                return json;
                        continue;  // a ping
                }
                got = recv(rig->fd, rig->bytes + rig->n_bytes, SESSION_RIG_BYTES - rig->n_bytes,
                           MSG_DONTWAIT);
                if (got > 0)
                        rig->n_bytes += (size_t)got;
                loop_turn(rig->hub->loop);
        }
        fail_msg("nothing more was sent");
        return NULL;
}

struct result {
        char type[32];
        double start, duration;
        int is_final, is_speech_final, is_from_finalize, channel, n_channels;
        char text[64];
};

// The next message, of whatever type; its fields where it is a result.
static struct result message_next(struct session_rig *rig) {
        struct result ret = {0};
        char reason[128];
        json_t *json = frame_next(rig, reason);
        const char *type = json_string_value(json_object_get(json, "type")), *text;

        assert_non_null(type);
        snprintf(ret.type, sizeof(ret.type), "%s", type);
        if (strcmp(type, "Results") == 0) {
                assert_int_equal(
                        json_unpack(json, "{s:F, s:F, s:b, s:b, s:b, s:[ii], s:{s:[{s:s}]}}",
                                    "start", &ret.start, "duration", &ret.duration, "is_final",
                                    &ret.is_final, "speech_final", &ret.is_speech_final,
                                    "from_finalize", &ret.is_from_finalize, "channel_index",
                                    &ret.channel, &ret.n_channels, "channel", "alternatives",
                                    "transcript", &text),
                        0);
                snprintf(ret.text, sizeof(ret.text), "%s", text);
        }
        json_decref(json);
        return ret;
}

static struct result message_expect(struct session_rig *rig, const char *type) {
        struct result message = message_next(rig);

        assert_string_equal(message.type, type);
        return message;
}

static void close_expect(struct session_rig *rig, const char *words) {
        char reason[128];

        assert_null(frame_next(rig, reason));
        assert_string_equal(reason, words);
}

static void sound_send(struct session *session, const void *bytes, size_t n) {
        const struct websocket_piece piece = {bytes, n, true, true};

        session->dialect->on_binary(session, &piece);
}

static void silence_send(struct session *session, double seconds) {
        size_t n = (size_t)(seconds * AUDIO_RATE) * 2;
        char *zeros = xcalloc(n, 1);

        sound_send(session, zeros, n);
        free(zeros);
}

// Eleven seconds of a man who pauses between his sentences, `n_channels` times side by side, of
// which those whose bits are set have it.
static void speech_send(struct session_rig *rig, struct session *session, unsigned n_channels,
                        unsigned channels) {
        struct sound speech = rig_need_sound("misc/jfk.flac");
        int16_t *samples;

        samples = (int16_t *)xcalloc(speech.n * n_channels, sizeof(*samples));
        for (size_t i = 0; i < speech.n * n_channels; i++)
                if (channels & 1u << i % n_channels)
                        samples[i] = (int16_t)(speech.samples[i / n_channels] * 32767);
        // In tenths of a second, as people send it, while the decoder keeps up.
        for (size_t i = 0; i < speech.n * n_channels; i += 1600 * (size_t)n_channels) {
                size_t left = speech.n * n_channels - i, most = 1600 * (size_t)n_channels;

                loop_advance(rig->hub->loop, NSEC_PER_SEC / 10);
                sound_send(session, samples + i, 2 * (left < most ? left : most));
                for (int turns = 0; turns < 20; turns++)
                        loop_turn(rig->hub->loop);
        }
        free(samples);
        free(speech.samples);
}

static bool nearly(double a, double b) {
        return a - b < 0.0005 && b - a < 0.0005;
}

// --- tests -----------------------------------------------------------------------------------

static void finals_tile_the_sound_and_metadata_is_last(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW);
        double end = 0;
        int n_finals = 0;
        struct result message;

        speech_send(rig, session, 1, 1);
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        while (strcmp((message = message_next(rig)).type, "Results") == 0) {
                assert_true(message.is_final && message.is_speech_final);
                assert_true(nearly(message.start, end));
                assert_string_equal(message.text, "word");
                assert_int_equal(message.n_channels, 1);
                end = message.start + message.duration;
                n_finals++;
        }
        assert_true(n_finals > 1 && end > 10);
        assert_string_equal(message.type, "Metadata");
        close_expect(rig, "1000 ");
}

static void an_empty_message_ends_as_well(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW);

        sound_send(session, "", 0);
        message_expect(rig, "Metadata");
        close_expect(rig, "1000 ");
}

static void interims_have_the_start_of_the_final_to_come(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW "&interim_results=true");
        double end = 0;
        int n_interims = 0;
        struct result message;

        speech_send(rig, session, 1, 1);
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        while (strcmp((message = message_next(rig)).type, "Results") == 0) {
                assert_true(nearly(message.start, end));
                assert_true(message.duration >= 0);
                if (message.is_final)
                        end = message.start + message.duration;
                else
                        n_interims++;
                assert_true(message.is_final || !message.is_speech_final);
        }
        assert_true(n_interims > 0);
}

static void endpoints_may_be_switched_off(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW "&endpointing=false");
        struct result message;

        speech_send(rig, session, 1, 1);
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        while (strcmp((message = message_next(rig)).type, "Results") == 0)
                assert_false(message.is_speech_final);
}

static void finalize_is_always_answered(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW);
        struct result message;
        double end;

        // Nothing came, nothing but silence, and twice.
        session_rig_send(rig, "{\"type\":\"Finalize\"}");
        message = message_expect(rig, "Results");
        assert_true(message.is_final && message.is_from_finalize && message.duration < 0.001);
        silence_send(session, 1);
        session_rig_send(rig, "{\"type\":\"Finalize\"}");
        session_rig_send(rig, "{\"type\":\"Finalize\"}");
        message = message_expect(rig, "Results");
        assert_true(message.is_from_finalize && nearly(message.duration, 1));
        message = message_expect(rig, "Results");
        assert_true(message.is_from_finalize && message.duration < 0.001);
        // Somebody spoke: the last of his words answer it, and nothing else does.
        speech_send(rig, session, 1, 1);
        session_rig_send(rig, "{\"type\":\"Finalize\"}");
        end = 1;
        do {
                message = message_expect(rig, "Results");
                assert_true(nearly(message.start, end));
                assert_string_equal(message.text, "word");
                end = message.start + message.duration;
        } while (!message.is_from_finalize);
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        message_expect(rig, "Metadata");
}

static void the_resamplers_rest_belongs_to_what_is_finalized(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session =
                client_connect(rig, "/v1/listen?encoding=linear16&sample_rate=8000");
        struct result message;

        silence_send(session, 0.5);  // a second of that rate
        session_rig_send(rig, "{\"type\":\"Finalize\"}");
        message = message_expect(rig, "Results");
        assert_true(nearly(message.duration, 1));
}

static void finalizes_without_number_are_answered_sixteen_times(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW);
        const char *finalize = "{\"type\":\"Finalize\"}";
        unsigned n = 0;
        struct result message;

        speech_send(rig, session, 1, 1);
        for (int i = 0; i < 40; i++)
                session->dialect->on_text(session, finalize, strlen(finalize));
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        while (strcmp((message = message_next(rig)).type, "Results") == 0)
                n += (unsigned)message.is_from_finalize;
        assert_int_equal(n, 16);
}

// Who speaks on does not keep the answer away.
static void finalize_is_answered_by_the_window_that_it_closed(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW);
        const char *finalize = "{\"type\":\"Finalize\"}";
        double finalized = 0;
        unsigned n = 0, n_after = 0;
        struct sound speech = rig_need_sound("misc/jfk.flac");
        int16_t *samples = (int16_t *)xcalloc(speech.n, sizeof(*samples));
        struct result message;

        for (size_t i = 0; i < speech.n; i++)
                samples[i] = (int16_t)(speech.samples[i] * 32767);
        // Poured: nothing of it is text when the rest comes.
        sound_send(session, samples, (size_t)2 * AUDIO_RATE * sizeof(*samples));
        session->dialect->on_text(session, finalize, strlen(finalize));
        sound_send(session, samples + (size_t)2 * AUDIO_RATE,
                   (speech.n - (size_t)2 * AUDIO_RATE) * sizeof(*samples));
        free(samples);
        free(speech.samples);
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        while (strcmp((message = message_next(rig)).type, "Results") == 0) {
                if (message.is_from_finalize) {
                        finalized = message.start + message.duration;
                        n++;
                } else {
                        n_after += n;
                }
        }
        assert_int_equal(n, 1);
        assert_true(finalized < 2.1 && n_after > 0);
}

static void one_that_is_not_there_cannot_be_finalized(void **state) {
        struct session_rig *rig = session_rig_need(state);

        client_connect(rig, RAW);
        session_rig_send(rig, "{\"type\":\"Finalize\",\"channel\":1}");
        message_expect(rig, "Error");
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        message_expect(rig, "Metadata");
}

// All of it came at once: its windows are closed when they are first seen.
static void poured_speech_is_told_to_start(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session =
                client_connect(rig, RAW "&vad_events=true&utterance_end_ms=1000");
        struct sound speech = rig_need_sound("misc/jfk.flac");
        size_t n = (size_t)4 * AUDIO_RATE, n_words = (size_t)2 * AUDIO_RATE;
        int16_t *samples = (int16_t *)xcalloc(n, sizeof(*samples));

        for (size_t i = 0; i < n_words; i++)
                samples[i] = (int16_t)(speech.samples[i] * 32767);
        sound_send(session, samples, n * sizeof(*samples));
        free(samples);
        free(speech.samples);
        message_expect(rig, "SpeechStarted");
        message_expect(rig, "Results");
        // Though no more sound comes.
        message_expect(rig, "UtteranceEnd");
}

static void speech_and_the_end_of_an_utterance_are_told(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session =
                client_connect(rig, RAW "&vad_events=true&utterance_end_ms=1000");
        struct result message;
        int n_started = 0, n_ends = 0, n_finals = 0;

        silence_send(session, 1);
        speech_send(rig, session, 1, 1);
        silence_send(session, 1);
        // What was said becomes text while silence goes on.
        while (n_ends == 0) {
                message = message_next(rig);
                n_started += strcmp(message.type, "SpeechStarted") == 0;
                n_finals += message.is_final;
                n_ends += strcmp(message.type, "UtteranceEnd") == 0;
                if (n_finals > 0)
                        silence_send(session, 0.5);
        }
        assert_true(n_started > 0 && n_finals > 0);
        silence_send(session, 3);
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        do
                assert_string_not_equal((message = message_next(rig)).type, "UtteranceEnd");
        while (strcmp(message.type, "Metadata") != 0);
}

static void a_client_that_says_nothing_is_sent_away(void **state) {
        struct session_rig *rig = session_rig_need(state);

        client_connect(rig, RAW);
        loop_advance(rig->hub->loop, 30 * NSEC_PER_SEC);
        session_rig_send(rig, "{\"type\":\"KeepAlive\"}");
        // Which is read before the next answer.
        session_rig_send(rig, "{\"type\":\"Configure\"}");
        message_expect(rig, "ConfigureSuccess");
        loop_advance(rig->hub->loop, 44 * NSEC_PER_SEC);
        session_rig_send(rig, "{\"type\":\"Configure\",\"keyterms\":[\"a\"]}");
        message_expect(rig, "ConfigureFailure");
        loop_advance(rig->hub->loop, 46 * NSEC_PER_SEC);
        message_expect(rig, "Error");
        close_expect(rig, "1011 NET-0001");
}

static void what_is_not_understood_is_told_and_the_session_goes_on(void **state) {
        struct session_rig *rig = session_rig_need(state);

        client_connect(rig, RAW);
        session_rig_send(rig, "hello");
        message_expect(rig, "Error");
        session_rig_send(rig, "{\"type\":\"Hello\"}");
        message_expect(rig, "Error");
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        message_expect(rig, "Metadata");
        close_expect(rig, "1000 ");
}

static void each_channel_has_results_of_its_own(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW "&channels=3&multichannel=true");
        struct result message;
        int n_finals[3] = {0};
        double ends[3] = {0};

        speech_send(rig, session, 3, 5);
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        while (strcmp((message = message_next(rig)).type, "Results") == 0) {
                assert_int_equal(message.n_channels, 3);
                assert_in_range(message.channel, 0, 2);
                assert_true(nearly(message.start, ends[message.channel]));
                ends[message.channel] = message.start + message.duration;
                n_finals[message.channel]++;
        }
        assert_string_equal(message.type, "Metadata");
        assert_true(n_finals[0] > 0 && n_finals[2] == n_finals[0]);
        assert_int_equal(n_finals[1], 0);
}

static void one_channel_may_be_finalized(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session = client_connect(rig, RAW "&channels=2&multichannel=true");
        struct result message;

        silence_send(session, 2);
        session_rig_send(rig, "{\"type\":\"Finalize\",\"channel\":1}");
        message = message_expect(rig, "Results");
        assert_true(message.is_from_finalize && message.channel == 1);
        session_rig_send(rig, "{\"type\":\"Finalize\"}");
        message = message_expect(rig, "Results");
        assert_int_equal(message.channel, 0);
        message = message_expect(rig, "Results");
        assert_int_equal(message.channel, 1);
}

static void floats_that_are_none_are_no_sound(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct session *session =
                client_connect(rig, "/v1/listen?encoding=linear32&sample_rate=16000");
        struct sound speech = rig_need_sound("misc/jfk.flac");
        int16_t *samples = (int16_t *)xcalloc(speech.n, sizeof(*samples));

        for (size_t i = 0; i < speech.n; i++)
                samples[i] = (int16_t)(speech.samples[i] * 32767);
        sound_send(session, samples, speech.n * sizeof(*samples));
        free(samples);
        free(speech.samples);
        message_expect(rig, "Error");
        close_expect(rig, "1008 DATA-0000");
}

static void garbage_in_place_of_a_container_is_no_sound(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct media_backend *media = media_backend_new(rig->hub->loop, rig_media[1]);
        const struct upload_services services = {.loop = rig->hub->loop, .media = media};
        uint8_t garbage[40000];

        rig->hub->parts.uploads = &services;
        hub_rig_renew(rig->hub);
        for (size_t i = 0; i < sizeof(garbage); i++)
                garbage[i] = (uint8_t)(i * i >> 5);
        sound_send(client_connect(rig, "/v1/listen"), garbage, sizeof(garbage));
        message_expect(rig, "Error");
        close_expect(rig, "1008 DATA-0000");
        session_rig_connect(rig, "/v1/listen", 0);  // another client; nothing was sent
        session_rig_expect(rig, "\r\n\r\n");
        session_rig_send(rig, "{\"type\":\"CloseStream\"}");
        message_expect(rig, "Metadata");
        close_expect(rig, "1000 ");
        close(rig->fd);
        rig->fd = -1;
        while (session_of(rig) || source_children() > 0)
                loop_turn(rig->hub->loop);
        media_backend_free(media);
}

// The head of a WAV file whose length is not known, and silence.
static void wave_send(struct session *session, size_t n) {
        static const uint8_t head[44] = {'R', 'I', 'F', 'F', 255, 255, 255, 255, 'W', 'A', 'V',
                                         'E', 'f', 'm', 't', ' ', 16,  0,   0,   0,   1,   0,
                                         1,   0,   128, 62,  0,   0,   0,   125, 0,   0,   2,
                                         0,   16,  0,   'd', 'a', 't', 'a', 255, 255, 255, 255};
        uint8_t *bytes = (uint8_t *)xcalloc(n, 1);

        memcpy(bytes, head, sizeof(head));
        sound_send(session, bytes, n);
        free(bytes);
}

static void what_was_heard_is_told_though_the_sound_is_lost(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct media_backend *media = media_backend_new(rig->hub->loop, rig_media[1]);
        const struct upload_services services = {.loop = rig->hub->loop, .media = media};
        struct session *session;

        rig->hub->parts.uploads = &services;
        hub_rig_renew(rig->hub);
        session = client_connect(rig, "/v1/listen");
        wave_send(session, 200000);
        while (stream_position(session->stream) == 0)
                loop_turn(rig->hub->loop);
        kill(rig_only_child(), SIGKILL);
        message_expect(rig, "Error");
        message_expect(rig, "Metadata");
        close_expect(rig, "1011 NET-0000");
        close(rig->fd);
        rig->fd = -1;
        while (session_of(rig) || source_children() > 0)
                loop_turn(rig->hub->loop);
        media_backend_free(media);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                DEEPGRAM_TEST(finals_tile_the_sound_and_metadata_is_last),
                DEEPGRAM_TEST(an_empty_message_ends_as_well),
                DEEPGRAM_TEST(interims_have_the_start_of_the_final_to_come),
                DEEPGRAM_TEST(endpoints_may_be_switched_off),
                DEEPGRAM_TEST(finalize_is_always_answered),
                DEEPGRAM_TEST(the_resamplers_rest_belongs_to_what_is_finalized),
                DEEPGRAM_TEST(finalizes_without_number_are_answered_sixteen_times),
                DEEPGRAM_TEST(finalize_is_answered_by_the_window_that_it_closed),
                DEEPGRAM_TEST(one_that_is_not_there_cannot_be_finalized),
                DEEPGRAM_TEST(poured_speech_is_told_to_start),
                DEEPGRAM_TEST(speech_and_the_end_of_an_utterance_are_told),
                DEEPGRAM_TEST(a_client_that_says_nothing_is_sent_away),
                DEEPGRAM_TEST(what_is_not_understood_is_told_and_the_session_goes_on),
                DEEPGRAM_TEST(each_channel_has_results_of_its_own),
                DEEPGRAM_TEST(one_channel_may_be_finalized),
                DEEPGRAM_TEST(floats_that_are_none_are_no_sound),
                DEEPGRAM_TEST(garbage_in_place_of_a_container_is_no_sound),
                DEEPGRAM_TEST(what_was_heard_is_told_though_the_sound_is_lost),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
