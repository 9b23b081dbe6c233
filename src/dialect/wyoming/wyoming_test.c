// Wyoming: its events cut anywhere, what is refused, and utterances from the first byte to the
// text.
#include <stdlib.h>
#include <string.h>

#include "audio/sound_rig.h"
#include "dialect/session_rig.h"
#include "dialect/wyoming/messages.h"
#include "dialect/wyoming/reader.h"
#include "journal/journal_rig.h"
#include "util/mem.h"

#define SESSION_TEST(function) \
        cmocka_unit_test_setup_teardown(function, setup, session_rig_teardown)

extern const struct dialect dialect_wyoming;

static const struct dialect *const only_wyoming[] = {&dialect_wyoming, NULL};

static int setup(void **state) {
        int r = session_rig_setup(state);
        struct session_rig *rig = *state;

        rig->dialects = only_wyoming;
        return r;
}

// --- reading ---------------------------------------------------------------------------------

// What the reader makes of bytes that come `step` at a time: "type{data}" of events, the bytes
// of payloads, "!" for what is none.
static char *read_all(const char *bytes, size_t n, size_t step) {
        struct wyoming_reader reader = {0};
        char *found = xstrdup("");

        for (size_t at = 0; at < n;) {
                size_t given = n - at < step ? n - at : step;
                struct wyoming_piece piece;
                struct error error = {0};
                size_t taken = wyoming_read(&reader, (const uint8_t *)bytes + at, given, &piece,
                                            &error);
                CLEANUP(mem_freep) char *before = found;
                CLEANUP(mem_freep) char *data = NULL;

                assert_true(taken > 0 && taken <= given);
                at += taken;
                if (piece.found == WYOMING_EVENT) {
                        data = json_dumps(piece.data, JSON_COMPACT | JSON_SORT_KEYS);
                        found = xasprintf("%s%s%s", before, piece.type, data);
                } else if (piece.found == WYOMING_PAYLOAD) {
                        found = xasprintf("%s%.*s", before, (int)piece.n,
                                          (const char *)piece.bytes);
                } else if (piece.found == WYOMING_BAD) {
                        assert_true(error.text[0]);
                        found = xasprintf("%s!", before);
                        break;
                } else {
                        found = xstrdup(before);
                }
        }
        wyoming_reader_deinit(&reader);
        return found;
}

static void events_may_be_cut_anywhere(void **state) {
        static const char bytes[] =
                "{\"type\":\"a\"}\n"
                "{\"type\": \"b\", \"version\": \"1.10.2\", "
                "\"data_length\": 7, \"payload_length\": 5}\n"
                "{\"r\":1}sound"
                "{\"type\":\"c\",\"data\":{\"r\":2,\"s\":3},\"data_length\":7}\n"
                "{\"r\":4}"
                "{\"type\":\"d\",\"data\":null,\"payload_length\":1}\nx";

        (void)state;
        for (size_t step = 1; step <= sizeof(bytes); step++) {
                CLEANUP(mem_freep) char *found = read_all(bytes, sizeof(bytes) - 1, step);

                assert_string_equal(found, "a{}b{\"r\":1}soundc{\"r\":4,\"s\":3}d{}x");
        }
}

static void what_is_no_event_is_told(void **state) {
        static const char *const bad[] = {
                "GET / HTTP/1.1\r\n",
                "\n",
                "[]\n",
                "{}\n",
                "{\"type\":1}\n",
                "{\"type\":\"a\",\"data\":[]}\n",
                "{\"type\":\"a\",\"data_length\":-1}\n",
                "{\"type\":\"a\",\"data_length\":65537}\n",
                "{\"type\":\"a\",\"payload_length\":67108865}\n",
                "{\"type\":\"a\",\"payload_length\":1.5}\n",
                "{\"type\":\"a\",\"data_length\":2}\n[]",
                "{\"type\":\"a\",\"data_length\":2}\nxx",
                "{\"type\":\"\xff\"}\n",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CLEANUP(mem_freep) char *found = read_all(bad[i], strlen(bad[i]), 5);

                assert_string_equal(found, "!");
        }
}

static void a_line_of_a_megabyte_is_refused_before_it_has_come(void **state) {
        size_t n = 1000000, most = WYOMING_LINE_MAX + 1024;
        CLEANUP(mem_freep) char *line = xcalloc(n, 1);
        struct wyoming_reader reader = {0};
        struct wyoming_piece piece = {0};
        struct error error = {0};
        size_t at = 0;

        (void)state;
        memset(line, ' ', n);
        while (piece.found != WYOMING_BAD && at < n)
                at += wyoming_read(&reader, (const uint8_t *)line + at, 1024, &piece, &error);
        assert_true(at <= most);
        assert_non_null(strstr(error.text, "longer than 65536 bytes"));
        assert_true(reader.n_text <= WYOMING_LINE_MAX);
        wyoming_reader_deinit(&reader);
}

static void wishes_and_shapes_are_read(void **state) {
        struct client_options wish = {0};
        struct wyoming_shape shape = {16000, 2, 1};
        struct error error = {0};
        json_t *data = json_loads("{\"language\":\"en-GB\",\"name\":\"any\",\"context\":{},"
                                  "\"transcript_names\":[\"Ada\"],"
                                  "\"transcript_terms\":[\"lamp\",\"kitchen\"]}",
                                  0, NULL);

        (void)state;
        assert_int_equal(wyoming_wish_read(&wish, data, &error), 0);
        assert_string_equal(wish.language, "en");
        assert_string_equal(wish.hotwords, "Ada lamp kitchen");
        client_options_deinit(&wish);
        json_decref(data);

        data = json_loads("{\"rate\":48000,\"width\":4,\"timestamp\":null}", 0, NULL);
        assert_int_equal(wyoming_shape_read(&shape, data, &error), 0);
        assert_int_equal(shape.rate, 48000);
        assert_int_equal(shape.width, 4);
        assert_int_equal(shape.channels, 1);
        json_decref(data);
}

static void sound_that_cannot_be_is_refused(void **state) {
        static const char *const bad[] = {"{\"rate\":0}",     "{\"rate\":1000000000}",
                                          "{\"width\":5}",    "{\"channels\":9}",
                                          "{\"channels\":0}", "{\"rate\":\"16000\"}"};

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                struct wyoming_shape shape = {16000, 2, 1};
                json_t *data = json_loads(bad[i], 0, NULL);
                struct error error = {0};

                assert_int_not_equal(wyoming_shape_read(&shape, data, &error), 0);
                assert_true(error.text[0]);
                assert_int_equal(shape.rate, 16000);
                json_decref(data);
        }
}

// --- sessions --------------------------------------------------------------------------------

static void say(struct session_rig *rig, const char *event) {
        CLEANUP(mem_freep) char *line = xasprintf("%s\n", event);

        session_rig_send_bytes(rig, line, strlen(line), false);
}

// A chunk of that much of a recording, as s16 at 16 kHz.
static void say_sound(struct session_rig *rig, const struct sound *speech) {
        size_t n = speech->n * sizeof(int16_t);
        int16_t *samples = xcalloc(speech->n, sizeof(int16_t));
        CLEANUP(mem_freep)
        char *line = xasprintf("{\"type\":\"audio-chunk\",\"data\":{\"rate\":16000,"
                               "\"width\":2,\"channels\":1},\"payload_length\":%zu}",
                               n);

        for (size_t i = 0; i < speech->n; i++)
                samples[i] = (int16_t)(speech->samples[i] * 32767);
        say(rig, line);
        session_rig_send_bytes(rig, samples, n, false);
        free(samples);
}

static struct session_rig *connected(void **state) {
        struct session_rig *rig = session_rig_need(state);

        session_rig_connect_raw(rig);
        return rig;
}

static void it_is_described(void **state) {
        struct session_rig *rig = connected(state);

        say(rig, "{\"type\":\"describe\"}");
        session_rig_expect(rig, "{\"type\":\"info\",\"data_length\":");
        session_rig_expect(rig, "\"languages\":[\"en\",\"zh\",");
        session_rig_expect(rig, "\"yue\"]");  // all that the model speaks
        session_rig_expect(rig, "\"requires_external_vad\":true");
        assert_int_equal(hub_reader(rig->hub->hub, "wyoming")->n_sessions, 0);
        say(rig,
            "{\"type\":\"select-program\",\"data\":{\"name\":\"x\"},\"payload_length\":1}");
        session_rig_send_bytes(rig, "?", 1, false);
        say(rig, "{\"type\":\"ping\",\"data\":{\"text\":\"there?\"}}");
        session_rig_expect(rig, "{\"text\":\"there?\"}");
}

static void an_utterance_becomes_text(void **state) {
        struct session_rig *rig = connected(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");

        say(rig, "{\"type\":\"transcribe\",\"data\":{\"language\":\"en\"}}");
        say(rig, "{\"type\":\"audio-start\",\"data\":{\"rate\":16000,\"width\":2,"
                 "\"channels\":1}}");
        session_rig_expect(rig, "{\"type\":\"transcript-start\"");
        say_sound(rig, &speech);
        session_rig_expect(rig, "{\"type\":\"transcript-chunk\"");
        say(rig, "{\"type\":\"audio-stop\"}");
        session_rig_expect(rig, "{\"type\":\"transcript\",\"data_length\":");
        session_rig_expect(rig, "{\"text\":\"word");
        session_rig_expect(rig, "{\"type\":\"transcript-stop\"");
        free(speech.samples);
}

// What a connection says while the text of an utterance is owed is for afterwards.
static void utterances_follow_one_another(void **state) {
        struct session_rig *rig = connected(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");

        engine_script_hold(rig->hub->script);
        say_sound(rig, &speech);
        say(rig, "{\"type\":\"audio-stop\"}");
        say(rig, "{\"type\":\"ping\",\"data\":{\"text\":\"still?\"}}");
        session_rig_expect(rig, "{\"text\":\"still?\"}");
        say(rig, "{\"type\":\"transcribe\",\"data\":{\"language\":\"de\"}}");
        say(rig, "{\"type\":\"audio-start\",\"data\":{\"rate\":8000,\"width\":1,"
                 "\"channels\":2}}");
        say(rig, "{\"type\":\"audio-stop\"}");
        engine_script_release(rig->hub->script);
        session_rig_expect(rig, "{\"text\":\"word");
        session_rig_expect(rig, "{\"type\":\"transcript-stop\"");
        loop_advance(rig->hub->loop, 0);
        session_rig_expect(rig, "{\"language\":\"de\"}");
        session_rig_expect(rig, "{\"text\":\"\"}");
        free(speech.samples);
}

// The next utterance closes the stream of the last one, which may still be telling its text: a
// journal tells it later, and looks at what it has left afterwards.
static void utterances_that_are_journaled_follow_one_another(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct row_ids ids = {0};
        struct journaling_services journaling = {
                .loop = rig->hub->loop, .ids = &ids, .model = "base", .has_sessions = true};
        CLEANUP(mem_freep) char *folder = journal_rig_folder();
        struct sound speech = rig_need_sound("misc/jfk.flac");

        assert_int_equal(journal_open(&journaling.journal, rig->hub->loop,
                                      &(struct journal_config){.folder = folder}, NULL),
                         0);
        rig->hub->parts.journaling = &journaling;
        rig->hub->defaults.has_journal = true;
        hub_rig_renew(rig->hub);
        session_rig_connect_raw(rig);
        engine_script_hold(rig->hub->script);
        say_sound(rig, &speech);
        say(rig, "{\"type\":\"audio-stop\"}");
        say(rig, "{\"type\":\"audio-start\"}");
        engine_script_release(rig->hub->script);
        session_rig_expect(rig, "{\"text\":\"word");
        session_rig_expect(rig, "{\"type\":\"transcript-stop\"");
        loop_advance(rig->hub->loop, 0);
        session_rig_expect(rig, "{\"type\":\"transcript-start\"");
        say_sound(rig, &speech);
        say(rig, "{\"type\":\"audio-stop\"}");
        session_rig_expect(rig, "{\"text\":\"word");
        session_rig_disconnect(rig);
        while (hub_first_session(rig->hub->hub))
                loop_turn(rig->hub->loop);
        journal_close(journaling.journal);
        journal_rig_remove(folder);
        free(speech.samples);
}

static void silence_and_nothing_at_all_have_no_text(void **state) {
        struct session_rig *rig = connected(state);

        say(rig, "{\"type\":\"audio-stop\"}");
        session_rig_expect(rig,
                           "{\"type\":\"transcript\",\"data_length\":11}\n{\"text\":\"\"}");
        assert_null(hub_first(rig->hub->hub));
}

static void who_ends_its_side_is_told_its_text(void **state) {
        struct session_rig *rig = connected(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");
        static const char stop[] = "{\"type\":\"audio-stop\"}\n";

        engine_script_hold(rig->hub->script);
        say_sound(rig, &speech);
        session_rig_send_bytes(rig, stop, strlen(stop), true);
        for (int turns = 0; turns < 1000; turns++)
                loop_turn(rig->hub->loop);
        engine_script_release(rig->hub->script);
        session_rig_expect(rig, "{\"type\":\"transcript\",");
        session_rig_expect_end(rig);
        free(speech.samples);
}

static void who_vanishes_within_a_payload_leaves_nothing(void **state) {
        struct session_rig *rig = connected(state);

        say(rig, "{\"type\":\"audio-chunk\",\"data\":{\"rate\":16000,\"width\":2,"
                 "\"channels\":1},\"payload_length\":1000}");
        session_rig_send_bytes(rig, "abc", 3, false);
        session_rig_expect(rig, "transcript-start");
        assert_non_null(hub_first(rig->hub->hub));
        session_rig_disconnect(rig);
        while (hub_first_session(rig->hub->hub))
                loop_turn(rig->hub->loop);
        assert_null(hub_first(rig->hub->hub));
}

static void what_makes_no_sense_is_refused_in_words(void **state) {
        static const struct {
                const char *said, *told;
        } cases[] = {
                {"GET / HTTP/1.1", "\"code\":\"refused\""},
                {"{\"type\":\"transcribe\",\"data\":{\"language\":\"xx\"}}",
                 "unknown language"},
                {"{\"type\":\"audio-start\",\"data\":{\"rate\":0}}",
                 "'rate': expected 8000 to"},
        };
        struct session_rig *rig = session_rig_need(state);

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                session_rig_connect_raw(rig);
                say(rig, cases[i].said);
                session_rig_expect(rig, "{\"type\":\"error\"");
                session_rig_expect(rig, cases[i].told);
                session_rig_expect_end(rig);
        }
}

static void who_says_nothing_is_sent_away(void **state) {
        struct session_rig *rig = connected(state);

        while (!hub_first_session(rig->hub->hub))
                loop_turn(rig->hub->loop);
        loop_advance(rig->hub->loop, SESSION_SETUP_TIMEOUT);
        session_rig_expect(rig, "{\"type\":\"error\"");

        session_rig_connect_raw(rig);
        say(rig, "{\"type\":\"audio-start\"}");
        session_rig_expect(rig, "transcript-start");
        loop_advance(rig->hub->loop, SESSION_SETUP_TIMEOUT);
        assert_false(((struct session *)hub_first_session(rig->hub->hub))->is_leaving);
        loop_advance(rig->hub->loop, 5 * 60 * NSEC_PER_SEC);
        session_rig_expect(rig, "nothing was heard of this client for 5 minutes");
}

static void who_is_in_the_middle_is_told_that_the_server_goes(void **state) {
        struct session_rig *rig = connected(state);
        struct hub_session *session;

        say(rig, "{\"type\":\"audio-start\"}");
        session_rig_expect(rig, "transcript-start");
        session = hub_first_session(rig->hub->hub);
        session->ops->leave(session, 1001);
        session_rig_expect(rig, "\"code\":\"going-away\"");
        session_rig_expect_end(rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(events_may_be_cut_anywhere),
                cmocka_unit_test(what_is_no_event_is_told),
                cmocka_unit_test(a_line_of_a_megabyte_is_refused_before_it_has_come),
                cmocka_unit_test(wishes_and_shapes_are_read),
                cmocka_unit_test(sound_that_cannot_be_is_refused),
                SESSION_TEST(it_is_described),
                SESSION_TEST(an_utterance_becomes_text),
                SESSION_TEST(utterances_follow_one_another),
                SESSION_TEST(utterances_that_are_journaled_follow_one_another),
                SESSION_TEST(silence_and_nothing_at_all_have_no_text),
                SESSION_TEST(who_ends_its_side_is_told_its_text),
                SESSION_TEST(who_vanishes_within_a_payload_leaves_nothing),
                SESSION_TEST(what_makes_no_sense_is_refused_in_words),
                SESSION_TEST(who_says_nothing_is_sent_away),
                SESSION_TEST(who_is_in_the_middle_is_told_that_the_server_goes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
