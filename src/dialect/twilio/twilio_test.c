// A call as Twilio sends it, from its upgrade to its end.
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio/sound_rig.h"
#include "dialect/session_rig.h"
#include "pipeline/hub_names.h"
#include "util/mem.h"

#define CALL_TEST(function) \
        cmocka_unit_test_setup_teardown(function, session_rig_setup, session_rig_teardown)

#define CONNECTED "{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}"
#define STOP      "{\"event\":\"stop\",\"sequenceNumber\":\"9\",\"stop\":{\"callSid\":\"CA1\"}}"

#define BYTES 4000  // of each message with sound: half a second

static char *start_of(const char *tracks, const char *parameters) {
        return xasprintf(
                "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"streamSid\":"
                "\"MZ1\",\"callSid\":\"CA1\",\"tracks\":[%s],\"customParameters\":{%s}}}",
                tracks, parameters);
}

static void start(struct session_rig *rig, const char *tracks, const char *parameters) {
        CLEANUP(mem_freep) char *text = start_of(tracks, parameters);

        session_rig_connect(rig, "/v1/twilio", 0);
        session_rig_expect(rig, "\r\n\r\n");
        session_rig_send(rig, CONNECTED);
        session_rig_send(rig, text);
}

static void media(struct session_rig *rig, const char *track, int sequence,
                  const uint8_t *bytes, size_t n) {
        CLEANUP(mem_freep) char *payload = xcalloc(n * 2 + 8, 1);
        CLEANUP(mem_freep) char *text = NULL;

        EVP_EncodeBlock((unsigned char *)payload, bytes, (int)n);
        text = xasprintf("{\"event\":\"media\",\"sequenceNumber\":\"%d\",\"media\":{\"track\":"
                         "\"%s\",\"chunk\":\"1\",\"timestamp\":\"1\",\"payload\":\"%s\"}}",
                         sequence, track, payload);
        session_rig_send(rig, text);
}

static const struct hub_stream *find(struct session_rig *rig, const char *name) {
        return hub_find(rig->hub->hub, name);
}

// Turn the loop until there is one of that name, or none any more.
static void wait_for(struct session_rig *rig, const char *name, bool is_there) {
        while (!find(rig, name) == is_there) {
                loop_advance(rig->hub->loop, NSEC_PER_SEC / 100);
                loop_turn(rig->hub->loop);
        }
}

static void wait_for_sound(struct session_rig *rig, const char *name, int64_t n) {
        while (stream_position(find(rig, name)->stream) < n)
                loop_turn(rig->hub->loop);
}

// --- tests -----------------------------------------------------------------------------------

static void both_sides_of_a_call_are_streams(void **state) {
        struct session_rig *rig = session_rig_need(state);
        uint8_t sound[BYTES];

        memset(sound, 0xff, BYTES);
        start(rig, "\"inbound\",\"outbound\"", "\"name\":\"hotline\"");
        wait_for(rig, "hotline:outbound", true);
        assert_true(find(rig, "hotline:inbound")->is_listed);
        assert_true(find(rig, "hotline:inbound")->is_kept);
        media(rig, "inbound", 2, sound, BYTES);
        media(rig, "inbound", 3, sound, BYTES);
        media(rig, "outbound", 4, sound, BYTES);
        session_rig_send(rig, "{\"event\":\"mark\",\"sequenceNumber\":\"5\",\"mark\":{\"name\":"
                              "\"m\"}}");
        session_rig_send(rig, STOP);
        session_rig_expect(rig, "\x03\xe8");  // 1000
        assert_int_equal(stream_position(find(rig, "hotline:inbound")->stream), AUDIO_RATE);
        assert_int_equal(stream_position(find(rig, "hotline:outbound")->stream),
                         AUDIO_RATE / 2);
}

static void only_the_track_that_is_wished_is_heard(void **state) {
        struct session_rig *rig = session_rig_need(state);
        uint8_t sound[BYTES] = {0};

        start(rig, "\"inbound\",\"outbound\"", "\"track\":\"outbound\"");
        wait_for(rig, "CA1", true);
        assert_null(find(rig, "CA1:outbound"));
        media(rig, "inbound", 2, sound, BYTES);
        media(rig, "outbound", 3, sound, BYTES);
        session_rig_send(rig, STOP);
        session_rig_expect(rig, "\x03\xe8");
        assert_int_equal(stream_position(find(rig, "CA1")->stream), AUDIO_RATE / 2);
}

static void what_comes_again_is_left_out(void **state) {
        struct session_rig *rig = session_rig_need(state);
        uint8_t sound[BYTES] = {0};

        start(rig, "\"inbound\"", "");
        media(rig, "inbound", 2, sound, BYTES);
        media(rig, "inbound", 2, sound, BYTES);
        media(rig, "inbound", 7, sound, BYTES);  // what was between is lost
        media(rig, "inbound", 3, sound, BYTES);
        session_rig_send(rig, STOP);
        session_rig_expect(rig, "\x03\xe8");
        assert_int_equal(stream_position(find(rig, "CA1")->stream), AUDIO_RATE);
}

static void what_cannot_be_read_is_left_out(void **state) {
        struct session_rig *rig = session_rig_need(state);
        uint8_t sound[BYTES] = {0};

        start(rig, "\"inbound\"", "");
        media(rig, "inbound", 2, sound, BYTES);
        media(rig, "sideways", 3, sound, BYTES);
        session_rig_send(rig, "{\"event\":\"media\",\"sequenceNumber\":\"4\",\"media\":"
                              "{\"track\":\"inbound\",\"payload\":\"!\"}}");
        media(rig, "inbound", 5, sound, BYTES);
        session_rig_send(rig, STOP);
        session_rig_expect(rig, "\x03\xe8");
        assert_int_equal(stream_position(find(rig, "CA1")->stream), AUDIO_RATE);
}

static void calls_of_one_name_are_counted(void **state) {
        struct session_rig *rig = session_rig_need(state);
        int first;

        start(rig, "\"inbound\"", "\"name\":\"hotline\"");
        wait_for(rig, "hotline", true);
        first = rig->fd;
        rig->fd = -1;
        start(rig, "\"inbound\"", "\"name\":\"hotline\"");
        wait_for(rig, "hotline 2", true);
        close(first);
        wait_for(rig, "hotline", false);
}

// Whoever hung up without a word.
static void a_call_that_breaks_off_becomes_text(void **state) {
        struct session_rig *rig = session_rig_need(state);
        uint8_t loud[BYTES];
        struct sound speech;

        if (!rig_load_sound("misc/jfk.flac", &speech))
                skip();
        start(rig, "\"inbound\"", "\"name\":\"broken\"");
        wait_for(rig, "broken", true);
        // Two levels of loudness are enough to be speech, and need no table.
        for (size_t at = 0; at + BYTES * 2 <= speech.n; at += BYTES * 2) {
                for (size_t i = 0; i < BYTES; i++) {
                        float x = speech.samples[at + i * 2];
                        int exponent = 7;

                        while (exponent > 0 &&
                               (x < 0 ? -x : x) * 32768 < (float)(64 << exponent))
                                exponent--;
                        loud[i] = (uint8_t)((x < 0 ? 0x7f : 0xff) ^ (exponent << 4));
                }
                media(rig, "inbound", 0, loud, BYTES);
        }
        free(speech.samples);
        wait_for_sound(rig, "broken", 10 * AUDIO_RATE);
        session_rig_disconnect(rig);
        while (hub_first_session(rig->hub->hub))
                loop_turn(rig->hub->loop);
        assert_non_null(find(rig, "broken"));
        while (history_length(stream_history(find(rig, "broken")->stream)) == 0)
                loop_turn(rig->hub->loop);
        wait_for(rig, "broken", false);
}

static void expect_refused(struct session_rig *rig, const char *text, const char *words) {
        session_rig_connect(rig, "/v1/twilio/", 0);
        session_rig_expect(rig, "\r\n\r\n");
        session_rig_send(rig, text);
        session_rig_expect(rig, "\x03\xf0");  // 1008
        session_rig_expect(rig, words);
}

static void what_is_no_call_is_refused(void **state) {
        struct session_rig *rig = session_rig_need(state);
        CLEANUP(mem_freep) char *named = start_of("\"inbound\"", "\"name\":\"a/b\"");
        CLEANUP(mem_freep) char *strange = start_of("\"inbound\"", "\"language\":\"xx\"");
        CLEANUP(mem_freep) char *silent = start_of("\"neither\"", "");

        expect_refused(rig, "hello", "JSON");
        expect_refused(rig, "{\"event\":\"media\",\"media\":{\"payload\":\"AA==\"}}",
                       "media came before start");
        expect_refused(rig, named, "'name': a stream's name is UTF-8");
        expect_refused(rig, strange, "'language'");
        expect_refused(rig, silent, "'tracks'");
        start(rig, "\"inbound\"", "");
        session_rig_send(rig, "{\"event\":\"start\",\"start\":{}}");
        session_rig_expect(rig, "start came twice");
}

static const struct principal nobody = {.name = "anonymous", .stranger = "who are you"};
static struct principal_life life;
static const struct principal phone = {.name = "phone", .scopes = SCOPE_LISTEN, .life = &life};

static const struct principal *identify(const void *context, const char *secret) {
        (void)context;
        return strcmp(secret, "s3cret") == 0 ? &phone : NULL;
}

static void the_token_is_a_parameter(void **state) {
        struct session_rig *rig = session_rig_need(state);

        rig->hub->parts.identify = identify;
        hub_rig_renew(rig->hub);
        rig->principal = &nobody;
        life = (struct principal_life){.n_holders = 1};
        start(rig, "\"inbound\"", "\"token\":\"s3cret\"");
        wait_for(rig, "CA1", true);
        assert_string_equal(hub_first_session(rig->hub->hub)->principal->name, "phone");
        start(rig, "\"inbound\"", "\"token\":\"wrong\"");
        session_rig_expect(rig, "the token is not known here");
        start(rig, "\"inbound\"", "\"name\":\"x\"");
        session_rig_expect(rig, "\x03\xf0");
        assert_null(find(rig, "x"));
        rig->listener = listener_close(rig->listener);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                CALL_TEST(both_sides_of_a_call_are_streams),
                CALL_TEST(only_the_track_that_is_wished_is_heard),
                CALL_TEST(what_comes_again_is_left_out),
                CALL_TEST(what_cannot_be_read_is_left_out),
                CALL_TEST(calls_of_one_name_are_counted),
                CALL_TEST(a_call_that_breaks_off_becomes_text),
                CALL_TEST(what_is_no_call_is_refused),
                CALL_TEST(the_token_is_a_parameter),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
