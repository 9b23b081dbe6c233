// What a configuration may hold, and whose word counts.
#include "config/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "util/mem.h"

static void test_short_and_long_form(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config =
                rig_parse_config("streams:\n"
                                 "  office: rtsp://brainbox:8554/office?audio=all\n"
                                 "  kitchen:\n"
                                 "    url: rtsp://brainbox:8554/kitchen?audio=all\n"
                                 "    language: de\n");

        assert_int_equal(config->n_streams, 2);
        assert_string_equal(config->streams[0].name, "office");
        assert_string_equal(config->streams[0].url, "rtsp://brainbox:8554/office?audio=all");
        assert_string_equal(rig_defaults(config, 0)->decoding.language, "");
        assert_string_equal(config->streams[1].name, "kitchen");
        assert_string_equal(config->streams[1].url, "rtsp://brainbox:8554/kitchen?audio=all");
        assert_string_equal(rig_defaults(config, 1)->decoding.language, "de");
        assert_string_equal(config->listen, "127.0.0.1:9090");
        assert_string_equal(config->model, "base");
        assert_null(config->model_dir);
        assert_string_equal(config->defaults.decoding.language, "");
        assert_int_equal(config->engines, 1);
        assert_int_equal(config->threads, 0);
        assert_int_equal(config->compute, COMPUTE_AUTO);
        assert_string_equal(config->media, "builtin");
        assert_int_equal(config->log_level, LOG_INFO);
        assert_int_equal(config->log_format, LOG_TEXT);
}

static void test_every_key(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config = rig_parse_config(
                "listen: '[::1]:80'\n"
                "model: tiny.en\n"
                "model_dir: /srv/models\n"
                "language: yue\n"
                "engines: 2\n"
                "threads: 3\n"
                "compute: float32\n"
                "media: /usr/local/bin/ffmpeg\n"
                "sources: {allow: [127.0.0.0/8, go2rtc]}\n"
                "log: {level: warning, format: json}\n"
                "streams:\n"
                "  a.b_c-1:\n"
                "    url: rtsp://host/a\n"
                "    language: auto\n"
                "    task: translate\n"
                "    prompt: Names and such\n"
                "    hotwords: [Marianne, \"Sir John\"]\n"
                "    transport: udp\n"
                "    track: de\n"
                "    loop: true\n"
                "  norway: {url: 'rtsp://host/b', language: no, hotwords: fjord}\n");
        const struct stream_config *stream = &config->streams[0];

        assert_string_equal(config->listen, "[::1]:80");
        assert_string_equal(config->model, "tiny.en");
        assert_string_equal(config->model_dir, "/srv/models");
        assert_string_equal(config->defaults.decoding.language, "yue");
        assert_int_equal(config->engines, 2);
        assert_int_equal(config->threads, 3);
        assert_int_equal(config->compute, COMPUTE_FLOAT32);
        assert_string_equal(config->media, "/usr/local/bin/ffmpeg");
        assert_string_equal(config->source_allow, "127.0.0.0/8 go2rtc");
        assert_int_equal(config->log_level, LOG_WARNING);
        assert_int_equal(config->log_format, LOG_JSON);
        assert_string_equal(stream->name, "a.b_c-1");
        assert_string_equal(rig_defaults(config, 0)->decoding.language, "");
        assert_int_equal(rig_defaults(config, 0)->decoding.task, DECODE_TRANSLATE);
        assert_string_equal(rig_defaults(config, 0)->decoding.prompt, "Names and such");
        assert_string_equal(rig_defaults(config, 0)->decoding.hotwords, "Marianne Sir John");
        assert_int_equal(stream->transport, SOURCE_TRANSPORT_UDP);
        assert_string_equal(rig_defaults(config, 0)->track, "de");
        assert_null(rig_defaults(config, 1)->track);
        assert_true(stream->is_looped);
        assert_string_equal(rig_defaults(config, 1)->decoding.language, "no");
        assert_string_equal(rig_defaults(config, 1)->decoding.hotwords, "fjord");
        assert_int_equal(config->streams[1].transport, SOURCE_TRANSPORT_TCP);
        assert_false(config->streams[1].is_looped);
}

static void test_hearing_and_owing(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config =
                rig_parse_config("pause: 0.8\n"
                                 "window_max: 20\n"
                                 "admission: false\n"
                                 "backlog: {folder: /var/spool/x, memory: 64, disk: 0}\n"
                                 "streams:\n"
                                 "  a: {url: rtsp://h/a, pause: 1.5, window_max: 12}\n"
                                 "  b: rtsp://h/b\n");
        CLEANUP(config_freep) struct config *plain = rig_parse_config("model: base\n");

        assert_true(config->defaults.pause == 0.8f && config->defaults.window_max == 20);
        assert_false(config->has_admission);
        assert_string_equal(config->backlog_folder, "/var/spool/x");
        assert_int_equal(config->backlog_memory, 64000000);
        assert_int_equal(config->backlog_disk, 0);
        assert_true(rig_defaults(config, 0)->pause == 1.5f &&
                    rig_defaults(config, 0)->window_max == 12);
        assert_true(rig_defaults(config, 1)->pause == 0.8f &&
                    rig_defaults(config, 1)->window_max == 20);
        assert_true(plain->defaults.pause == 0.6f && plain->defaults.window_max == 28 &&
                    plain->has_admission);
        rig_expect_refused(
                "pause: off\nwindow_max: 29\nadmission: maybe\nbacklog: {memory: -1}\n",
                "bad.yaml:1:8: pause: \"off\" is not a time from 0.1s to 10s\n"
                "bad.yaml:2:13: window_max: \"29\" is not a time from 5s to 28s\n"
                "bad.yaml:3:12: admission: \"maybe\" is not true or false\n"
                "bad.yaml:4:19: backlog.memory: \"-1\" is not a size from 0 to "
                "1TB\n");
}

static void test_uploads(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config = rig_parse_config(
                "uploads: {at_once: 3, waiting: 7, size: 500MB, seconds: 90m}\n");
        CLEANUP(config_freep) struct config *plain = rig_parse_config("model: base\n");

        assert_int_equal(config->uploads.at_once, 3);
        assert_int_equal(config->uploads.waiting, 7);
        assert_int_equal(config->uploads.size, 500000000);
        assert_int_equal(config->uploads.seconds, 5400);
        assert_int_equal(plain->uploads.at_once, 0);
        assert_int_equal(plain->uploads.waiting, 200);
        assert_int_equal(plain->uploads.size, 2000000000);
        assert_int_equal(plain->uploads.seconds, 21600);
        rig_expect_refused("uploads: {at_once: -1, waiting: many, size: 1, seconds: 60d}\n",
                           "bad.yaml:1:20: uploads.at_once: \"-1\" is not a whole number from "
                           "0 (one per core) to 256\n"
                           "bad.yaml:1:33: uploads.waiting: \"many\" is not a whole number "
                           "from 0 to 100000\n"
                           "bad.yaml:1:57: uploads.seconds: \"60d\" is not a time from 1s to "
                           "1000h\n");
        rig_expect_refused("uploads: 3\n",
                           "bad.yaml:1:10: uploads: expected a mapping with the keys at_once, "
                           "waiting, size and seconds, but this is a single value\n");
}

static void test_memory(void **state) {
        (void)state;
        CLEANUP(config_freep) struct config *config = rig_parse_config("memory: 1.5GB\n");
        CLEANUP(config_freep) struct config *plain = rig_parse_config("model: base\n");
        CLEANUP(config_freep) struct config *automatic = rig_parse_config("memory: auto\n");

        assert_int_equal(config->memory, 1500000000);
        assert_int_equal(config_memory(config), 1500000000);
        assert_int_equal(config_memory(automatic), config_memory(plain));
        assert_in_range(config_memory(plain), 1, 256000000);
        rig_expect_refused("memory: lots\n",
                           "bad.yaml:1:9: memory: \"lots\" is not a size from "
                           "16MB to 1TB, or auto\n");
        rig_expect_refused("memory: 15MB\n",
                           "bad.yaml:1:9: memory: \"15MB\" is not a size from "
                           "16MB to 1TB, or auto\n");
}

static void test_log_as_a_level(void **state) {
        (void)state;
        CLEANUP(config_freep) struct config *config = rig_parse_config("log: debug\n");

        assert_int_equal(config->log_level, LOG_DEBUG);
        assert_int_equal(config->log_format, LOG_TEXT);
}

static void test_variables_are_filled_in(void **state) {
        (void)state;
        rig_set_variable("CONFIG_TEST_PASSWORD", "pa$$w0rd");
        CLEANUP(config_freep)
        struct config *config = rig_parse_config(
                "streams:\n  a:\n    url: rtsp://u:${CONFIG_TEST_PASSWORD}@host/a\n"
                "    prompt: 5 $$ and $x and ${CONFIG_TEST_PASSWORD}${CONFIG_TEST_PASSWORD}\n");

        assert_string_equal(config->streams[0].url, "rtsp://u:pa$$w0rd@host/a");
        assert_string_equal(rig_defaults(config, 0)->decoding.prompt,
                            "5 $ and $x and pa$$w0rdpa$$w0rd");
}

static void test_addresses(void **state) {
        static const char *const good[] = {":0", "localhost:65535", "0.0.0.0:80", "[::]:1"};
        static const char *const bad[] = {
                "",      "9090",    "a:",          "a:65536", "a:b",       "::1:80",
                "[::1]", "[::1:80", "300.0.0.1:1", "a b:80",  "[host]:80", "a:80 "};

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                CLEANUP(mem_freep) char *text = xasprintf("listen: '%s'\n", good[i]);
                CLEANUP(config_freep) struct config *config = rig_parse_config(text);

                assert_string_equal(config->listen, good[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CLEANUP(mem_freep) char *text = xasprintf("listen: '%s'\n", bad[i]);
                CLEANUP(mem_freep) char *told = rig_refuse_config(text, strlen(text));

                assert_non_null(strstr(told, "is not HOST:PORT"));
        }
}

static void test_languages_as_people_write_them(void **state) {
        struct config *config = rig_parse_config("language: English\n"
                                                 "streams:\n"
                                                 "  a: {url: rtsp://h/a, language: pt_BR}\n"
                                                 "  b: {url: rtsp://h/b, language: Auto}\n"
                                                 "  c: {url: rtsp://h/c, language: no}\n"
                                                 "  d: {url: rtsp://h/d, language: iw}\n");

        (void)state;
        assert_string_equal(config->defaults.decoding.language, "en");
        assert_string_equal(rig_defaults(config, 0)->decoding.language, "pt");
        assert_string_equal(rig_defaults(config, 1)->decoding.language, "");
        assert_string_equal(rig_defaults(config, 2)->decoding.language, "no");
        assert_string_equal(rig_defaults(config, 3)->decoding.language, "he");
        config_free(config);
        rig_expect_refused("language: Frensh\n",
                           "bad.yaml:1:11: language: \"Frensh\" is not a language such as "
                           "English, de or zh-CN, or auto to detect it; did you mean "
                           "\"French\"?\n");
        rig_expect_variable_refused("EAVESDROP_LANGUAGE", "xx",
                                    "EAVESDROP_LANGUAGE: \"xx\" is not a language such as "
                                    "English, de or zh-CN, or auto to detect it\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_short_and_long_form),
                cmocka_unit_test(test_every_key),
                cmocka_unit_test(test_hearing_and_owing),
                cmocka_unit_test(test_uploads),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_log_as_a_level),
                cmocka_unit_test(test_variables_are_filled_in),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_languages_as_people_write_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
