// Vosk: what its clients say, and that each message of sound has one answer, no more and no
// fewer.
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "audio/sound_rig.h"
#include "dialect/session_rig.h"
#include "dialect/vosk/messages.h"
#include "util/mem.h"

#define SESSION_TEST(function) \
        cmocka_unit_test_setup_teardown(function, setup, session_rig_teardown)

extern const struct dialect dialect_vosk;

static const struct dialect *const only_vosk[] = {&dialect_vosk, NULL};

static int setup(void **state) {
        int r = session_rig_setup(state);
        struct session_rig *rig = *state;

        rig->dialects = only_vosk;
        return r;
}

// --- messages --------------------------------------------------------------------------------

static int parse(const char *text, enum vosk_type *type, struct vosk_config *config) {
        struct error error = {0};
        int r = vosk_message_parse(type, config, text, strlen(text), &error);

        assert_int_equal(r != 0, error.text[0] != '\0');
        return r;
}

static void stock_configs_are_read(void **state) {
        struct vosk_config config = VOSK_CONFIG_USUAL;
        enum vosk_type type;

        (void)state;
        assert_int_equal(
                parse("{ \"config\" : { \"sample_rate\" : 16000.000000 } }", &type, &config),
                0);
        assert_int_equal(type, VOSK_CONFIG);
        assert_int_equal(config.rate, 16000);
        assert_true(config.options.wants_words);
        assert_int_equal(parse("{\"config\":{\"words\":false,\"max_alternatives\":3,"
                               "\"phrase_list\":[\"yes\",\"[unk]\",\"no\"],\"model\":\"x\"}}",
                               &type, &config),
                         0);
        assert_int_equal(config.rate, 16000);
        assert_false(config.options.wants_words);
        assert_true(config.wants_list);
        assert_string_equal(config.options.hotwords, "yes no");
        vosk_config_deinit(&config);
}

static void other_texts_are_told_apart(void **state) {
        struct vosk_config config = VOSK_CONFIG_USUAL;
        enum vosk_type type;

        (void)state;
        assert_int_equal(parse("{\"eof\" : 1}", &type, &config), 0);
        assert_int_equal(type, VOSK_EOF);
        assert_int_equal(parse("{\"reset\":1}", &type, &config), 0);
        assert_int_equal(type, VOSK_RESET);
        assert_int_equal(parse("{\"eof\":true}", &type, &config), 0);
        assert_int_equal(type, VOSK_EOF);
        assert_int_equal(parse("{\"eof\":0,\"reset\":false}", &type, &config), 0);
        assert_int_equal(type, VOSK_OTHER);
        assert_int_equal(parse("{\"hello\":1}", &type, &config), 0);
        assert_int_equal(type, VOSK_OTHER);
        assert_int_not_equal(parse("eof", &type, &config), 0);
        assert_int_not_equal(parse("{\"config\":1}", &type, &config), 0);
        assert_int_not_equal(parse("{\"config\":{\"sample_rate\":0}}", &type, &config), 0);
        assert_int_not_equal(parse("{\"config\":{\"sample_rate\":1e9}}", &type, &config), 0);
        assert_int_not_equal(parse("{\"config\":{\"phrase_list\":[1]}}", &type, &config), 0);
        assert_int_equal(config.rate, 8000);
}

static void results_have_the_shape_that_was_asked_for(void **state) {
        char hello[] = " Hello", there[] = " there.", one[] = " Hello there.", two[] = " You.";
        struct hypothesis_word words[] = {{8000, 12000, hello, 0.5F}, {12000, 20000, there, 1}};
        const struct segment segments[] = {{.text = one, .words = words, .n_words = 2},
                                           {.text = two}};
        const struct segment *const finals[] = {&segments[0], &segments[1]};
        struct vosk_config config = VOSK_CONFIG_USUAL;
        size_t n;
        char *text;

        (void)state;
        text = vosk_encode_result(&config, finals, 2, 4000, &n);
        assert_string_equal(text,
                            "{\"result\":[{\"conf\":0.5,\"start\":0.250,\"end\":0.500,"
                            "\"word\":\"Hello\"},{\"conf\":1.0,\"start\":0.500,\"end\":1.000,"
                            "\"word\":\"there.\"}],\"text\":\"Hello there. You.\"}");
        free(text);
        config = (struct vosk_config){.wants_list = true};
        text = vosk_encode_result(&config, finals, 2, 0, &n);
        assert_string_equal(text, "{\"alternatives\":[{\"confidence\":1.0,"
                                  "\"text\":\"Hello there. You.\"}]}");
        free(text);
        config = VOSK_CONFIG_USUAL;
        text = vosk_encode_result(&config, NULL, 0, 0, &n);
        assert_string_equal(text, "{\"text\":\"\"}");
        free(text);
        text = vosk_encode_partial(" hel", &n);
        assert_string_equal(text, "{\"partial\":\"hel\"}");
        free(text);
}

static void what_the_model_takes_apart_at_a_sign_is_one_word(void **state) {
        char number[] = " 13", thousands[] = ",000", both[] = " 13,000";
        struct hypothesis_word words[] = {{0, 8000, number, 1}, {8000, 16000, thousands, 0.5F}};
        const struct segment segment = {.text = both, .words = words, .n_words = 2};
        const struct segment *const finals[] = {&segment};
        const struct vosk_config config = VOSK_CONFIG_USUAL;
        CLEANUP(mem_freep) char *text = NULL;
        size_t n;

        (void)state;
        text = vosk_encode_result(&config, finals, 1, 0, &n);
        assert_string_equal(text, "{\"result\":[{\"conf\":0.5,\"start\":0.000,\"end\":1.000,"
                                  "\"word\":\"13,000\"}],\"text\":\"13,000\"}");
}

// --- sessions --------------------------------------------------------------------------------

// One message of sound, as s16 at 16 kHz.
static void say_sound(struct session_rig *rig, const float *samples, size_t n) {
        uint8_t head[8] = {0x82, 0xfe, (uint8_t)(2 * n >> 8), (uint8_t)(2 * n)};
        int16_t *words = xcalloc(n, sizeof(int16_t));

        assert_true(2 * n < 65536 && 2 * n > 125);
        for (size_t i = 0; i < n; i++)
                words[i] = (int16_t)(samples[i] * 32767);
        session_rig_send_bytes(rig, head, sizeof(head), false);  // masked with zeros
        session_rig_send_bytes(rig, words, n * sizeof(int16_t), false);
        free(words);
}

static struct session *connected(struct session_rig *rig) {
        session_rig_connect(rig, "/any/path", 0);
        session_rig_expect(rig, "\r\n\r\n");
        session_rig_send(rig, "{\"config\":{\"sample_rate\":16000}}");
        return (struct session *)hub_first_session(rig->hub->hub);  // its base is first
}

static void sound_is_answered_in_lock_step(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");

        (void)connected(rig);
        for (size_t at = 0; at + 3200 <= speech.n; at += 3200) {
                say_sound(rig, speech.samples + at, 3200);
                session_rig_expect(rig, "\"}");
                assert_int_equal(rig->n_bytes, 0);  // and by nothing else
        }
        session_rig_send(rig, "{\"eof\" : 1}");
        session_rig_expect(rig, "\"text\":\"");
        session_rig_expect(rig, "\x88\x02\x03\xe8");  // 1000
        free(speech.samples);
}

// However late the decoder is, the text that was owed is in the last answer.
static void the_last_answer_has_all_the_rest(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");

        (void)connected(rig);
        engine_script_hold(rig->hub->script);
        for (size_t at = 0; at + 16000 <= speech.n; at += 16000) {
                say_sound(rig, speech.samples + at, 16000);
                session_rig_expect(rig, "{\"partial\":\"\"}");
        }
        session_rig_send(rig, "{\"eof\" : 1}");
        engine_script_release(rig->hub->script);
        session_rig_expect(rig, "\"text\":\"word");
        session_rig_expect(rig, "\x88\x02\x03\xe8");
        free(speech.samples);
}

// Whether an answer comes before the client is held up.
static bool is_answered(struct session_rig *rig, const struct session *session) {
        char byte;

        while (!session_is_held_up(session)) {
                loop_turn(rig->hub->loop);
                if (recv(rig->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
                        assert_false(session_is_held_up(session));
                        return true;
                }
        }
        return false;
}

static void turn(struct session_rig *rig) {
        for (int turns = 0; turns < 100; turns++)
                loop_turn(rig->hub->loop);
}

// Answers wait while too much is owed, and so does a client that waits for them. Whether the
// server is still there it is told; but not who goes on without waiting.
static void answers_wait_for_the_decoder(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");
        struct session *session = connected(rig);
        static const uint8_t ping[] = {0x89, 0x81, 0, 0, 0, 0, '?'};

        engine_script_hold(rig->hub->script);
        say_sound(rig, speech.samples, 8000);  // a message is one piece
        for (int i = 1; is_answered(rig, session); i++) {
                assert_true(i < 1000);
                session_rig_expect(rig, "{\"partial\":\"\"}");
                say_sound(rig, speech.samples + i % 20 * 8000, 8000);
        }
        turn(rig);
        assert_int_equal(recv(rig->fd, rig->bytes, 1, MSG_DONTWAIT), -1);
        session_rig_send_bytes(rig, ping, sizeof(ping), false);
        session_rig_expect(rig, "\x8a\x01?");
        say_sound(rig, speech.samples, 8000);
        turn(rig);
        session_rig_send_bytes(rig, ping, sizeof(ping), false);
        turn(rig);
        assert_int_equal(recv(rig->fd, rig->bytes, 1, MSG_DONTWAIT), -1);
        engine_script_release(rig->hub->script);
        session_rig_expect(rig, "\"text\":\"word");
        session_rig_expect(rig, "\x8a\x01?");
        free(speech.samples);
}

static void a_config_beside_sound_changes_nothing(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");

        (void)connected(rig);
        session_rig_send(rig, "{\"config\":{\"words\":false}}");
        say_sound(rig, speech.samples, 30000);
        session_rig_expect(rig, "\"}");
        session_rig_send(rig, "{\"config\":{\"max_alternatives\":3}}");
        session_rig_send(rig, "{\"reset\":1}");
        session_rig_expect(rig, "{\"text\":\"word");  // and no list of alternatives
        free(speech.samples);
}

static void a_reset_is_answered_and_the_session_goes_on(void **state) {
        struct session_rig *rig = session_rig_need(state);
        struct sound speech = rig_need_sound("misc/jfk.flac");

        (void)connected(rig);
        session_rig_send(rig, "{\"reset\":1}");
        session_rig_expect(rig, "{\"text\":\"\"}");
        say_sound(rig, speech.samples, 30000);
        session_rig_expect(rig, "\"}");
        session_rig_send(rig, "{\"reset\":1}");
        session_rig_expect(rig, "\"text\":\"word");
        say_sound(rig, speech.samples, 3200);
        session_rig_expect(rig, "{\"partial\":\"\"}");
        free(speech.samples);
}

static void garbage_and_impossible_rates_are_refused(void **state) {
        struct session_rig *rig = session_rig_need(state);

        session_rig_connect(rig, "/", 0);
        session_rig_expect(rig, "\r\n\r\n");
        session_rig_send(rig, "garbage");
        session_rig_expect(rig, "\x03\xf0not JSON");  // 1008
        session_rig_connect(rig, "/", 0);
        session_rig_expect(rig, "\r\n\r\n");
        session_rig_send(rig, "{\"config\":{\"sample_rate\":1000000000}}");
        session_rig_expect(rig, "\x03\xf0'sample_rate': expected 8000 to 96000");
}

static void nothing_at_all_has_an_end_too(void **state) {
        struct session_rig *rig = session_rig_need(state);

        session_rig_connect(rig, "/", 0);
        session_rig_expect(rig, "\r\n\r\n");
        loop_advance(rig->hub->loop, SESSION_SETUP_TIMEOUT);  // it may take its time
        session_rig_send(rig, "{\"eof\" : 1}");
        session_rig_expect(rig, "{\"text\":\"\"}");
        session_rig_expect(rig, "\x88\x02\x03\xe8");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(stock_configs_are_read),
                cmocka_unit_test(other_texts_are_told_apart),
                cmocka_unit_test(results_have_the_shape_that_was_asked_for),
                cmocka_unit_test(what_the_model_takes_apart_at_a_sign_is_one_word),
                SESSION_TEST(sound_is_answered_in_lock_step),
                SESSION_TEST(the_last_answer_has_all_the_rest),
                SESSION_TEST(answers_wait_for_the_decoder),
                SESSION_TEST(a_config_beside_sound_changes_nothing),
                SESSION_TEST(a_reset_is_answered_and_the_session_goes_on),
                SESSION_TEST(garbage_and_impossible_rates_are_refused),
                SESSION_TEST(nothing_at_all_has_an_end_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
