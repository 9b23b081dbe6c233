// The table of settings: what each takes, refuses, and says about itself.
#include "config/setting.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "util/mem.h"

#define ALL (SETTING_SERVER | SETTING_STREAM)

struct everything {
        struct config config;
        struct request_defaults request;
        struct stream_config stream;
        struct alert_config alert;
        struct sink_config sink;
};

static struct setting_target everything_init(struct everything *everything) {
        *everything = (struct everything){.request.decoding = decode_options_default()};
        return (struct setting_target){{
                [SETTING_IN_CONFIG] = &everything->config,
                [SETTING_IN_REQUEST] = &everything->request,
                [SETTING_IN_STREAM] = &everything->stream,
                [SETTING_IN_ALERT] = &everything->alert,
                [SETTING_IN_SINK] = &everything->sink,
        }};
}

static void everything_deinit(struct everything *everything) {
        setting_texts_free(SETTING_IN_CONFIG, &everything->config);
        setting_texts_free(SETTING_IN_STREAM, &everything->stream);
        setting_texts_free(SETTING_IN_ALERT, &everything->alert);
        setting_texts_free(SETTING_IN_SINK, &everything->sink);
        request_defaults_deinit(&everything->request);
}

static bool set(struct decode_options *options, const char *name, const char *value) {
        CLEANUP(mem_freep) char *whole = xasprintf("decoding.%s", name);
        const struct setting *setting = setting_find(ALL, whole);
        struct request_defaults request = {.decoding = *options};
        struct setting_target target = {{[SETTING_IN_REQUEST] = &request}};
        bool is_good;

        assert_non_null(setting);
        is_good = setting_set(setting, &target, value);
        *options = request.decoding;
        return is_good;
}

static bool is_number(const struct setting *setting) {
        return setting->kind == SETTING_COUNT || setting->kind == SETTING_NUMBER ||
               setting->kind == SETTING_TIME || setting->kind == SETTING_SIZE;
}

// A number of the setting's kind; of sizes one is a byte less or more.
static char *written(const struct setting *setting, double number) {
        if (setting->kind == SETTING_SIZE)
                return xasprintf("%.9fKB", number / 1e3);
        return xasprintf("%.9f", number);
}

static char *written_whole(const struct setting *setting, double number) {
        return setting->kind == SETTING_COUNT ? xasprintf("%.0f", number)
                                              : written(setting, number);
}

static void every_number_is_held_to_its_range(void **state) {
        struct everything everything;
        struct setting_target target = everything_init(&everything);

        (void)state;
        for (const struct setting *row = setting_table; row->name; row++) {
                const struct {
                        double number;
                        bool is_good;
                } cases[] = {{row->least, true},
                             {row->most, true},
                             {row->least - 1, false},
                             {row->most + 1, false}};
                CLEANUP(mem_freep) char *expected = setting_expected(row);

                if (!is_number(row))
                        continue;
                for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                        CLEANUP(mem_freep) char *text = written_whole(row, cases[i].number);

                        if (setting_set(row, &target, text) != cases[i].is_good)
                                fail_msg("%s: %s", row->name, text);
                }
                assert_int_equal(setting_set(row, &target, "off"),
                                 row->word && strcmp(row->word, "off") == 0);
                assert_int_equal(strstr(expected, ", or ") != NULL, row->word != NULL);
        }
        everything_deinit(&everything);
}

static void ranges_are_told_in_words(void **state) {
        static const struct {
                const char *name, *expected, *argument;
        } cases[] = {
                {"engines", "a whole number from 1 to 64", "N"},
                {"threads", "a whole number from 0 (all cores) to 256", "N"},
                {"pause", "a time from 0.1s to 10s", "TIME"},
                {"uploads.seconds", "a time from 1s to 1000h", "TIME"},
                {"memory", "a size from 16MB to 1TB, or auto", "SIZE|auto"},
                {"filters.repetition", "a number from 2 to 100, or off", "NUMBER|off"},
                {"compute", "auto, float32 or int8", "auto|float32|int8"},
                {"admission", "true or false", "[=true|false]"},
                {"decoding.temperature",
                 "up to 8 numbers from 0 to 10 with commas between them", "LIST"},
                {"decoding.prefix", "text of at most 16384 bytes", "TEXT"},
                {"listen",
                 "HOST:PORT such as 127.0.0.1:9090, [::1]:9090 or :9090, the port 0 to 65535",
                 "HOST:PORT"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct setting *row = setting_find(ALL, cases[i].name);
                CLEANUP(mem_freep) char *expected = setting_expected(row);
                CLEANUP(mem_freep) char *argument = setting_argument(row);

                assert_string_equal(expected, cases[i].expected);
                assert_string_equal(argument, cases[i].argument);
        }
}

// What a field's type has room for is what the row's kind puts there.
static bool size_fits(const struct setting *row) {
        switch (row->kind) {
        case SETTING_SECTION:
        case SETTING_STREAMS:
        case SETTING_ALERTS:
        case SETTING_SINKS:
        case SETTING_TOKENS:
                return row->size == 0;
        case SETTING_SWITCH:
                return row->size == sizeof(bool) || row->size == sizeof(enum decode_choice);
        case SETTING_CHOICE:
        case SETTING_COUNT:
                return row->size == sizeof(int);
        case SETTING_NUMBER:
        case SETTING_TIME:
                return row->size == sizeof(float) || row->size == sizeof(double);
        case SETTING_CODE:
                return row->size == LANGUAGE_CODE_MAX;
        case SETTING_NUMBERS:
        case SETTING_COUNTS:
                return row->size == row->items_max * sizeof(float) &&
                       row->items_max <= SETTING_ITEMS_MAX;
        default:
                return row->size == sizeof(void *);
        }
}

static void every_row_is_whole(void **state) {
        (void)state;
        for (const struct setting *row = setting_table; row->name; row++) {
                const char *dot = strrchr(row->name, '.');
                CLEANUP(mem_freep)
                char *section =
                        dot ? xasprintf("%.*s", (int)(dot - row->name), row->name) : NULL;

                if (!size_fits(row))
                        fail_msg("%s: a field of %zu bytes", row->name, row->size);
                if (!row->help || strlen(row->help) < 10 || strlen(row->help) > 200)
                        fail_msg("%s: no help, or too long a one", row->name);
                assert_null(row->preset ? row->preset_words : NULL);
                assert_true(row->kind != SETTING_WORDS || row->is_good);
                assert_true(row->kind != SETTING_CHOICE || row->choices);
                assert_int_equal(row->gone != NULL, row->instead != NULL);
                assert_ptr_equal(setting_find(row->applies, row->name), row);
                if (section && setting_find(row->applies, section)->kind != SETTING_SECTION)
                        fail_msg("%s: its section has no row", row->name);
                if (row->stands_for)
                        assert_non_null(setting_find(row->applies, row->stands_for));
        }
        assert_true(setting_keys(ALL, "decoding", (const char *[SETTINGS_MAX]){0}) > 20);
}

// Of decoding there are also those that a job has without any configuration.
static void defaults_are_good_and_the_engines_own(void **state) {
        struct everything everything, untouched;
        struct setting_target target = everything_init(&everything);

        (void)state;
        everything_init(&untouched);
        for (const struct setting *row = setting_table; row->name; row++) {
                if (row->preset && !setting_set(row, &target, row->preset))
                        fail_msg("%s: \"%s\" is refused", row->name, row->preset);
                if (row->preset && strncmp(row->name, "decoding.", 9) == 0 &&
                    memcmp((char *)&everything.request + row->offset,
                           (char *)&untouched.request + row->offset, row->size) != 0)
                        fail_msg("%s: jobs have another default", row->name);
        }
        assert_int_equal(everything.request.decoding.n_temperatures,
                         untouched.request.decoding.n_temperatures);
        everything_deinit(&everything);
}

static void variables_and_options_are_named_after_the_setting(void **state) {
        static const struct {
                const char *name, *variable, *option;
        } cases[] = {
                {"model_dir", "EAVESDROP_MODEL_DIR", "model-dir"},
                {"log.level", "EAVESDROP_LOG_LEVEL", "log-level"},
                {"decoding.beam_size", "EAVESDROP_DECODING_BEAM_SIZE", "beam-size"},
                {"task", NULL, "task"},
                {"uploads", NULL, "uploads"},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct setting *row = setting_find(ALL, cases[i].name);
                CLEANUP(mem_freep) char *variable = setting_variable(row);
                CLEANUP(mem_freep) char *option = setting_option(row);

                if (cases[i].variable)
                        assert_string_equal(variable, cases[i].variable);
                else
                        assert_null(variable);
                assert_string_equal(option, cases[i].option);
        }
}

static void times_and_sizes_have_units_everywhere(void **state) {
        struct everything everything;
        struct setting_target target = everything_init(&everything);

        (void)state;
        assert_true(setting_set(setting_find(ALL, "pause"), &target, "800ms"));
        assert_true(everything.request.pause == 0.8f);
        assert_true(setting_set(setting_find(ALL, "pause"), &target, "0.7"));
        assert_true(everything.request.pause == 0.7f);
        assert_true(setting_set(setting_find(ALL, "uploads.seconds"), &target, "30d"));
        assert_true(everything.config.uploads.seconds == 2592000);
        assert_true(setting_set(setting_find(ALL, "per_address.backlog"), &target, "48h"));
        assert_true(everything.config.address_backlog == 172800);
        assert_true(setting_set(setting_find(ALL, "decoding.max_initial_timestamp"), &target,
                                "2s"));
        assert_true(everything.request.decoding.max_initial_timestamp == 2);
        assert_true(setting_set(setting_find(ALL, "backlog.disk"), &target, "10GB"));
        assert_int_equal(everything.config.backlog_disk, 10000000000);
        assert_true(setting_set(setting_find(ALL, "backlog.memory"), &target, "64"));
        assert_int_equal(everything.config.backlog_memory, 64000000);
        assert_false(setting_set(setting_find(ALL, "pause"), &target, "1 s"));
        assert_false(setting_set(setting_find(ALL, "backlog.memory"), &target, "64s"));
        everything_deinit(&everything);
}

static void what_is_no_number_is_refused(void **state) {
        static const char *const bad[] = {"",    "x",   "1x",  "nan", "inf", "0x1", "1e0",
                                          "1.5", "--1", "1,2", " 1",  "1 ",  "-0"};
        struct decode_options options = decode_options_default();

        (void)state;
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                assert_false(set(&options, "best_of", bad[i]));
        assert_int_equal(options.best_of, 5);
        assert_true(set(&options, "patience", "1.5"));
        assert_float_equal(options.patience, 1.5f, 0);
}

static void lists_have_commas(void **state) {
        struct decode_options options = decode_options_default();

        (void)state;
        assert_true(set(&options, "temperature", "0"));
        assert_int_equal(options.n_temperatures, 1);
        assert_true(set(&options, "temperature", "0, 0.4,1"));
        assert_int_equal(options.n_temperatures, 3);
        assert_float_equal(options.temperatures[1], 0.4f, 0);
        assert_false(set(&options, "temperature", ""));
        assert_false(set(&options, "temperature", "0,,1"));
        assert_false(set(&options, "temperature", "0,1,"));
        assert_false(set(&options, "temperature", "0,0,0,0,0,0,0,0,0"));
        assert_int_equal(options.n_temperatures, 3);
        assert_true(set(&options, "suppress_tokens", "-1,7"));
        assert_int_equal(options.n_suppress_tokens, 2);
        assert_int_equal(options.suppress_tokens[1], 7);
        assert_false(set(&options, "suppress_tokens", "7,-2"));
        assert_false(set(&options, "suppress_tokens", "1.0"));
        assert_true(set(&options, "suppress_tokens", ""));
        assert_int_equal(options.n_suppress_tokens, 0);
}

static void switches_and_texts(void **state) {
        struct decode_options options = decode_options_default();
        CLEANUP(mem_freep) char *long_one = xcalloc(20000, 1);

        (void)state;
        memset(long_one, 'x', 19999);
        assert_true(set(&options, "suppress_blank", "false"));
        assert_false(options.suppress_blank);
        assert_false(set(&options, "suppress_blank", "no"));
        assert_int_equal(options.word_timestamps, DECODE_UNSET);
        assert_true(set(&options, "word_timestamps", "true"));
        assert_int_equal(options.word_timestamps, DECODE_YES);
        assert_true(set(&options, "word_timestamps", "false"));
        assert_int_equal(options.word_timestamps, DECODE_NO);
        assert_true(set(&options, "initial_prompt", "one"));
        assert_true(set(&options, "initial_prompt", "two"));
        assert_false(set(&options, "initial_prompt", long_one));
        assert_string_equal(options.prompt, "two");
        decode_options_deinit(&options);
}

static void values_are_set_over_others_later(void **state) {
        struct everything everything;
        struct setting_target target = everything_init(&everything);
        struct decode_options *decoding = &everything.request.decoding;
        struct setting_values values = {0};

        (void)state;
        setting_values_add(&values, setting_find(ALL, "decoding.beam_size"), "3");
        setting_values_add(&values, setting_find(ALL, "decoding.prefix"), "So");
        set(decoding, "beam_size", "9");
        set(decoding, "patience", "2");
        setting_values_apply(&values, &target);
        assert_int_equal(decoding->beam_size, 3);
        assert_float_equal(decoding->patience, 2, 0);
        assert_string_equal(decoding->prefix, "So");
        setting_values_deinit(&values);
        assert_int_equal(values.n, 0);
        everything_deinit(&everything);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_number_is_held_to_its_range),
                cmocka_unit_test(ranges_are_told_in_words),
                cmocka_unit_test(every_row_is_whole),
                cmocka_unit_test(defaults_are_good_and_the_engines_own),
                cmocka_unit_test(variables_and_options_are_named_after_the_setting),
                cmocka_unit_test(times_and_sizes_have_units_everywhere),
                cmocka_unit_test(what_is_no_number_is_refused),
                cmocka_unit_test(lists_have_commas),
                cmocka_unit_test(switches_and_texts),
                cmocka_unit_test(values_are_set_over_others_later),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
