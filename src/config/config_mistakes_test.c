// What is refused, and in which words.
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "util/mem.h"

static void test_engines_are_one_to_64(void **state) {
        (void)state;
        rig_expect_refused(
                "engines: 0\n",
                "bad.yaml:1:10: engines: \"0\" is not a whole number from 1 to 64\n");
        rig_expect_refused(
                "engines: 65\n",
                "bad.yaml:1:10: engines: \"65\" is not a whole number from 1 to 64\n");
}

static void test_what_is_gone_is_told_with_what_to_use(void **state) {
        (void)state;
        rig_expect_refused(
                "compute: bf16\n",
                "bad.yaml:1:10: compute: \"bf16\" is gone: int8 was faster wherever both were "
                "measured; use auto or int8\n");
}

static void test_all_mistakes_at_once(void **state) {
        (void)state;
        rig_expect_refused(
                "listen: 9090\n"
                "threads: -1\n"
                "streams:\n"
                "  kitchen:\n"
                "    url: rtsp://host/kitchen\n"
                "    langauge: de\n"
                "    transport: tpc\n"
                "  office:\n"
                "    language: deutch\n"
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
                "bad.yaml:9:5: streams.office: has no url; expected a URL (rtsp://...) or "
                "the path of a sound file\n"
                "bad.yaml:9:15: streams.office.language: \"deutch\" is not a language "
                "such as English, de or zh-CN, or auto to detect it; did you mean "
                "\"Dutch\"?\n"
                "bad.yaml:10:1: modle: unknown key; did you mean \"model\"?\n"
                "bad.yaml:11:1: zzz: unknown key; those known here are listen, listeners, "
                "origins, hosts, audiosocket, tls, auth, proxies, model, model_dir, "
                "language, languages, engines, threads, "
                "compute, media, sources, "
                "pause, window_max, memory, admission, per_address, per_token, filters, "
                "backlog, uploads, transcriptions, "
                "log, "
                "decoding, state_dir, journal, alerts, sinks, streams\n");
}

// A dot is how mistakes and options name what is in a section, not how the file does.
static void test_names_with_dots_are_no_keys(void **state) {
        CLEANUP(mem_freep) char *told = rig_refuse_config("log.level: info\n", 16);

        (void)state;
        assert_non_null(strstr(told, "bad.yaml:1:1: log.level: unknown key"));
}

static void test_empty_files(void **state) {
        static const char empty[] =
                "bad.yaml:1:1: the file is empty; expected keys such as \"streams:\"\n";

        (void)state;
        rig_expect_refused("", empty);
        rig_expect_refused("\n# nothing but this\n", empty);
        rig_expect_refused("---\n", empty);
        rig_expect_refused("~\n", empty);
}

static void test_a_certificate_and_its_key_belong_together(void **state) {
        (void)state;
        rig_expect_refused("tls: {certificate: a.pem}\n",
                           "tls.key: is missing: the file of the certificate's "
                           "private key\n");
        rig_expect_refused("tls: {key: a.key}\n",
                           "tls.certificate: is missing: the file of the key's "
                           "certificate\n");
}

static void test_wrong_kinds(void **state) {
        (void)state;
        rig_expect_refused("- a\n- b\n", "bad.yaml:1:1: expected a mapping with keys such as "
                                         "\"streams:\", but this is a list\n");
        rig_expect_refused("hello\n", "bad.yaml:1:1: expected a mapping with keys such as "
                                      "\"streams:\", but this is a single value\n");
        rig_expect_refused("streams: [a]\n",
                           "bad.yaml:1:10: streams: expected a mapping of streams' "
                           "names to their URLs, but this is a list\n");
        rig_expect_refused("streams:\n",
                           "bad.yaml:1:9: streams: expected a mapping of streams' "
                           "names to their URLs, but this is nothing\n");
        rig_expect_refused(
                "model: {a: b}\n",
                "bad.yaml:1:8: model: expected a model's name such as base, or the path "
                "of a model's folder or file, but this is a mapping\n");
        rig_expect_refused(
                "log: []\n",
                "bad.yaml:1:6: log: expected debug, info, warning or error, or a mapping "
                "with the keys level and format, but this is a list\n");
        rig_expect_refused("streams:\n  a: []\n",
                           "bad.yaml:2:6: streams.a: expected a URL, or a "
                           "mapping with the key url, but this is a list\n");
        rig_expect_refused("[a]: b\n", "bad.yaml:1:1: expected a key, but this is a list\n");
        rig_expect_refused("sources: {allow: 127.0.0.1:80}\n",
                           "bad.yaml:1:18: sources.allow: \"127.0.0.1:80\" is not an address "
                           "such as 127.0.0.1, a network such as 127.0.0.0/8, the name of a "
                           "host, or any; at most 4095 bytes in all\n");
        rig_expect_refused("streams: {a: {url: 'rtsp://h/a', loop: yes}}\n",
                           "bad.yaml:1:40: streams.a.loop: \"yes\" is not true or false\n");
        rig_expect_refused("streams: {a: {url: 'rtsp://h/a', track: 0}}\n",
                           "bad.yaml:1:41: streams.a.track: \"0\" is not a sound track's "
                           "number from 1, or a language's code such as de\n");
        rig_expect_refused("streams: {a: {url: 'rtsp://h/a', track: 1de}}\n",
                           "bad.yaml:1:41: streams.a.track: \"1de\" is not a sound track's "
                           "number from 1, or a language's code such as de\n");
}

static void test_broken_yaml(void **state) {
        (void)state;
        rig_expect_refused(
                "streams:\n\ta: rtsp://h/a\n",
                "bad.yaml:2:1: a tab stands here; YAML is indented with spaces only\n");
        rig_expect_refused(
                "listen: 1\nmodel: [a, b\n",
                "bad.yaml:1:9: listen: \"1\" is not HOST:PORT such as 127.0.0.1:9090, "
                "[::1]:9090 or :9090, the port 0 to 65535\n"
                "bad.yaml:2:8: model: expected a model's name such as base, or the path "
                "of a model's folder or file, but this is a list\n"
                "bad.yaml:3:1: not valid YAML: while parsing a flow sequence, did not "
                "find expected ',' or ']'\n");
        rig_expect_refused("model: \"\xff\"\n",
                           "bad.yaml:1:9: not valid YAML: invalid leading UTF-8 octet\n");
        rig_expect_refused("model: base\n---\nmodel: base\n",
                           "bad.yaml:2:1: a second document begins here; expected only one\n");
        rig_expect_refused("model: \"a\\0b\"\n",
                           "bad.yaml:1:8: a value may not hold a zero byte\n");
        rig_expect_refused("model: !!int base\n", "bad.yaml:1:8: tags such as !!str are not "
                                                  "supported: leave it out\n");
        rig_expect_refused("model: &m base\nlanguage: *m\n",
                           "bad.yaml:2:11: aliases (*name) are not supported: write the value "
                           "out\n");
}

static void test_duplicates(void **state) {
        (void)state;
        rig_expect_refused("model: base\nstreams:\n  a: rtsp://h/1\n  b: rtsp://h/2\n"
                           "  a: rtsp://h/3\nmodel: base\n",
                           "bad.yaml:5:3: streams.a: already given at line 3\n"
                           "bad.yaml:6:1: model: already given at line 1\n");
}

static void test_stream_names(void **state) {
        char text[256], expected[256];

        (void)state;
        rig_expect_refused("streams:\n  '': rtsp://h/1\n",
                           "bad.yaml:2:3: streams.: a stream's name may not be empty\n");
        rig_expect_refused(
                "streams:\n  a b: rtsp://h/1\n",
                "bad.yaml:2:3: streams.a b: a stream's name is made of letters (a-z, "
                "A-Z), digits, \".\", \"_\" and \"-\"\n");
        rig_expect_refused("streams:\n  '..': rtsp://h/1\n",
                           "bad.yaml:2:3: streams...: a stream's name is made of letters (a-z, "
                           "A-Z), digits, \".\", \"_\" and \"-\"\n");
        snprintf(text, sizeof(text), "streams:\n  %065d: rtsp://h/1\n", 0);
        snprintf(expected, sizeof(expected),
                 "bad.yaml:2:3: streams.%065d: a stream's name may have at most 64 "
                 "characters\n",
                 0);
        rig_expect_refused(text, expected);
}

static void test_variables_missing_or_broken(void **state) {
        (void)state;
        rig_set_variable("CONFIG_TEST_MISSING", NULL);
        rig_expect_refused("model: ${CONFIG_TEST_MISSING}\n",
                           "bad.yaml:1:8: model: the environment has no variable "
                           "CONFIG_TEST_MISSING\n");
        rig_expect_refused(
                "model: a${}\nlanguage: ${A\nthreads: ${1}\n",
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
        rig_set_variable("CONFIG_TEST_SECRET", "hunter2");
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                CLEANUP(mem_freep) char *told = rig_refuse_config(texts[i], strlen(texts[i]));

                assert_null(strstr(told, "hunter2"));
        }
}

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
        rig_expect_refused(deep,
                           "bad.yaml:1:8: model: expected a model's name such as base, or the "
                           "path of a model's folder or file, but this is a list\n"
                           "bad.yaml:1:15: nested too deeply; the limit is 8\n");
        rig_expect_refused(long_one,
                           "bad.yaml:1:1: the file has more than 1048576 bytes, which is "
                           "the limit\n");
        rig_expect_refused(wide,
                           "bad.yaml:1:8: model: expected a model's name such as base, or the "
                           "path of a model's folder or file, but this is a list\n"
                           "bad.yaml:1:500003: too many keys and values; the limit is "
                           "250000\n");
        told = rig_refuse_config(keys, strlen(keys));
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
        told = rig_refuse_config(text, n);
        assert_string_equal(told, "bad.yaml:2:3: streams: 10001 streams; the limit is 10000\n");
        free(text);
}

// A password as it is makes another URL of what the file says: told with the remedy, without
// the password.
static void test_raw_passwords_in_variables(void **state) {
        static const char *const passwords[] = {"s3#cret", "s3/cret", "s3?cret",
                                                "s3 cret", "12#cret", "12/cret",
                                                "cret\n",  "#",       "/"};
        static const char *const urls[] = {
                "rtsp://camera:${CONFIG_TEST_SECRET}@host/x",
                "rtsp://${CONFIG_TEST_SECRET}@host:8554/x",
                "rtsp://camera:a${CONFIG_TEST_SECRET}b${CONFIG_TEST_OTHER}@host/x",
        };

        (void)state;
        rig_set_variable("CONFIG_TEST_OTHER", "fine%23");
        for (size_t i = 0; i < sizeof(passwords) / sizeof(passwords[0]); i++) {
                rig_set_variable("CONFIG_TEST_SECRET", passwords[i]);
                for (size_t k = 0; k < sizeof(urls) / sizeof(urls[0]); k++) {
                        CLEANUP(mem_freep)
                        char *text = xasprintf("streams:\n  a: %s\n", urls[k]);

                        rig_expect_refused(
                                text,
                                "bad.yaml:2:6: streams.a: what the variable "
                                "CONFIG_TEST_SECRET holds does not fit into a URL as it is: "
                                "in a user name or password write '#', '/', '?' and ' ' as "
                                "%23, %2F, %3F and %20 (percent-encoding)\n");
                }
        }
        // A whole URL in a variable.
        rig_set_variable("CONFIG_TEST_SECRET", "rtsp://camera:s3#cret@host/x");
        rig_expect_refused("streams:\n  a: ${CONFIG_TEST_SECRET}\n",
                           "bad.yaml:2:6: streams.a: wrong once its variables are filled in; "
                           "expected a URL (rtsp://...) or the path of a "
                           "sound file; in a user name or password write '#', '/', '?' and "
                           "' ' as %23, %2F, %3F and %20 (percent-encoding)\n");
        rig_set_variable("CONFIG_TEST_SECRET", NULL);
}

static void test_encoded_passwords_and_paths_in_variables(void **state) {
        struct config *config;

        (void)state;
        rig_set_variable("CONFIG_TEST_SECRET", "s3%23cr@et:%2F");
        rig_set_variable("CONFIG_TEST_OTHER", "a/b?c#d");
        config = rig_parse_config(
                "streams:\n  a: rtsp://u:${CONFIG_TEST_SECRET}@h/${CONFIG_TEST_OTHER}@x\n");
        assert_string_equal(config->streams[0].url, "rtsp://u:s3%23cr@et:%2F@h/a/b?c#d@x");
        config_free(config);
        rig_set_variable("CONFIG_TEST_SECRET", NULL);
        rig_set_variable("CONFIG_TEST_OTHER", NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_raw_passwords_in_variables),
                cmocka_unit_test(test_encoded_passwords_and_paths_in_variables),
                cmocka_unit_test(test_engines_are_one_to_64),
                cmocka_unit_test(test_what_is_gone_is_told_with_what_to_use),
                cmocka_unit_test(test_all_mistakes_at_once),
                cmocka_unit_test(test_names_with_dots_are_no_keys),
                cmocka_unit_test(test_empty_files),
                cmocka_unit_test(test_a_certificate_and_its_key_belong_together),
                cmocka_unit_test(test_wrong_kinds),
                cmocka_unit_test(test_broken_yaml),
                cmocka_unit_test(test_duplicates),
                cmocka_unit_test(test_stream_names),
                cmocka_unit_test(test_variables_missing_or_broken),
                cmocka_unit_test(test_mistakes_tell_no_secret),
                cmocka_unit_test(test_limits),
                cmocka_unit_test(test_too_many_streams),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
