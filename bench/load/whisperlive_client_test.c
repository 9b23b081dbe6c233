// The client's side of WhisperLive, against what servers really say.
#include "load/whisperlive_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int parse(struct whisperlive_message *ret, const char *text) {
        return whisperlive_message_parse(ret, text, strlen(text), NULL);
}

static void the_hello_is_a_stock_clients(void **state) {
        size_t n;
        char *text = whisperlive_encode_hello("bench-1", NULL, "base", &n);

        (void)state;
        assert_int_equal(n, strlen(text));
        assert_string_equal(text,
                            "{\"uid\":\"bench-1\",\"language\":null,\"task\":\"transcribe\","
                            "\"model\":\"base\",\"use_vad\":true,\"send_last_n_segments\":10,"
                            "\"no_speech_thresh\":0.45000000000000001,\"clip_audio\":false,"
                            "\"same_output_threshold\":10}");
        free(text);
        text = whisperlive_encode_hello("bench-1", "de", "base", &n);
        assert_non_null(strstr(text, "\"language\":\"de\""));
        free(text);
}

static void segments_are_read(void **state) {
        static const char text[] =
                "{\"uid\":\"u\",\"segments\":["
                "{\"start\":\"0.000\",\"end\":\"2.480\",\"text\":\" "
                "Hello\",\"completed\":true},"
                "{\"start\":2.48,\"end\":\"3.1\",\"text\":\" wor\",\"completed\":false}]}";
        struct whisperlive_message message;

        (void)state;
        assert_int_equal(parse(&message, text), 0);
        assert_int_equal(message.kind, WHISPERLIVE_SEGMENTS);
        assert_int_equal(message.n_segments, 2);
        assert_string_equal(message.segments[0].text, " Hello");
        assert_true(message.segments[0].is_completed);
        assert_int_equal(message.segments[0].end_ms, 2480);
        assert_false(message.segments[1].is_completed);
        assert_int_equal(message.segments[1].begin_ms, 2480);
        assert_int_equal(message.segments[1].end_ms, 3100);
        whisperlive_message_deinit(&message);
}

static void every_kind_is_told_apart(void **state) {
        static const struct {
                const char *text;
                enum whisperlive_kind kind;
        } cases[] = {
                {"{\"uid\":\"u\",\"message\":\"SERVER_READY\",\"backend\":\"faster_whisper\"}",
                 WHISPERLIVE_READY},
                {"{\"uid\":\"u\",\"status\":\"WAIT\",\"message\":3.25}", WHISPERLIVE_WAIT},
                {"{\"uid\":\"u\",\"status\":\"ERROR\",\"message\":\"no\"}", WHISPERLIVE_ERROR},
                {"{\"uid\":\"u\",\"status\":\"WARNING\",\"message\":\"no\"}",
                 WHISPERLIVE_WARNING},
                {"{\"uid\":\"u\",\"message\":\"DISCONNECT\"}", WHISPERLIVE_DISCONNECT},
                {"{\"uid\":\"u\",\"language\":\"en\",\"language_prob\":0.9}",
                 WHISPERLIVE_OTHER},
                {"{\"uid\":\"u\",\"segments\":[]}", WHISPERLIVE_SEGMENTS},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct whisperlive_message message;

                assert_int_equal(parse(&message, cases[i].text), 0);
                assert_int_equal(message.kind, cases[i].kind);
                if (message.kind == WHISPERLIVE_WAIT)
                        assert_true(message.minutes == 3.25);
                if (message.kind == WHISPERLIVE_ERROR)
                        assert_string_equal(message.text, "no");
                whisperlive_message_deinit(&message);
        }
}

static void nonsense_is_refused(void **state) {
        static const char *const texts[] = {
                "",
                "[]",
                "{\"segments\":3}",
                "{\"segments\":[3]}",
                "{\"segments\":[{\"text\":\"a\"}]}",
                "{\"segments\":[{\"start\":\"0\",\"end\":\"1\"}]}",
                "{\"segments\":[{\"start\":\"x\",\"end\":\"1\",\"text\":\"a\"}]}",
                "{\"segments\":[{\"start\":\"\",\"end\":\"1\",\"text\":\"a\"}]}",
                "{\"segments\":[{\"start\":\"nan\",\"end\":\"1\",\"text\":\"a\"}]}",
                "{\"segments\":[{\"start\":\"0\",\"end\":1e300,\"text\":\"a\"}]}",
                "{\"status\":3}",
                "{\"status\":\"WAIT\",\"message\":\"soon\"}",
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct whisperlive_message message;

                assert_true(parse(&message, texts[i]) < 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_hello_is_a_stock_clients),
                cmocka_unit_test(segments_are_read),
                cmocka_unit_test(every_kind_is_told_apart),
                cmocka_unit_test(nonsense_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
