// What is in force, shown: in the shape of the file, so that it can be one again, without
// secrets.
#include "config/effective.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "util/mem.h"

// The configuration of the text, shown; the caller frees it.
static char *shown(const char *text) {
        CLEANUP(config_freep) struct config *config = rig_parse_config(text);
        json_t *json = config_effective(config);
        char *yaml = config_effective_text(json);

        json_decref(json);
        return yaml;
}

static void has(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("no \"%s\" in:\n%s", part, text);
}

static void has_not(const char *text, const char *part) {
        if (strstr(text, part))
                fail_msg("\"%s\" in:\n%s", part, text);
}

static void defaults_are_filled_in(void **state) {
        CLEANUP(mem_freep) char *text = shown("threads: 3\n");

        (void)state;
        has(text, "listen: \"127.0.0.1:9090\"\n");
        has(text, "model: base\n");
        has(text, "language: auto\n");
        has(text, "threads: 3\n");
        has(text, "pause: \"0.6s\"\n");
        has(text, "memory: auto\n");
        has(text, "per_address:\n  connections: 1000\n");
        has(text, "temperature: [0, 0.2, 0.4, 0.6, 0.8, 1]\n");
        has(text, "hallucination_silence_threshold: \"off\"\n");
        has(text, "journal:\n  text: true\n  sessions: false\n  keep:\n    age: \"30d\"\n");
        has_not(text, "model_dir");
        has_not(text, "word_timestamps");
        has_not(text, "streams");
        has_not(text, "transport");
}

static void streams_have_what_is_their_own(void **state) {
        CLEANUP(mem_freep)
        char *text =
                shown("language: de\n"
                      "streams:\n"
                      "  hall: rtsp://10.0.0.1/hall\n"
                      "  yard: {url: 'rtsp://10.0.0.2/yard', language: fr, pause: 1.5,\n"
                      "         decoding: {beam_size: 3}, prompt: \"say \\\"so\\\": $$5\"}\n");

        (void)state;
        has(text, "  hall:\n    url: \"rtsp://10.0.0.1/hall\"\n    transport: tcp\n"
                  "    loop: false\n");
        has(text, "    language: fr\n    prompt: \"say \\\"so\\\": $5\"\n"
                  "    pause: \"1.5s\"\n    decoding:\n      beam_size: 3\n");
}

static void secrets_are_removed(void **state) {
        CLEANUP(mem_freep)
        char *text = shown("streams: {hall: 'rtsp://viewer:tomato@10.0.0.1/hall?pwd=tomato'}\n"
                           "sinks:\n"
                           "  hook: {type: webhook, url: 'https://x.example/tomato',\n"
                           "         secret: tomato}\n");

        (void)state;
        has_not(text, "tomato");
        has(text, "***@10.0.0.1/hall");
        has(text, "    type: webhook\n    url: \"***\"\n");
        has(text, "    secret: \"***\"\n");
        has_not(text, "    sessions:");
}

static void tokens_are_named(void **state) {
        CLEANUP(mem_freep)
        char *text = shown("auth:\n  tokens:\n"
                           "    - {name: page, scopes: read, streams: [hall, 'yard-*'],\n"
                           "       hash: 'sha256:000102030405060708090a0b0c0d0e0f"
                           "101112131415161718191a1b1c1d1e1f'}\n");

        (void)state;
        has_not(text, "0001");
        has(text, "name: page");
        has(text, "hash: \"***\"");
        has(text, "streams: \"hall yard-*\"");
}

// What was shown is read again, and shown alike.
static void what_is_shown_is_a_file(void **state) {
        CLEANUP(mem_freep)
        char *first = shown("hosts: [cameras.example, other.example]\n"
                            "memory: 512MiB\n"
                            "journal: {sessions: on, keep: {age: 0}, audio: on}\n"
                            "decoding: {suppress_tokens: [], log_prob_threshold: off}\n"
                            "streams:\n"
                            "  on: {url: 'rtsp://10.0.0.1/hall', hotwords: [Anna, Otto],\n"
                            "       prompt: 'costs $${5}', journal: off}\n"
                            "alerts:\n"
                            "  fire: {words: [fire, 'help me: now'], cooldown: 2m}\n"
                            "sinks: {out: {type: lines, path: rows, sessions: off}}\n");
        CLEANUP(mem_freep) char *second = shown(first);

        (void)state;
        assert_string_equal(first, second);
        has(first, "  \"on\":\n    url: \"rtsp://10.0.0.1/hall\"\n");
        has(first, "    prompt: \"costs $${5}\"\n");
        has(first, "    words: [fire, \"help me: now\"]\n    sessions: false\n"
                   "    cooldown: \"2m\"\n");
        has(first, "memory: \"512MiB\"\n");
}

static void it_is_told_where_values_come_from(void **state) {
        static const char text[] =
                "model: tiny\nlog: {level: debug}\nstreams: {a: /dev/null}\n";
        CLEANUP(config_freep) struct config *config = rig_parse_config(text);
        struct config_mistakes mistakes = {0};
        json_t *json;

        (void)state;
        assert_int_equal(config_override(config, "threads", "2", "--threads", &mistakes), 0);
        assert_int_equal(config_override(config, "model", "base", "--model", &mistakes), 0);
        json = config_came_from(config);
        assert_int_equal(json_object_size(json), 4);
        assert_string_equal(json_string_value(json_object_get(json, "model")), "option");
        assert_string_equal(json_string_value(json_object_get(json, "threads")), "option");
        assert_string_equal(json_string_value(json_object_get(json, "log.level")), "file");
        assert_string_equal(json_string_value(json_object_get(json, "streams")), "file");
        json_decref(json);
}

static void the_environment_is_an_origin(void **state) {
        struct config_mistakes mistakes;
        struct config *config;
        json_t *json;

        (void)state;
        rig_set_variable("EAVESDROP_ENGINES", "2");
        assert_int_equal(config_load(&config, NULL, &mistakes), 0);
        rig_set_variable("EAVESDROP_ENGINES", NULL);
        json = config_came_from(config);
        assert_int_equal(json_object_size(json), 1);
        assert_string_equal(json_string_value(json_object_get(json, "engines")), "environment");
        json_decref(json);
        config_free(config);
}

// As "model", or "log.level".
static const char *text_at(const json_t *json, const char *section, const char *key) {
        return json_string_value(json_object_get(json_object_get(json, section), key));
}

static void what_needs_a_restart_stays_as_it_was(void **state) {
        CLEANUP(config_freep)
        struct config *started = rig_parse_config("model: tiny\njournal: {keep: {age: 1d}}\n"
                                                  "tls: {certificate: /a, key: /b}\n"
                                                  "hosts: a.example\n");
        CLEANUP(config_freep)
        struct config *read = rig_parse_config("threads: 3\njournal: {keep: {age: 2d}}\n"
                                               "log: debug\npause: 0.9\n"
                                               "sinks: {a: {type: lines, path: x}}\n"
                                               "alerts: {fire: {words: fire}}\n");
        json_t *told = config_in_force(started, read);
        json_t *config = json_object_get(told, "config"), *from = json_object_get(told, "from");

        (void)state;
        assert_string_equal(json_string_value(json_object_get(config, "model")), "tiny");
        assert_string_equal(json_string_value(json_object_get(config, "hosts")), "a.example");
        assert_int_equal(json_integer_value(json_object_get(config, "threads")), 0);
        assert_string_equal(text_at(json_object_get(config, "journal"), "keep", "age"), "1d");
        assert_null(json_object_get(config, "sinks"));
        // And what does not is as it was read.
        assert_null(json_object_get(config, "tls"));
        assert_non_null(json_object_get(json_object_get(config, "alerts"), "fire"));
        assert_string_equal(text_at(config, "log", "level"), "debug");
        assert_string_equal(json_string_value(json_object_get(from, "model")), "file");
        assert_string_equal(json_string_value(json_object_get(from, "pause")), "file");
        assert_null(json_object_get(from, "threads"));
        json_decref(told);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(defaults_are_filled_in),
                cmocka_unit_test(streams_have_what_is_their_own),
                cmocka_unit_test(secrets_are_removed),
                cmocka_unit_test(tokens_are_named),
                cmocka_unit_test(what_is_shown_is_a_file),
                cmocka_unit_test(it_is_told_where_values_come_from),
                cmocka_unit_test(the_environment_is_an_origin),
                cmocka_unit_test(what_needs_a_restart_stays_as_it_was),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
