// What is kept and handed on: the journal, alerts and sinks.
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "config/config_rig.h"
#include "util/mem.h"

static void what_is_kept_by_default(void **state) {
        CLEANUP(config_freep)
        struct config *config = rig_parse_config("streams: {door: \"rtsp://x/\"}\n");

        (void)state;
        assert_true(rig_defaults(config, 0)->has_journal);
        assert_false(rig_defaults(config, 0)->has_archive);
        assert_false(config->journal.has_sessions);
        assert_true(config->journal.keep_age == 30 * 86400.0);
        assert_true(config->journal.keep_bytes == 10000000000);
        assert_true(config->journal.sound_age == 48 * 3600.0);
        assert_true(config->journal.sound_bytes == 20000000000);
}

static void a_stream_may_keep_more_or_less_than_others(void **state) {
        CLEANUP(config_freep)
        struct config *config = rig_parse_config(
                "journal: {keep: {age: 0, size: 5GB}, audio: {keep: {age: 1d}}}\n"
                "streams:\n"
                "  a: rtsp://x/\n"
                "  b: {url: \"rtsp://x/\", journal: off}\n"
                "  c: {url: \"rtsp://x/\", journal: {audio: off}}\n"
                "  d: {url: \"rtsp://x/\", journal: {text: false, audio: on}}\n");

        (void)state;
        assert_true(config->journal.keep_age == 0);
        assert_true(config->journal.sound_age == 86400);
        assert_true(rig_defaults(config, 0)->has_journal &&
                    rig_defaults(config, 0)->has_archive);
        assert_false(rig_defaults(config, 1)->has_journal);
        assert_true(rig_defaults(config, 2)->has_journal);
        assert_false(rig_defaults(config, 2)->has_archive);
        assert_false(rig_defaults(config, 3)->has_journal);
        assert_true(rig_defaults(config, 3)->has_archive);
}

static void a_mapping_turns_on_what_it_is_about(void **state) {
        CLEANUP(config_freep)
        struct config *config = rig_parse_config("journal: off\n"
                                                 "streams: {a: \"rtsp://x/\", b: {url: "
                                                 "\"rtsp://x/\", journal: {audio: off}}}\n");

        (void)state;
        assert_false(rig_defaults(config, 0)->has_journal);
        assert_true(rig_defaults(config, 1)->has_journal);
        assert_false(rig_defaults(config, 1)->has_archive);
}

static void alerts_are_read(void **state) {
        CLEANUP(config_freep)
        struct config *config = rig_parse_config(
                "alerts:\n"
                "  help: {words: [help, \"call an ambulance\"], streams: [garage, door-*], "
                "cooldown: 30s}\n"
                "  plate: {patterns: '[A-Z]{2} \\d+', languages: [de, en], when: "
                "stable}\n");

        (void)state;
        assert_int_equal(config->n_alerts, 2);
        assert_string_equal(config->alerts[0].name, "help");
        assert_string_equal(config->alerts[0].words, "help\ncall an ambulance");
        assert_string_equal(config->alerts[0].streams, "garage door-*");
        assert_true(config->alerts[0].cooldown == 30);
        assert_int_equal(config->alerts[0].when, ALERT_FINAL);
        assert_string_equal(config->alerts[1].patterns, "[A-Z]{2} \\d+");
        assert_int_equal(config->alerts[1].when, ALERT_STABLE);
}

static void sinks_are_read(void **state) {
        const char *text =
                "sinks:\n"
                "  house: {type: mqtt, url: \"mqtt://broker:1883\", home_assistant: on}\n"
                "  file: {type: lines, path: heard.jsonl, what: [segment, alert]}\n";
        CLEANUP(config_freep) struct config *config = rig_parse_config(text);

        (void)state;
        assert_int_equal(config->n_sinks, 2);
        assert_int_equal(config->sinks[0].type, SINK_MQTT);
        assert_string_equal(config->sinks[0].url, "mqtt://broker:1883");
        assert_string_equal(config->sinks[0].prefix, "eavesdrop");
        assert_true(config->sinks[0].has_home_assistant);
        assert_true(config->sinks[0].wants_sessions);
        assert_int_equal(config->sinks[0].tries_max, 5);
        assert_int_equal(config->sinks[1].type, SINK_LINES);
        assert_string_equal(config->sinks[1].path, "heard.jsonl");
        assert_string_equal(config->sinks[1].kinds, "segment alert");
        assert_string_equal(config->sinks[1].from, "now");
}

static void mistakes_are_told_where_they_are(void **state) {
        (void)state;
        rig_expect_refused("sinks: {a: {path: x}}\n",
                           "bad.yaml:1:12: sinks.a: has no type; expected lines, mqtt, nats, "
                           "webhook or postgresql\n");
        rig_expect_refused("sinks: {a: {type: smtp}}\n",
                           "bad.yaml:1:19: sinks.a.type: \"smtp\" is not lines, mqtt, nats, "
                           "webhook or postgresql\n");
        rig_expect_refused(
                "sinks: {a: x}\n",
                "bad.yaml:1:12: sinks.a: expected a mapping, but this is a single value\n");
        rig_expect_refused(
                "alerts: {'a b': {words: x}}\n",
                "bad.yaml:1:10: alerts.a b: an alert's name is made of letters (a-z, "
                "A-Z), digits, \".\", \"_\" and \"-\"\n");
        rig_expect_refused("alerts: {a: {languages: [German]}}\n",
                           "bad.yaml:1:26: alerts.a.languages: \"German\" is not a language's "
                           "code such as de\n");
        rig_expect_refused("alerts: {a: {languages: [klingon]}}\n",
                           "bad.yaml:1:26: alerts.a.languages: \"klingon\" is not a language's "
                           "code such as de\n");
        rig_expect_refused("journal: 7\n",
                           "bad.yaml:1:10: journal: \"7\" is not true or false\n");
        rig_expect_refused("sinks: {a: {type: lines}}\n",
                           "bad.yaml:1:12: sinks.a: path: say which file the lines go to\n");
        rig_expect_refused("alerts: {a: {patterns: '(x'}}\n",
                           "bad.yaml:1:13: alerts.a: patterns, item 1: '(x': missing closing "
                           "parenthesis, at character 3\n");
}

// What a mistake would else quote the beginning of.
static void a_secret_that_is_too_long_is_not_told(void **state) {
        static const char *const keys[] = {"secret", "url"};

        (void)state;
        for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
                CLEANUP(mem_freep)
                char *text = xasprintf("sinks: {a: {type: webhook, %s: \"hunter2%05000d\"}}\n",
                                       keys[i], 0);
                CLEANUP(mem_freep) char *told = rig_refuse_config(text, strlen(text));

                assert_null(strstr(told, "hunter2"));
                assert_non_null(strstr(told, "this value is not "));
                assert_non_null(strstr(told, keys[i]));
        }
}

#define SESSIONS \
        "clients' sessions are not journaled; set journal.sessions, or leave this out\n"

// Sessions that are not journaled can neither fire nor be told.
static void sessions_are_named_only_where_they_are_journaled(void **state) {
        CLEANUP(config_freep) struct config *config = NULL;

        (void)state;
        rig_expect_refused("sinks: {a: {type: lines, path: x, sessions: on}}\n",
                           "sinks.a.sessions: " SESSIONS);
        rig_expect_refused("alerts: {a: {words: x, sessions: on}}\n",
                           "alerts.a.sessions: " SESSIONS);
        config = rig_parse_config("journal: {sessions: on}\n"
                                  "sinks: {a: {type: lines, path: x, sessions: on}}\n"
                                  "alerts: {a: {words: x, sessions: on}}\n");
        assert_true(config->sinks[0].wants_sessions);
        assert_true(config->alerts[0].wants_sessions);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_kept_by_default),
                cmocka_unit_test(a_stream_may_keep_more_or_less_than_others),
                cmocka_unit_test(a_mapping_turns_on_what_it_is_about),
                cmocka_unit_test(alerts_are_read),
                cmocka_unit_test(sinks_are_read),
                cmocka_unit_test(mistakes_are_told_where_they_are),
                cmocka_unit_test(a_secret_that_is_too_long_is_not_told),
                cmocka_unit_test(sessions_are_named_only_where_they_are_journaled),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
