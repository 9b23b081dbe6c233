// Streams as the API has them: checked by the file's table, without variables and without
// files.
#include "config/stream_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/changes.h"
#include "config/config_rig.h"
#include "util/mem.h"

static int read_stream(struct stream_config **ret, const char *name, const char *text,
                       struct config_mistakes *mistakes) {
        json_t *json = json_loads(text, 0, NULL);
        int r;

        assert_non_null(json);
        r = config_stream_read(ret, name, json, mistakes);
        json_decref(json);
        return r;
}

static struct stream_config *good(const char *text) {
        struct config_mistakes mistakes = {0};
        struct stream_config *stream = NULL;

        assert_int_equal(read_stream(&stream, "hall", text, &mistakes), 0);
        assert_int_equal(mistakes.n, 0);
        config_mistakes_deinit(&mistakes);
        return stream;
}

// The first mistake's key and a part of its words.
static void bad(const char *name, const char *text, const char *key, const char *words) {
        struct config_mistakes mistakes = {0};
        struct stream_config *stream = NULL;

        assert_int_equal(read_stream(&stream, name, text, &mistakes), -EINVAL);
        assert_true(mistakes.n > 0);
        assert_string_equal(mistakes.items[0].key, key);
        assert_non_null(strstr(mistakes.items[0].text, words));
        config_mistakes_deinit(&mistakes);
}

static void a_stream_is_read_and_told_without_its_password(void **state) {
        CLEANUP(config_stream_freep)
        struct stream_config *stream =
                good("{\"url\": \"rtsp://user:secret@cam/x\", \"language\": \"German\", "
                     "\"pause\": 0.75, \"decoding\": {\"beam_size\": 3, \"temperature\": [0, "
                     "0.5], \"suppress_blank\": false}, \"transport\": \"udp\"}");
        json_t *told = config_stream_json(stream);
        json_t *expected =
                json_loads("{\"url\": \"rtsp://***@cam/x\", \"language\": \"German\", "
                           "\"pause\": \"0.75\", \"decoding\": {\"beam_size\": 3, "
                           "\"temperature\": \"0,0.5\", \"suppress_blank\": false}, "
                           "\"transport\": \"udp\"}",
                           0, NULL);

        (void)state;
        assert_string_equal(stream->name, "hall");
        assert_string_equal(stream->url, "rtsp://user:secret@cam/x");
        assert_int_equal(stream->transport, SOURCE_TRANSPORT_UDP);
        assert_true(json_equal(told, expected));
        json_decref(told);
        json_decref(expected);
}

// Whoever may add a stream may not read the server's environment.
static void variables_are_none(void **state) {
        CLEANUP(config_stream_freep) struct stream_config *stream = NULL;

        (void)state;
        rig_set_variable("STREAM_SECRET", "hidden");
        stream = good("{\"url\": \"rtsp://cam/${STREAM_SECRET}\", \"prompt\": "
                      "\"${STREAM_SECRET} $$\"}");
        assert_string_equal(stream->url, "rtsp://cam/${STREAM_SECRET}");
        assert_string_equal(stream->values.items[0].text, "${STREAM_SECRET} $$");
        rig_set_variable("STREAM_SECRET", NULL);
}

static void mistakes_name_the_setting(void **state) {
        (void)state;
        bad("hall", "{}", "url", "is missing");
        bad("hall", "{\"url\": 7}", "url", "is no text");
        bad("hall", "{\"url\": \"/etc/passwd\"}", "url", "a file cannot be added");
        bad("hall", "{\"url\": \"srt://h:1?mode=listener\"}", "url", "wait for callers");
        bad("a b", "{\"url\": \"rtsp://h/a\"}", "name", "is made of letters");
        bad("", "{\"url\": \"rtsp://h/a\"}", "name", "may not be empty");
        bad("a.b", "{\"url\": \"rtsp://h/a\", \"langauge\": \"de\"}", "langauge",
            "did you mean \"language\"?");
        bad("hall", "{\"url\": \"rtsp://h/a\", \"decoding\": {\"beam_size\": 1e30}}",
            "decoding.beam_size", "is not a whole number");
        bad("hall", "{\"url\": \"rtsp://h/a\", \"decoding\": {\"beam_size\": {\"x\": 1}}}",
            "decoding.beam_size", "a mapping");
        bad("hall", "{\"url\": \"rtsp://h/a\", \"listen\": \":80\"}", "listen", "unknown key");
        bad("hall",
            "{\"url\":\"rtsp://h/a\",\"decoding\":[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}",
            "decoding", "a list");
}

// What makes it another stream, and what does not.
static void streams_are_compared_by_what_holds(void **state) {
        CLEANUP(config_freep)
        struct config *config = rig_parse_config("pause: 0.8\nlanguage: de\n");
        CLEANUP(config_freep) struct config *other = rig_parse_config("language: de\n");
        CLEANUP(config_stream_freep)
        struct stream_config *plain = good("{\"url\": \"rtsp://h/a\"}");
        CLEANUP(config_stream_freep)
        struct stream_config *said = good("{\"url\": \"rtsp://h/a\", \"pause\": \"800ms\"}");
        CLEANUP(config_stream_freep)
        struct stream_config *elsewhere = good("{\"url\": \"rtsp://h/b\"}");

        (void)state;
        assert_true(config_stream_is_equal(config, plain, config, said));
        assert_true(config_stream_is_equal(config, said, other, said));
        assert_false(config_stream_is_equal(config, plain, other, plain));
        assert_false(config_stream_is_equal(config, plain, config, elsewhere));
}

static void what_needs_a_restart_is_named(void **state) {
        CLEANUP(config_freep)
        struct config *config = rig_parse_config("streams: {a: 'rtsp://h/a'}\n");
        CLEANUP(config_freep)
        struct config *live = rig_parse_config(
                "pause: 2\nlog: debug\nfilters: {repetition: 4}\n"
                "alerts: {fire: {words: [help, fire]}}\nsources: {allow: any}\n"
                "tls: {certificate: /a, key: /b}\nauth: {token_file: /c}\n");
        CLEANUP(config_freep)
        struct config *second = rig_parse_config("threads: 3\njournal: {keep: {age: 3d}}\n"
                                                 "sinks: {all: {type: lines, path: x}}\n");
        CLEANUP(config_freep)
        struct config *third = rig_parse_config("threads: 3\njournal: {keep: {age: 72h}}\n"
                                                "sinks: {all: {path: y, type: lines}}\n");
        const char *names[SETTINGS_MAX];

        (void)state;
        assert_int_equal(config_restart_needed(config, config, names), 0);
        assert_int_equal(config_restart_needed(config, live, names), 0);
        assert_int_equal(config_restart_needed(config, second, names), 3);
        assert_string_equal(names[0], "threads");
        assert_string_equal(names[1], "journal.keep.age");
        assert_string_equal(names[2], "sinks");
        assert_int_equal(config_restart_needed(second, third, names), 1);
        assert_string_equal(names[0], "sinks");
        assert_null(names[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_stream_is_read_and_told_without_its_password),
                cmocka_unit_test(variables_are_none),
                cmocka_unit_test(mistakes_name_the_setting),
                cmocka_unit_test(streams_are_compared_by_what_holds),
                cmocka_unit_test(what_needs_a_restart_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
