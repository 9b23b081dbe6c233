#include "server/config.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "util/mem.h"

// NULL takes the variable away. Tests have one thread.
static void variable_set(const char *name, const char *value) {
        if (value)
                setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
        else
                unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
}

static struct config *parse_good(const char *text) {
        struct config_mistakes mistakes;
        struct config *config = NULL;
        int r = config_parse(&config, text, strlen(text), &mistakes);

        for (size_t i = 0; i < mistakes.n; i++) {
                CLEANUP(mem_freep)
                char *line = config_mistake_format(&mistakes.items[i], "good.yaml");

                print_error("%s\n", line);
        }
        assert_int_equal(r, 0);
        assert_int_equal(mistakes.n, 0);
        assert_non_null(config);
        return config;
}

// Every mistake of the text, one line each.
static char *mistakes_text(struct config_mistakes *mistakes) {
        char *all = xstrdup("");

        for (size_t i = 0; i < mistakes->n; i++) {
                CLEANUP(mem_freep)
                char *line = config_mistake_format(&mistakes->items[i], "bad.yaml");
                CLEANUP(mem_freep) char *before = all;

                all = xasprintf("%s%s\n", before, line);
        }
        config_mistakes_deinit(mistakes);
        return all;
}

static char *parse_bad_bytes(const char *text, size_t n) {
        struct config_mistakes mistakes;
        struct config *config = NULL;

        assert_int_equal(config_parse(&config, text, n, &mistakes), -EINVAL);
        assert_null(config);
        assert_true(mistakes.n > 0);
        return mistakes_text(&mistakes);
}

static void assert_refused(const char *text, const char *expected) {
        CLEANUP(mem_freep) char *told = parse_bad_bytes(text, strlen(text));

        assert_string_equal(told, expected);
}

// --- what must work --------------------------------------------------------------------------

static void test_short_and_long_form(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config = parse_good("streams:\n"
                                           "  office: rtsp://brainbox:8554/office?audio=all\n"
                                           "  kitchen:\n"
                                           "    url: rtsp://brainbox:8554/kitchen?audio=all\n"
                                           "    language: de\n");

        assert_int_equal(config->n_streams, 2);
        assert_string_equal(config->streams[0].name, "office");
        assert_string_equal(config->streams[0].url, "rtsp://brainbox:8554/office?audio=all");
        assert_null(config->streams[0].language);
        assert_string_equal(config->streams[1].name, "kitchen");
        assert_string_equal(config->streams[1].url, "rtsp://brainbox:8554/kitchen?audio=all");
        assert_string_equal(config->streams[1].language, "de");
        assert_string_equal(config->listen, "127.0.0.1:9090");
        assert_string_equal(config->model, "base");
        assert_null(config->model_dir);
        assert_null(config->language);
        assert_int_equal(config->engines, 1);
        assert_int_equal(config->threads, 0);
        assert_int_equal(config->compute, COMPUTE_AUTO);
        assert_int_equal(config->log_level, LOG_INFO);
        assert_int_equal(config->log_format, LOG_TEXT);
}

static void test_every_key(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config =
                parse_good("listen: '[::1]:80'\n"
                           "model: tiny.en\n"
                           "model_dir: /srv/models\n"
                           "language: yue\n"
                           "engines: 2\n"
                           "threads: 3\n"
                           "compute: bf16\n"
                           "log: {level: warning, format: json}\n"
                           "streams:\n"
                           "  a.b_c-1:\n"
                           "    url: rtsp://host/a\n"
                           "    language: auto\n"
                           "    task: translate\n"
                           "    prompt: Names and such\n"
                           "    hotwords: [Marianne, \"Sir John\"]\n"
                           "    transport: udp\n"
                           "    loop: true\n"
                           "  norway: {url: 'rtsp://host/b', language: no, hotwords: fjord}\n");
        const struct stream_config *stream = &config->streams[0];

        assert_string_equal(config->listen, "[::1]:80");
        assert_string_equal(config->model, "tiny.en");
        assert_string_equal(config->model_dir, "/srv/models");
        assert_string_equal(config->language, "yue");
        assert_int_equal(config->engines, 2);
        assert_int_equal(config->threads, 3);
        assert_int_equal(config->compute, COMPUTE_BF16);
        assert_int_equal(config->log_level, LOG_WARNING);
        assert_int_equal(config->log_format, LOG_JSON);
        assert_string_equal(stream->name, "a.b_c-1");
        assert_string_equal(stream->language, "");
        assert_int_equal(stream->task, DECODE_TRANSLATE);
        assert_string_equal(stream->prompt, "Names and such");
        assert_string_equal(stream->hotwords, "Marianne Sir John");
        assert_int_equal(stream->transport, SOURCE_TRANSPORT_UDP);
        assert_true(stream->is_looped);
        assert_string_equal(config->streams[1].language, "no");
        assert_string_equal(config->streams[1].hotwords, "fjord");
        assert_int_equal(config->streams[1].transport, SOURCE_TRANSPORT_TCP);
        assert_false(config->streams[1].is_looped);
}

static void test_hearing_and_owing(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config =
                parse_good("pause: 0.8\n"
                           "window_max: 20\n"
                           "admission: false\n"
                           "owed: {folder: /var/spool/x, memory: 64, disk: 0}\n"
                           "streams:\n"
                           "  a: {url: rtsp://h/a, pause: 1.5, window_max: 12}\n"
                           "  b: rtsp://h/b\n");
        CLEANUP(config_freep) struct config *plain = parse_good("model: base\n");

        assert_true(config->pause == 0.8f && config->window_max == 20);
        assert_false(config->has_admission);
        assert_string_equal(config->owed_folder, "/var/spool/x");
        assert_int_equal(config->owed_memory, 64);
        assert_int_equal(config->owed_disk, 0);
        assert_true(config->streams[0].pause == 1.5f && config->streams[0].window_max == 12);
        assert_true(config->streams[1].pause == 0 && config->streams[1].window_max == 0);
        assert_true(plain->pause == 0.6f && plain->window_max == 28 && plain->has_admission);
        assert_refused("pause: off\nwindow_max: 29\nadmission: maybe\nowed: {memory: -1}\n",
                       "bad.yaml:1:8: pause: \"off\" is not seconds from 0.1 to 10\n"
                       "bad.yaml:2:13: window_max: \"29\" is not seconds from 5 to 28\n"
                       "bad.yaml:3:12: admission: \"maybe\" is not true or false\n"
                       "bad.yaml:4:16: owed.memory: \"-1\" is not megabytes from 0 to "
                       "1000000\n");
}

static void test_guards_have_limits(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config = parse_good("guards:\n"
                                           "  repetition: 12\n"
                                           "  words_per_second: off\n");
        CLEANUP(config_freep)
        struct config *off = parse_good("guards: {words_per_second: off}\n");

        assert_true(config->decoding.repetition_max == 12);
        assert_true(isinf(config->decoding.words_per_second_max));
        assert_true(off->decoding.repetition_max == decode_options_default().repetition_max);
}

static void test_guards_out_of_range(void **state) {
        (void)state;
        assert_refused("guards: {repetition: 1, words_per_second: nan}\n",
                       "bad.yaml:1:22: guards.repetition: \"1\" is not a number from 2 to 100, "
                       "or off\n"
                       "bad.yaml:1:43: guards.words_per_second: \"nan\" is not a number from 1 "
                       "to 100, or off\n");
        assert_refused("guards: {repetitions: 3}\n",
                       "bad.yaml:1:10: guards.repetitions: unknown key; did you mean "
                       "\"repetition\"?\n");
        assert_refused("guards: off\n", "bad.yaml:1:9: guards: expected a mapping of guards' "
                                        "names to their limits, but this is a single value\n");
}

static void test_guards_that_have_moved(void **state) {
        struct config_mistakes mistakes;
        struct config *config = NULL;
        CLEANUP(mem_freep) char *told = NULL;

        (void)state;
        assert_refused("guards: {no_speech: 0.5, log_prob: -1, compression_ratio: 2}\n",
                       "bad.yaml:1:10: guards.no_speech: is now decoding.no_speech_threshold\n"
                       "bad.yaml:1:26: guards.log_prob: is now decoding.log_prob_threshold\n"
                       "bad.yaml:1:40: guards.compression_ratio: is now "
                       "decoding.compression_ratio_threshold\n");
        // Where they are now they work.
        config = parse_good("decoding: {no_speech_threshold: 0.5, log_prob_threshold: -2,\n"
                            "           compression_ratio_threshold: 3}\n");
        assert_true(config->decoding.no_speech_threshold == 0.5f);
        assert_true(config->decoding.log_prob_threshold == -2);
        assert_true(config->decoding.compression_ratio_threshold == 3);
        config = config_free(config);
        variable_set("EAVESDROP_GUARDS_LOG_PROB", "-2");
        assert_int_equal(config_load(&config, NULL, &mistakes), -EINVAL);
        told = mistakes_text(&mistakes);
        assert_string_equal(told, "EAVESDROP_GUARDS_LOG_PROB: is now "
                                  "EAVESDROP_DECODING_LOG_PROB_THRESHOLD\n");
        variable_set("EAVESDROP_GUARDS_LOG_PROB", NULL);
}

static void test_decoding_options(void **state) {
        (void)state;
        CLEANUP(config_freep)
        struct config *config =
                parse_good("streams:\n"
                           "  a:\n"
                           "    url: rtsp://h/a\n"
                           "    prompt: of the stream\n"
                           "    decoding: {beam_size: 7, hotwords: [x, y z],\n"
                           "               suppress_tokens: [], log_prob_threshold: off}\n"
                           "decoding:\n"
                           "  beam_size: 5\n"
                           "  temperature: [0, 0.5]\n"
                           "  suppress_tokens: [-1, 42]\n"
                           "  initial_prompt: of the server\n"
                           "  without_timestamps: false\n");
        struct decode_options options = decode_options_copy(&config->decoding);

        assert_int_equal(options.beam_size, 5);
        assert_int_equal(options.n_temperatures, 2);
        assert_true(options.temperatures[1] == 0.5f);
        assert_int_equal(options.n_suppress_tokens, 2);
        assert_int_equal(options.suppress_tokens[1], 42);
        assert_string_equal(options.prompt, "of the server");
        assert_int_equal(options.without_timestamps, DECODE_NO);
        assert_int_equal(options.word_timestamps, DECODE_UNSET);

        decode_wishes_apply(&config->streams[0].decoding, &options);
        assert_int_equal(options.beam_size, 7);
        assert_int_equal(options.n_temperatures, 2);
        assert_int_equal(options.n_suppress_tokens, 0);
        assert_string_equal(options.hotwords, "x y z");
        assert_true(options.log_prob_threshold == -INFINITY);
        decode_options_deinit(&options);
}

static void test_decoding_mistakes(void **state) {
        (void)state;
        assert_refused(
                "decoding: {beam_size: 0, beamsize: 3, patience: off, patience: 1}\n",
                "bad.yaml:1:23: decoding.beam_size: \"0\" is not a whole number from 1 to "
                "32\n"
                "bad.yaml:1:26: decoding.beamsize: unknown key; did you mean "
                "\"beam_size\"?\n"
                "bad.yaml:1:49: decoding.patience: \"off\" is not a number from 0.01 to "
                "100\n"
                "bad.yaml:1:54: decoding.patience: already given at line 1\n");
        assert_refused(
                "streams: {a: {url: 'rtsp://h/a', decoding: {temperature: [0, b]}}}\n",
                "bad.yaml:1:58: streams.a.decoding.temperature: wrong list; expected up to 8 "
                "numbers from 0 to 10 with commas between them\n");
        assert_refused(
                "decoding: 5\n",
                "bad.yaml:1:11: decoding: expected a mapping of options such as beam_size "
                "to their values, but this is a single value\n");
}

static void test_decoding_is_overridden(void **state) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct config_mistakes mistakes = {0};

        (void)state;
        variable_set("EAVESDROP_DECODING_BEAM_SIZE", "4");
        assert_int_equal(config_load(&config, NULL, &mistakes), 0);
        assert_int_equal(config->decoding.beam_size, 4);
        assert_int_equal(
                config_override(config, "decoding.beam_size", "6", "--beam-size", &mistakes),
                0);
        assert_int_equal(config->decoding.beam_size, 6);
        assert_int_equal(
                config_override(config, "decoding.beam_size", "x", "--beam-size", &mistakes),
                -EINVAL);
        assert_int_equal(mistakes.n, 1);
        assert_string_equal(mistakes.items[0].key, "--beam-size");
        assert_int_equal(config_override(config, "decoding.x", "6", "--x", &mistakes), -EINVAL);
        config_mistakes_deinit(&mistakes);
        variable_set("EAVESDROP_DECODING_BEAM_SIZE", NULL);
}

static void test_log_as_a_level(void **state) {
        (void)state;
        CLEANUP(config_freep) struct config *config = parse_good("log: debug\n");

        assert_int_equal(config->log_level, LOG_DEBUG);
        assert_int_equal(config->log_format, LOG_TEXT);
}

static void test_variables_are_filled_in(void **state) {
        (void)state;
        variable_set("CONFIG_TEST_PASSWORD", "pa$$w0rd");
        CLEANUP(config_freep)
        struct config *config = parse_good(
                "streams:\n  a:\n    url: rtsp://u:${CONFIG_TEST_PASSWORD}@host/a\n"
                "    prompt: 5 $$ and $x and ${CONFIG_TEST_PASSWORD}${CONFIG_TEST_PASSWORD}\n");

        assert_string_equal(config->streams[0].url, "rtsp://u:pa$$w0rd@host/a");
        assert_string_equal(config->streams[0].prompt, "5 $ and $x and pa$$w0rdpa$$w0rd");
}

// --- what is refused -------------------------------------------------------------------------

static void test_engines_are_one_to_64(void **state) {
        (void)state;
        assert_refused("engines: 0\n",
                       "bad.yaml:1:10: engines: \"0\" is not a whole number from 1 to 64\n");
        assert_refused("engines: 65\n",
                       "bad.yaml:1:10: engines: \"65\" is not a whole number from 1 to 64\n");
}

static void test_all_mistakes_at_once(void **state) {
        (void)state;
        assert_refused(
                "listen: 9090\n"
                "threads: -1\n"
                "streams:\n"
                "  kitchen:\n"
                "    url: rtsp://host/kitchen\n"
                "    langauge: de\n"
                "    transport: tpc\n"
                "  office:\n"
                "    language: deu\n"
                "modle: base\n"
                "zzz: 1\n",
                "bad.yaml:1:9: listen: \"9090\" is not HOST:PORT such as 127.0.0.1:9090, "
                "[::1]:9090 or :9090, the port 0 to 65535\n"
                "bad.yaml:2:10: threads: \"-1\" is not a whole number from 0 (all cores) "
                "to 256\n"
                "bad.yaml:6:5: streams.kitchen.langauge: unknown key; did you mean "
                "\"language\"?\n"
                "bad.yaml:7:16: streams.kitchen.transport: \"tpc\" is not tcp or udp; did "
                "you mean \"tcp\"?\n"
                "bad.yaml:9:5: streams.office: has no url; expected a URL that ffmpeg "
                "reads (rtsp://...) or the path of a sound file\n"
                "bad.yaml:9:15: streams.office.language: \"deu\" is not a language code "
                "of Whisper such as en, de or zh, or auto to detect it; did you mean "
                "\"de\"?\n"
                "bad.yaml:10:1: modle: unknown key; did you mean \"model\"?\n"
                "bad.yaml:11:1: zzz: unknown key; those known here are listen, model, "
                "model_dir, language, engines, threads, compute, decoding, pause, "
                "window_max, admission, guards, owed, log, streams\n");
}

static void test_empty_files(void **state) {
        static const char empty[] =
                "bad.yaml:1:1: the file is empty; expected keys such as \"streams:\"\n";

        (void)state;
        assert_refused("", empty);
        assert_refused("\n# nothing but this\n", empty);
        assert_refused("---\n", empty);
        assert_refused("~\n", empty);
}

static void test_wrong_kinds(void **state) {
        (void)state;
        assert_refused("- a\n- b\n", "bad.yaml:1:1: expected a mapping with keys such as "
                                     "\"streams:\", but this is a list\n");
        assert_refused("hello\n", "bad.yaml:1:1: expected a mapping with keys such as "
                                  "\"streams:\", but this is a single value\n");
        assert_refused("streams: [a]\n",
                       "bad.yaml:1:10: streams: expected a mapping of streams' "
                       "names to their URLs, but this is a list\n");
        assert_refused("streams:\n", "bad.yaml:1:9: streams: expected a mapping of streams' "
                                     "names to their URLs, but this is nothing\n");
        assert_refused("model: {a: b}\n",
                       "bad.yaml:1:8: model: expected a model's name such as base, or the path "
                       "of a model's folder or file, but this is a mapping\n");
        assert_refused("log: []\n",
                       "bad.yaml:1:6: log: expected a level, or a mapping with the "
                       "keys level and format, but this is a list\n");
        assert_refused("streams:\n  a: []\n", "bad.yaml:2:6: streams.a: expected a URL, or a "
                                              "mapping with the key url, but this is a list\n");
        assert_refused("[a]: b\n", "bad.yaml:1:1: expected a key, but this is a list\n");
        assert_refused("streams: {a: {url: 'rtsp://h/a', loop: yes}}\n",
                       "bad.yaml:1:40: streams.a.loop: \"yes\" is not true or false\n");
}

static void test_broken_yaml(void **state) {
        (void)state;
        assert_refused("streams:\n\ta: rtsp://h/a\n",
                       "bad.yaml:2:1: a tab stands here; YAML is indented with spaces only\n");
        assert_refused("listen: 1\nmodel: [a, b\n",
                       "bad.yaml:1:9: listen: \"1\" is not HOST:PORT such as 127.0.0.1:9090, "
                       "[::1]:9090 or :9090, the port 0 to 65535\n"
                       "bad.yaml:2:8: model: expected a model's name such as base, or the path "
                       "of a model's folder or file, but this is a list\n"
                       "bad.yaml:3:1: not valid YAML: while parsing a flow sequence, did not "
                       "find expected ',' or ']'\n");
        assert_refused("model: \"\xff\"\n",
                       "bad.yaml:1:9: not valid YAML: invalid leading UTF-8 octet\n");
        assert_refused("model: base\n---\nmodel: base\n",
                       "bad.yaml:2:1: a second document begins here; expected only one\n");
        assert_refused("model: \"a\\0b\"\n",
                       "bad.yaml:1:8: a value may not hold a zero byte\n");
        assert_refused("model: !!int base\n", "bad.yaml:1:8: tags such as !!str are not "
                                              "supported: leave it out\n");
        assert_refused("model: &m base\nlanguage: *m\n",
                       "bad.yaml:2:11: aliases (*name) are not supported: write the value "
                       "out\n");
}

static void test_duplicates(void **state) {
        (void)state;
        assert_refused("model: base\nstreams:\n  a: rtsp://h/1\n  b: rtsp://h/2\n"
                       "  a: rtsp://h/3\nmodel: base\n",
                       "bad.yaml:5:3: streams.a: already given at line 3\n"
                       "bad.yaml:6:1: model: already given at line 1\n");
}

static void test_stream_names(void **state) {
        char text[256], expected[256];

        (void)state;
        assert_refused("streams:\n  '': rtsp://h/1\n",
                       "bad.yaml:2:3: streams.: a stream's name may not be empty\n");
        assert_refused("streams:\n  a b: rtsp://h/1\n",
                       "bad.yaml:2:3: streams.a b: a stream's name is made of letters (a-z, "
                       "A-Z), digits, \".\", \"_\" and \"-\"\n");
        assert_refused("streams:\n  '..': rtsp://h/1\n",
                       "bad.yaml:2:3: streams...: a stream's name is made of letters (a-z, "
                       "A-Z), digits, \".\", \"_\" and \"-\"\n");
        snprintf(text, sizeof(text), "streams:\n  %065d: rtsp://h/1\n", 0);
        snprintf(expected, sizeof(expected),
                 "bad.yaml:2:3: streams.%065d: a stream's name may have at most 64 "
                 "characters\n",
                 0);
        assert_refused(text, expected);
}

static void test_variables_missing_or_broken(void **state) {
        (void)state;
        variable_set("CONFIG_TEST_MISSING", NULL);
        assert_refused("model: ${CONFIG_TEST_MISSING}\n",
                       "bad.yaml:1:8: model: the environment has no variable "
                       "CONFIG_TEST_MISSING\n");
        assert_refused("model: a${}\nlanguage: ${A\nthreads: ${1}\n",
                       "bad.yaml:1:8: model: \"${\" must be followed by a variable's name and "
                       "\"}\"; a dollar sign itself is written $$\n"
                       "bad.yaml:2:11: language: \"${\" must be followed by a variable's name "
                       "and \"}\"; a dollar sign itself is written $$\n"
                       "bad.yaml:3:10: threads: \"${\" must be followed by a variable's name "
                       "and \"}\"; a dollar sign itself is written $$\n");
}

static void test_mistakes_tell_no_secret(void **state) {
        static const char *const texts[] = {
                "streams:\n  a: rtps://user:hunter2@host/a\n",
                "streams:\n  a: rtps://user:${CONFIG_TEST_SECRET}@host/a\n",
                "streams:\n  a: ${CONFIG_TEST_SECRET}\n",
                "streams:\n  a: /nowhere/${CONFIG_TEST_SECRET}.wav\n",
                "streams:\n  rtsp://user:hunter2@host/a:\n",
                "listen: ${CONFIG_TEST_SECRET}\n",
                "model: [rtsp://user:hunter2@host/a]\n",
                "language: rtsp://user:hunter2@host/a\n",
        };

        (void)state;
        variable_set("CONFIG_TEST_SECRET", "hunter2");
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                CLEANUP(mem_freep) char *told = parse_bad_bytes(texts[i], strlen(texts[i]));

                assert_null(strstr(told, "hunter2"));
        }
}

static void test_addresses(void **state) {
        static const char *const good[] = {":0", "localhost:65535", "0.0.0.0:80", "[::]:1"};
        static const char *const bad[] = {
                "",      "9090",    "a:",          "a:65536", "a:b",       "::1:80",
                "[::1]", "[::1:80", "300.0.0.1:1", "a b:80",  "[host]:80", "a:80 "};

        (void)state;
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
                CLEANUP(mem_freep) char *text = xasprintf("listen: '%s'\n", good[i]);
                CLEANUP(config_freep) struct config *config = parse_good(text);

                assert_string_equal(config->listen, good[i]);
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                CLEANUP(mem_freep) char *text = xasprintf("listen: '%s'\n", bad[i]);
                CLEANUP(mem_freep) char *told = parse_bad_bytes(text, strlen(text));

                assert_non_null(strstr(told, "is not HOST:PORT"));
        }
}

// --- limits ----------------------------------------------------------------------------------

static char *text_repeat(const char *head, const char *part, size_t n, const char *tail) {
        char *text = NULL;
        size_t n_text = 0;
        FILE *stream = open_memstream(&text, &n_text);

        assert_non_null(stream);
        fputs(head, stream);
        for (size_t i = 0; i < n; i++)
                fputs(part, stream);
        fputs(tail, stream);
        fclose(stream);
        return text;
}

static void test_limits(void **state) {
        CLEANUP(mem_freep) char *deep = text_repeat("model: ", "[", 9, "\n");
        CLEANUP(mem_freep) char *long_one = text_repeat("#", "x", CONFIG_BYTES_MAX, "\n");
        CLEANUP(mem_freep) char *wide = text_repeat("model: [", "a,", 260000, "]\n");
        CLEANUP(mem_freep) char *keys = text_repeat("", "a: 1\n", 100000, "");
        CLEANUP(mem_freep) char *told = NULL;
        size_t n_lines = 0;

        (void)state;
        assert_refused(deep,
                       "bad.yaml:1:8: model: expected a model's name such as base, or the "
                       "path of a model's folder or file, but this is a list\n"
                       "bad.yaml:1:15: nested too deeply; the limit is 8\n");
        assert_refused(long_one, "bad.yaml:1:1: the file has more than 1048576 bytes, which is "
                                 "the limit\n");
        assert_refused(wide,
                       "bad.yaml:1:8: model: expected a model's name such as base, or the "
                       "path of a model's folder or file, but this is a list\n"
                       "bad.yaml:1:500003: too many keys and values; the limit is "
                       "250000\n");
        told = parse_bad_bytes(keys, strlen(keys));
        for (const char *line = told; (line = strchr(line, '\n')); line++)
                n_lines++;
        assert_int_equal(n_lines, CONFIG_MISTAKES_MAX + 1);
        assert_non_null(strstr(told, "there are more than 100 mistakes"));
}

static void test_too_many_streams(void **state) {
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);
        CLEANUP(mem_freep) char *told = NULL;

        (void)state;
        fputs("streams:\n", stream);
        for (int i = 0; i <= CONFIG_STREAMS_MAX; i++)
                fprintf(stream, "  s%d: rtsp://h/%d\n", i, i);
        fclose(stream);
        told = parse_bad_bytes(text, n);
        assert_string_equal(told, "bad.yaml:2:3: streams: 10001 streams; the limit is 10000\n");
        free(text);
}

// --- files and the environment ---------------------------------------------------------------

static char *folder_make(void) {
        char *folder = xstrdup("/tmp/config_test.XXXXXX");

        assert_non_null(mkdtemp(folder));
        return folder;
}

static void file_write(const char *path, const char *text) {
        FILE *file = fopen(path, "w");

        assert_non_null(file);
        fputs(text, file);
        fclose(file);
}

static void test_paths_are_the_files(void **state) {
        CLEANUP(mem_freep) char *folder = folder_make();
        CLEANUP(mem_freep) char *path = xasprintf("%s/c.yaml", folder);
        CLEANUP(mem_freep) char *sound = xasprintf("%s/sound.wav", folder);
        CLEANUP(mem_freep) char *models = xasprintf("%s/./models", folder);
        struct config_mistakes mistakes;
        struct config *config = NULL;

        (void)state;
        file_write(path, "model_dir: ./models\nstreams:\n  a: sound.wav\n");
        file_write(sound, "RIFF");
        assert_int_equal(config_load(&config, path, &mistakes), 0);
        assert_string_equal(config->streams[0].url, sound);
        assert_string_equal(config->model_dir, models);
        assert_string_equal(config->model, "base");
        config_free(config);
        unlink(sound);
        unlink(path);
        rmdir(folder);
}

static void test_files_that_cannot_be_read(void **state) {
        CLEANUP(mem_freep) char *folder = folder_make();
        CLEANUP(mem_freep) char *fifo = xasprintf("%s/fifo", folder);
        CLEANUP(mem_freep) char *missing = xasprintf("%s/missing.yaml", folder);
        const struct {
                const char *path, *expected;
        } cases[] = {
                {missing, "bad.yaml:1:1: cannot read the file: No such file or directory\n"},
                {folder, "bad.yaml:1:1: cannot read the file: Is a directory\n"},
                {fifo, "bad.yaml:1:1: the file is empty; expected keys such as \"streams:\"\n"},
        };

        (void)state;
        assert_int_equal(mkfifo(fifo, 0600), 0);
        for (size_t i = 0; i < 3; i++) {
                struct config_mistakes mistakes;
                struct config *config = NULL;
                CLEANUP(mem_freep) char *told = NULL;

                assert_int_equal(config_load(&config, cases[i].path, &mistakes), -EINVAL);
                assert_null(config);
                told = mistakes_text(&mistakes);
                assert_string_equal(told, cases[i].expected);
        }
        unlink(fifo);
        rmdir(folder);
}

static void test_precedence(void **state) {
        CLEANUP(mem_freep) char *folder = folder_make();
        CLEANUP(mem_freep) char *path = xasprintf("%s/c.yaml", folder);
        struct config_mistakes mistakes;
        struct config *config = NULL;

        (void)state;
        file_write(path, "listen: 127.0.0.1:1\nthreads: 1\nlanguage: de\nmodel: tiny.en\n");
        variable_set("EAVESDROP_THREADS", "2");
        variable_set("EAVESDROP_LANGUAGE", "auto");
        variable_set("EAVESDROP_LISTEN", "127.0.0.1:2");
        variable_set("EAVESDROP_MODEL", "");
        variable_set("EAVESDROP_LOG_FORMAT", "json");
        assert_int_equal(config_load(&config, path, &mistakes), 0);
        assert_int_equal(config->threads, 2);
        assert_null(config->language);
        assert_string_equal(config->model, "tiny.en");
        assert_int_equal(config->log_format, LOG_JSON);
        assert_int_equal(
                config_override(config, "listen", "127.0.0.1:3", "--listen", &mistakes), 0);
        assert_string_equal(config->listen, "127.0.0.1:3");
        assert_int_equal(config_override(config, "threads", "many", "--threads", &mistakes),
                         -EINVAL);
        assert_int_equal(config->threads, 2);
        config_free(config);

        CLEANUP(mem_freep) char *told = mistakes_text(&mistakes);

        assert_string_equal(told,
                            "--threads: \"many\" is not a whole number from 0 (all cores) "
                            "to 256\n");
        variable_set("EAVESDROP_LANGUAGE", NULL);
        variable_set("EAVESDROP_LISTEN", NULL);
        variable_set("EAVESDROP_MODEL", NULL);
        variable_set("EAVESDROP_LOG_FORMAT", NULL);
        unlink(path);
        rmdir(folder);
}

static void test_bad_environment(void **state) {
        struct config_mistakes mistakes;
        struct config *config = NULL;
        CLEANUP(mem_freep) char *told = NULL;

        (void)state;
        variable_set("EAVESDROP_THREADS", "x");
        assert_int_equal(config_load(&config, NULL, &mistakes), -EINVAL);
        told = mistakes_text(&mistakes);
        assert_string_equal(told, "EAVESDROP_THREADS: \"x\" is not a whole number from 0 (all "
                                  "cores) to 256\n");
        variable_set("EAVESDROP_THREADS", NULL);
}

static void test_languages(void **state) {
        (void)state;
        assert_true(config_language_is_known("en"));
        assert_true(config_language_is_known("yue"));
        assert_false(config_language_is_known("auto"));
        assert_false(config_language_is_known(""));
        assert_false(config_language_is_known("EN"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_short_and_long_form),
                cmocka_unit_test(test_every_key),
                cmocka_unit_test(test_hearing_and_owing),
                cmocka_unit_test(test_guards_have_limits),
                cmocka_unit_test(test_guards_out_of_range),
                cmocka_unit_test(test_guards_that_have_moved),
                cmocka_unit_test(test_decoding_options),
                cmocka_unit_test(test_decoding_mistakes),
                cmocka_unit_test(test_decoding_is_overridden),
                cmocka_unit_test(test_log_as_a_level),
                cmocka_unit_test(test_variables_are_filled_in),
                cmocka_unit_test(test_engines_are_one_to_64),
                cmocka_unit_test(test_all_mistakes_at_once),
                cmocka_unit_test(test_empty_files),
                cmocka_unit_test(test_wrong_kinds),
                cmocka_unit_test(test_broken_yaml),
                cmocka_unit_test(test_duplicates),
                cmocka_unit_test(test_stream_names),
                cmocka_unit_test(test_variables_missing_or_broken),
                cmocka_unit_test(test_mistakes_tell_no_secret),
                cmocka_unit_test(test_addresses),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_too_many_streams),
                cmocka_unit_test(test_paths_are_the_files),
                cmocka_unit_test(test_files_that_cannot_be_read),
                cmocka_unit_test(test_precedence),
                cmocka_unit_test(test_bad_environment),
                cmocka_unit_test(test_languages),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
