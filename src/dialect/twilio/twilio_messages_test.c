// Messages as Twilio documents them, and others.
#include "dialect/twilio/messages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dialect/json_text.h"

static int parse(struct twilio_message *ret, const char *text, struct error *error) {
        return twilio_message_parse(ret, text, strlen(text), error);
}

static void expect_mistake(const char *text, int code, const char *words) {
        struct twilio_message message;
        struct error error;

        assert_int_equal(parse(&message, text, &error), code);
        assert_non_null(strstr(error.text, words));
}

// As in Twilio's documentation.
static void a_start_says_what_the_call_is(void **state) {
        static const char text[] =
                "{\"event\":\"start\",\"sequenceNumber\":\"1\",\"start\":{\"accountSid\":"
                "\"AC00\",\"streamSid\":\"MZ00\",\"callSid\":\"CA00\",\"tracks\":[\"inbound\","
                "\"outbound\"],\"mediaFormat\":{\"encoding\":\"audio/x-mulaw\",\"sampleRate\":"
                "8000,\"channels\":1},\"customParameters\":{\"token\":\"secret\",\"name\":"
                "\"hotline\",\"language\":\"de-CH\",\"keywords\":\"Gr\\u00fcezi\","
                "\"FirstName\":"
                "\"Jane\"}},\"streamSid\":\"MZ00\"}";
        struct twilio_message message;

        (void)state;
        assert_int_equal(parse(&message, text, NULL), 0);
        assert_int_equal(message.event, TWILIO_START);
        assert_int_equal(message.sequence, 1);
        assert_string_equal(message.start.stream_sid, "MZ00");
        assert_string_equal(message.start.call_sid, "CA00");
        assert_int_equal(message.start.format, PCM_MULAW);
        assert_int_equal(message.start.rate, 8000);
        assert_true(message.start.has_track[TWILIO_INBOUND]);
        assert_true(message.start.has_track[TWILIO_OUTBOUND]);
        assert_string_equal(message.start.token, "secret");
        assert_string_equal(message.start.name, "hotline");
        assert_string_equal(message.start.language, "de");
        assert_string_equal(message.start.keywords, "Gr\xc3\xbc"
                                                    "ezi");
        assert_null(message.start.prompt);
        twilio_message_deinit(&message);
        assert_null(message.start.token);
}

static void what_a_start_leaves_out_is_as_twilio_has_it(void **state) {
        struct twilio_message message;

        (void)state;
        assert_int_equal(parse(&message, "{\"event\":\"start\",\"start\":{}}", NULL), 0);
        assert_int_equal(message.sequence, 0);
        assert_int_equal(message.start.format, PCM_MULAW);
        assert_int_equal(message.start.rate, 8000);
        assert_true(message.start.has_track[TWILIO_INBOUND]);
        assert_false(message.start.has_track[TWILIO_OUTBOUND]);
        assert_null(message.start.token);
        twilio_message_deinit(&message);
        assert_int_equal(parse(&message,
                               "{\"event\":\"start\",\"start\":{\"tracks\":[\"inbound\","
                               "\"outbound\"],\"customParameters\":{\"track\":\"outbound\"}}}",
                               NULL),
                         0);
        assert_false(message.start.has_track[TWILIO_INBOUND]);
        assert_true(message.start.has_track[TWILIO_OUTBOUND]);
        twilio_message_deinit(&message);
}

static void media_is_bytes_of_a_track(void **state) {
        struct twilio_message message;

        (void)state;
        assert_int_equal(parse(&message,
                               "{\"event\":\"media\",\"sequenceNumber\":\"4\",\"media\":{"
                               "\"track\":\"outbound\",\"chunk\":\"2\",\"timestamp\":\"5\","
                               "\"payload\":\"fn+A/w==\"},\"streamSid\":\"MZ00\"}",
                               NULL),
                         0);
        assert_int_equal(message.event, TWILIO_MEDIA);
        assert_int_equal(message.sequence, 4);
        assert_int_equal(message.media.track, TWILIO_OUTBOUND);
        assert_int_equal(message.media.n, 4);
        assert_memory_equal(message.media.bytes, "\x7e\x7f\x80\xff", 4);
        twilio_message_deinit(&message);
        assert_int_equal(
                parse(&message, "{\"event\":\"media\",\"media\":{\"payload\":\"\"}}", NULL), 0);
        assert_int_equal(message.media.track, TWILIO_INBOUND);
        assert_int_equal(message.media.n, 0);
        twilio_message_deinit(&message);
}

static void other_events_are_known_or_let_pass(void **state) {
        static const struct {
                const char *text;
                enum twilio_event event;
                int64_t sequence;
        } cases[] = {
                {"{\"event\":\"connected\",\"protocol\":\"Call\",\"version\":\"1.0.0\"}",
                 TWILIO_CONNECTED, 0},
                {"{\"event\":\"stop\",\"sequenceNumber\":5,\"stop\":{\"callSid\":\"CA00\"}}",
                 TWILIO_STOP, 5},
                {"{\"event\":\"mark\",\"sequenceNumber\":\"4\",\"mark\":{\"name\":\"a\"}}",
                 TWILIO_OTHER, 4},
                {"{\"event\":\"dtmf\",\"dtmf\":{\"digit\":\"1\"}}", TWILIO_OTHER, 0},
                {"{\"event\":\"tomorrow\"}", TWILIO_OTHER, 0},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct twilio_message message;

                assert_int_equal(parse(&message, cases[i].text, NULL), 0);
                assert_int_equal(message.event, cases[i].event);
                assert_int_equal(message.sequence, cases[i].sequence);
                twilio_message_deinit(&message);
        }
}

#define START(rest) "{\"event\":\"start\",\"start\":{" rest "}}"

static void what_is_wrong_is_named(void **state) {
        (void)state;
        expect_mistake("hello", DIALECT_E_JSON, "");
        expect_mistake("{}", DIALECT_E_MISSING, "'event'");
        expect_mistake("{\"event\":1}", DIALECT_E_MISSING, "'event'");
        expect_mistake("{\"event\":\"start\"}", DIALECT_E_MISSING, "'start'");
        expect_mistake("{\"event\":\"stop\",\"sequenceNumber\":\"x\"}", DIALECT_E_VALUE,
                       "'sequenceNumber'");
        expect_mistake("{\"event\":\"stop\",\"sequenceNumber\":[]}", DIALECT_E_TYPE,
                       "'sequenceNumber'");
        expect_mistake("{\"event\":\"stop\",\"sequenceNumber\":9223372036854775807}",
                       DIALECT_E_VALUE, "'sequenceNumber'");
        expect_mistake(START("\"mediaFormat\":{\"encoding\":\"audio/opus\"}"), DIALECT_E_VALUE,
                       "'encoding'");
        expect_mistake(START("\"mediaFormat\":{\"sampleRate\":0}"), DIALECT_E_VALUE,
                       "'mediaFormat'");
        expect_mistake(START("\"mediaFormat\":{\"channels\":2}"), DIALECT_E_VALUE,
                       "'mediaFormat'");
        expect_mistake(START("\"customParameters\":{\"token\":\"s3cret\",\"language\":\"xx\"}"),
                       DIALECT_E_VALUE, "'language'");
        expect_mistake(START("\"customParameters\":{\"track\":\"left\"}"), DIALECT_E_VALUE,
                       "'track'");
        expect_mistake(START("\"customParameters\":{\"track\":\"outbound\"}"), DIALECT_E_VALUE,
                       "without the track outbound");
        expect_mistake("{\"event\":\"media\"}", DIALECT_E_MISSING, "'media'");
        expect_mistake("{\"event\":\"media\",\"media\":{}}", DIALECT_E_MISSING, "'payload'");
        expect_mistake("{\"event\":\"media\",\"media\":{\"payload\":\"####\"}}",
                       DIALECT_E_VALUE, "'payload'");
        expect_mistake("{\"event\":\"media\",\"media\":{\"payload\":\"abc\"}}", DIALECT_E_VALUE,
                       "'payload'");
        expect_mistake("{\"event\":\"media\",\"media\":{\"track\":\"up\",\"payload\":\"\"}}",
                       DIALECT_E_VALUE, "'track'");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_start_says_what_the_call_is),
                cmocka_unit_test(what_a_start_leaves_out_is_as_twilio_has_it),
                cmocka_unit_test(media_is_bytes_of_a_track),
                cmocka_unit_test(other_events_are_known_or_let_pass),
                cmocka_unit_test(what_is_wrong_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
