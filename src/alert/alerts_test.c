#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alerts.h"
#include "alert/alerts_rig.h"
#include "audio/pcm.h"
#include "util/mem.h"

// How often those words (and patterns) fire on that text alone.
static size_t fires(const char *words, const char *patterns, const char *text) {
        struct alerts_rig rig;
        size_t n;

        alerts_rig_open(&rig, words, patterns);
        alerts_rig_final(&rig, 0, 1, text);
        n = rig.n_rows;
        alerts_rig_close(&rig);
        return n;
}

static void words_match_whole_whatever_their_case_and_accents(void **state) {
        (void)state;
        assert_int_equal(fires("help", NULL, " Help!"), 1);
        assert_int_equal(fires("help", NULL, "helpful, unhelp, helps"), 0);
        assert_int_equal(fires("HELP", NULL, "help HELP Help's"), 3);
        assert_int_equal(fires("feu", NULL, "Au FEU!"), 1);
        assert_int_equal(fires("\xc3\xa9lan", NULL, "Elan, E\xcc\x81LAN"), 2);
        assert_int_equal(fires("strasse", NULL,
                               "Stra\xc3\x9f"
                               "e"),
                         1);
        assert_int_equal(fires("Stra\xc3\x9f"
                               "e",
                               NULL, "STRASSE"),
                         1);
        // yardım, YARDIM, Yardim
        assert_int_equal(fires("yard\xc4\xb1m", NULL, "YARDIM! Yardim yard\xc4\xb1m"), 3);
        assert_int_equal(fires("112", NULL, "call 112, not 1123"), 1);
        assert_int_equal(fires("call an ambulance", NULL,
                               "Call an, er, ambulance. Call... AN "
                               "ambulance"),
                         1);
        assert_int_equal(fires("don't", NULL, "Don\xe2\x80\x99t!"), 1);
        assert_int_equal(fires("  help  \n\n fire \n", NULL, "help fire"), 2);
}

static void in_scripts_without_spaces_they_match_anywhere(void **state) {
        (void)state;
        // 救命 in 快来救命啊, but not over a full stop, or in 救人命
        assert_int_equal(fires("\xe6\x95\x91\xe5\x91\xbd", NULL,
                               "\xe5\xbf\xab\xe6\x9d\xa5\xe6\x95\x91\xe5\x91\xbd\xe5\x95\x8a"),
                         1);
        assert_int_equal(fires("\xe6\x95\x91\xe5\x91\xbd", NULL,
                               "\xe6\x95\x91\xe3\x80\x82\xe5\x91\xbd \xe6\x95\x91\xe4\xba\xba"
                               "\xe5\x91\xbd"),
                         0);
        // Whisper sometimes puts a blank there.
        assert_int_equal(fires("\xe6\x95\x91\xe5\x91\xbd", NULL, "\xe6\x95\x91 \xe5\x91\xbd"),
                         1);
        // Thai: ไฟ (fire) in มีไฟไหม้; ก is not in กี่
        assert_int_equal(
                fires("\xe0\xb9\x84\xe0\xb8\x9f", NULL,
                      "\xe0\xb8\xa1\xe0\xb8\xb5\xe0\xb9\x84\xe0\xb8\x9f\xe0\xb9\x84\xe0"
                      "\xb8\xab\xe0\xb8\xa1\xe0\xb9\x89"),
                1);
        assert_int_equal(fires("\xe0\xb8\x81", NULL, "\xe0\xb8\x81\xe0\xb8\xb5\xe0\xb9\x88"),
                         0);
}

static void one_place_fires_once(void **state) {
        (void)state;
        assert_int_equal(fires("help\nhelp me\nme now\nHelp", "he.p|now", "Help me now!"), 1);
        assert_int_equal(fires("help\nme", NULL, "help me"), 2);
        assert_int_equal(fires(NULL, "\\s", "help me "), 0);  // blanks are nothing
        assert_int_equal(fires("a b a", NULL, "a b a b a"), 1);
        // A phrase within the beginning of a longer one that does not come.
        assert_int_equal(
                fires("call an ambulance now\nan ambulance", NULL, "call an ambulance"), 1);
}

static void open_for_sessions(struct alerts_rig *rig, const char *words) {
        *rig = (struct alerts_rig){.n = 1};
        rig->configs[0] = (struct alert_config){.name = (char *)(uintptr_t) "help",
                                                .words = (char *)(uintptr_t)words,
                                                .wants_sessions = true};
        alerts_rig_start(rig);
}

static void a_row_tells_what_was_said_and_when(void **state) {
        struct row_word words[] = {{.text = (char[]){" Please"}, .begin = 16000, .end = 20000},
                                   {.text = (char[]){" help"}, .begin = 20000, .end = 28000},
                                   {.text = (char[]){" me!"}, .begin = 28000, .end = 32000}};
        struct row segment = {.id = {7},
                              .stream = (char[]){"kitchen"},
                              .session = (char[]){"s1"},
                              .language = (char[]){"en"},
                              .model = (char[]){"base"},
                              .text = (char[]){"Please help me!"},
                              .start = RIG_WALL + 1000,
                              .end = RIG_WALL + 2000,
                              .position = 16000,
                              .n_samples = 16000,
                              .confidence = 0.25F,
                              .words = words,
                              .n_words = 3};
        struct alerts_rig rig;
        const struct row *row;

        (void)state;
        rig = (struct alerts_rig){.n = 1};
        rig.configs[0] = (struct alert_config){
                .name = (char[]){"help"}, .words = (char[]){"help me"}, .wants_sessions = true};
        alerts_rig_start(&rig);
        alerts_on_segment(rig.alerts, &segment);
        assert_int_equal(alerts_rig_came(&rig), 1);
        row = alerts_rig_row(&rig, -1);
        assert_string_equal(row->alert, "help");
        assert_string_equal(row->found, "help me");
        assert_string_equal(row->text, "Please help me!");
        assert_string_equal(row->stream, "kitchen");
        assert_string_equal(row->session, "s1");
        assert_string_equal(row->language, "en");
        assert_string_equal(row->model, "base");
        assert_int_equal(row->phase, ROW_FIRED);
        assert_memory_equal(row->segment, segment.id, ROW_ID_BYTES);
        assert_int_equal(row->n_words, 2);
        assert_string_equal(row->words[0].text, " help");
        assert_int_equal(row->position, 20000);
        assert_int_equal(row->n_samples, 12000);
        assert_int_equal(row->start, RIG_WALL + 1250);
        assert_int_equal(row->end, RIG_WALL + 2000);
        alerts_rig_close(&rig);
        // Words that are not those of the text: the segment's times.
        words[1].text[1] = 'X';
        open_for_sessions(&rig, "help me");
        alerts_on_segment(rig.alerts, &segment);
        row = alerts_rig_row(&rig, -1);
        assert_int_equal(row->n_words, 0);
        assert_int_equal(row->position, 16000);
        assert_int_equal(row->n_samples, 16000);
        assert_int_equal(row->start, RIG_WALL + 1000);
        alerts_rig_close(&rig);
}

// --- borders ---------------------------------------------------------------------------------

static void a_phrase_goes_on_in_the_next_segment(void **state) {
        struct alerts_rig rig;
        const struct row *row;
        uint8_t id;

        (void)state;
        alerts_rig_open(&rig, "call an ambulance\nan ambulance", NULL);
        alerts_rig_final(&rig, 0, 1, "Oh no. Call");
        alerts_rig_final(&rig, 1.5, 2, " an");
        assert_int_equal(alerts_rig_came(&rig), 0);
        id = alerts_rig_final(&rig, 3, 4, " ambulance, please.");
        assert_int_equal(alerts_rig_came(&rig), 1);
        row = alerts_rig_row(&rig, -1);
        assert_string_equal(row->found, "Call an ambulance");
        assert_string_equal(row->text, "Oh no. Call an ambulance, please.");
        assert_int_equal(row->segment[ROW_ID_BYTES - 1], id);
        assert_int_equal(row->position, 0);
        assert_int_equal(row->n_samples, 4 * AUDIO_RATE);
        alerts_rig_final(&rig, 4, 5, "Ambulance!");
        assert_int_equal(alerts_rig_came(&rig), 0);
        alerts_rig_close(&rig);
}

static void not_after_a_pause_or_a_break_or_on_another_stream(void **state) {
        struct alerts_rig rig;

        (void)state;
        alerts_rig_open(&rig, "help me", NULL);
        alerts_rig_final(&rig, 0, 1, "help");
        alerts_rig_final(&rig, 3.001, 4, "me");
        alerts_rig_final(&rig, 4, 5, "help");
        alerts_on_break(rig.alerts, "kitchen");
        alerts_rig_final(&rig, 5, 6, "me");
        alerts_rig_final(&rig, 6, 7, "help");
        rig.generation++;
        alerts_rig_final(&rig, 7, 8, "me");
        alerts_rig_final(&rig, 8, 9, "help");
        rig.stream = "garage";
        alerts_rig_final(&rig, 9, 10, "me");
        alerts_on_break(rig.alerts, "nowhere");
        assert_int_equal(alerts_rig_came(&rig), 0);
        // And with its border at two seconds.
        alerts_rig_final(&rig, 10, 11, "help");
        alerts_rig_final(&rig, 13, 14, "me");
        assert_int_equal(alerts_rig_came(&rig), 1);
        alerts_rig_close(&rig);
}

static void what_fired_is_not_fired_again_by_a_phrase_that_goes_on(void **state) {
        struct alerts_rig rig;

        (void)state;
        alerts_rig_open(&rig, "help\nhelp me", NULL);
        alerts_rig_final(&rig, 0, 1, "help");
        alerts_rig_final(&rig, 1, 2, "me. help");
        assert_int_equal(alerts_rig_came(&rig), 2);
        alerts_rig_final(&rig, 2, 3, "me");
        assert_int_equal(alerts_rig_came(&rig), 0);
        alerts_rig_close(&rig);
        // 救|命 over a border, and over one with a full stop
        alerts_rig_open(&rig, "\xe6\x95\x91\xe5\x91\xbd", NULL);
        alerts_rig_final(&rig, 0, 1, "\xe6\x95\x91");
        alerts_rig_final(&rig, 1, 2, "\xe5\x91\xbd");
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_string_equal(alerts_rig_row(&rig, -1)->found, "\xe6\x95\x91\xe5\x91\xbd");
        alerts_rig_final(&rig, 2, 3, "\xe6\x95\x91\xe3\x80\x82");
        alerts_rig_final(&rig, 3, 4, "\xe5\x91\xbd");
        assert_int_equal(alerts_rig_came(&rig), 0);
        alerts_rig_close(&rig);
}

// --- whom it is for --------------------------------------------------------------------------

static void streams_languages_and_sessions_are_chosen(void **state) {
        struct alerts_rig rig = {.n = 2};

        (void)state;
        rig.configs[0] = (struct alert_config){.name = (char[]){"a"},
                                               .words = (char[]){"help"},
                                               .streams = (char[]){"garage cam-*"},
                                               .languages = (char[]){"en de"}};
        rig.configs[1] = (struct alert_config){.name = (char[]){"b"},
                                               .words = (char[]){"help"},
                                               .streams = (char[]){"cam-2"},
                                               .wants_sessions = true};
        alerts_rig_start(&rig);
        alerts_rig_final(&rig, 0, 1, "help");  // kitchen
        assert_int_equal(alerts_rig_came(&rig), 0);
        rig.stream = "cam-1";
        alerts_rig_final(&rig, 0, 1, "help");  // of no language
        rig.language = "fr";
        alerts_rig_final(&rig, 1, 2, "help");
        assert_int_equal(alerts_rig_came(&rig), 0);
        rig.language = "de";
        alerts_rig_final(&rig, 2, 3, "help");
        assert_int_equal(alerts_rig_came(&rig), 1);
        rig.stream = "cam-2";
        alerts_rig_final(&rig, 0, 1, "help");
        assert_int_equal(alerts_rig_came(&rig), 2);
        rig.session = "s";
        alerts_rig_final(&rig, 1, 2, "help");
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_string_equal(alerts_rig_row(&rig, -1)->alert, "b");
        alerts_rig_close(&rig);
}

static void a_cooldown_is_each_alerts_and_each_streams(void **state) {
        struct alerts_rig rig = {.n = 2};
        struct alert_figures figures;

        (void)state;
        rig.configs[0] = (struct alert_config){
                .name = (char[]){"a"}, .words = (char[]){"help"}, .cooldown = 10};
        rig.configs[1] =
                (struct alert_config){.name = (char[]){"b"}, .words = (char[]){"help"}};
        alerts_rig_start(&rig);
        alerts_rig_final(&rig, 0, 1, "help help");  // a, b, b
        assert_int_equal(alerts_rig_came(&rig), 3);
        alerts_rig_final(&rig, 9, 9.5, "help");
        assert_int_equal(alerts_rig_came(&rig), 1);
        rig.stream = "garage";
        alerts_rig_final(&rig, 9, 9.5, "help");
        assert_int_equal(alerts_rig_came(&rig), 2);
        // A break does not end it.
        rig.stream = "kitchen";
        alerts_on_break(rig.alerts, "kitchen");
        rig.stream = "cellar";
        alerts_rig_final(&rig, 9.6, 9.7, "silence");  // a new stream: what is over is swept
        rig.stream = "kitchen";
        alerts_rig_final(&rig, 9.8, 9.9, "help");
        assert_int_equal(alerts_rig_came(&rig), 1);
        alerts_rig_final(&rig, 10, 11, "help");
        assert_int_equal(alerts_rig_came(&rig), 2);
        assert_true(alerts_figures(rig.alerts, 0, &figures));
        assert_string_equal(figures.name, "a");
        assert_int_equal(figures.n_fired, 3);
        assert_int_equal(figures.last, RIG_WALL + 10000);
        assert_true(alerts_figures_of(rig.alerts, "b", &figures));
        assert_int_equal(figures.n_fired, 6);
        assert_false(alerts_figures(rig.alerts, 2, &figures));
        alerts_rig_close(&rig);
}

static void a_cooldown_outlives_a_break(void **state) {
        struct alerts_rig rig = {.n = 1};

        (void)state;
        rig.configs[0] = (struct alert_config){
                .name = (char[]){"a"}, .words = (char[]){"help"}, .cooldown = 10};
        alerts_rig_start(&rig);
        alerts_rig_final(&rig, 0, 1, "help");
        alerts_on_break(rig.alerts, "kitchen");
        for (int at = 5; at < 20; at += 10) {
                rig.stream = at < 10 ? "cellar" : "garage";
                alerts_rig_final(&rig, at, at + 1,
                                 "silence");  // streams that are over are swept
                rig.stream = "kitchen";
                alerts_rig_final(&rig, at + 1, at + 2, "help");
                assert_int_equal(alerts_rig_came(&rig), 1);  // at 0, and at 16
                alerts_on_break(rig.alerts, "kitchen");
        }
        alerts_rig_close(&rig);
}

// --- patterns and mistakes -------------------------------------------------------------------

static void a_pattern_that_goes_astray_is_counted_and_others_match(void **state) {
        CLEANUP(mem_freep) char *text = xcalloc(10001, 1);
        struct alerts_rig rig;

        (void)state;
        memset(text, 'a', 9994);
        snprintf(text + 9993, 8, " Fire!c");
        alerts_rig_open(&rig, NULL, "(a+)+[bd]\nfire");
        alerts_rig_final(&rig, 0, 1, text);
        assert_int_equal(alerts_rig_came(&rig), 1);
        assert_string_equal(alerts_rig_row(&rig, -1)->found, "Fire");
        assert_int_equal(alerts_limited(rig.alerts), 1);
        alerts_rig_final(&rig, 1, 2, text);
        assert_int_equal(alerts_limited(rig.alerts), 2);
        alerts_rig_close(&rig);
        // What it found before it ran into its limit is nothing either.
        text[2] = ' ';
        alerts_rig_open(&rig, NULL, "^aa|(a+)+[bd]");
        alerts_rig_final(&rig, 0, 1, text);
        assert_int_equal(alerts_rig_came(&rig), 0);
        assert_int_equal(alerts_limited(rig.alerts), 1);
        alerts_rig_close(&rig);
}

static void mistakes_are_named_with_their_place(void **state) {
        static const struct {
                const char *words, *patterns, *streams;
                double cooldown;
                const char *key, *complaint;
        } cases[] = {
                {"help\n\n ... ", NULL, NULL, 0, "words", "words, item 3: '...' has no letter"},
                {NULL, "ok\nfire(", NULL, 0, "patterns",
                 "patterns, item 2: 'fire(': missing closing"},
                {NULL, NULL, NULL, 0, "words", "neither words nor patterns"},
                {"\n \n", "", NULL, 0, "words", "neither words nor patterns"},
                {"help", NULL, NULL, -1, "cooldown", "cooldown"},
        };
        struct error error;
        const char *key;

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct alert_config config = {
                        .name = (char[]){"a"},
                        .words = (char *)(uintptr_t)cases[i].words,
                        .patterns = (char *)(uintptr_t)cases[i].patterns,
                        .cooldown = cases[i].cooldown};

                assert_true(alert_check(&config, &key, NULL) < 0);
                assert_true(alert_check(&config, &key, &error) < 0);
                if (!strstr(error.text, cases[i].complaint))
                        fail_msg("%s", error.text);
                assert_string_equal(key, cases[i].key);
        }
}

static void a_nameless_alert_is_checked_without_a_name(void **state) {
        const struct alert_config config = {.patterns = (char[]){"("}};
        struct error error;
        const char *key;

        (void)state;
        assert_true(alert_check(&config, &key, &error) < 0);
        assert_int_equal(strncmp(error.text, "patterns, item 1: '('", 21), 0);
}

static void a_phrase_has_a_length(void **state) {
        char words[4 * 70] = "";
        struct alert_config config = {.name = (char[]){"a"}, .words = words};
        struct error error;
        const char *key;

        (void)state;
        for (size_t i = 0; i < 64; i++)
                memcpy(words + 2 * i, "x ", 3);
        assert_int_equal(alert_check(&config, &key, &error), 0);
        assert_int_equal(fires(words, NULL, words), 1);
        memcpy(words + 2 * 64, "x ", 3);
        assert_true(alert_check(&config, &key, &error) < 0);
        assert_non_null(strstr(error.text, "has 65 words; a phrase has at most 64"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(words_match_whole_whatever_their_case_and_accents),
                cmocka_unit_test(in_scripts_without_spaces_they_match_anywhere),
                cmocka_unit_test(one_place_fires_once),
                cmocka_unit_test(a_row_tells_what_was_said_and_when),
                cmocka_unit_test(a_phrase_goes_on_in_the_next_segment),
                cmocka_unit_test(not_after_a_pause_or_a_break_or_on_another_stream),
                cmocka_unit_test(what_fired_is_not_fired_again_by_a_phrase_that_goes_on),
                cmocka_unit_test(streams_languages_and_sessions_are_chosen),
                cmocka_unit_test(a_cooldown_is_each_alerts_and_each_streams),
                cmocka_unit_test(a_cooldown_outlives_a_break),
                cmocka_unit_test(a_pattern_that_goes_astray_is_counted_and_others_match),
                cmocka_unit_test(mistakes_are_named_with_their_place),
                cmocka_unit_test(a_nameless_alert_is_checked_without_a_name),
                cmocka_unit_test(a_phrase_has_a_length),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
