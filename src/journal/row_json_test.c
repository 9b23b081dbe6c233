#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "audio/pcm.h"
#include "journal/row_json.h"
#include "util/mem.h"

// A second in samples.
#define S AUDIO_RATE

#define ID_TEXT "01234567-89ab-7cde-8f01-23456789abcd"

static uint8_t id[ROW_ID_BYTES];

static struct row_word row_words[] = {
        {.text = (char[]){"help"},
         .begin = 3 * S,
         .end = 3 * S + S / 2,
         .probability = 0.98766F},
        {.text = (char[]){"me"}, .begin = 4 * S, .end = 4 * S + 8, .probability = 1},
};

// 2026-11-30T12:00:00.123Z
#define NOON 1796040000123

static struct row segment_make(void) {
        static char stream[] = "garage";
        static char language[] = "en";
        static char text[] = "help me";
        static char model[] = "base";
        struct row row = {.cursor = {.epoch = 0xabc, .row = 7},
                          .kind = ROW_SEGMENT,
                          .is_durable = true,
                          .stream = stream,
                          .generation = 2,
                          .start = NOON,
                          .end = NOON + 2500,
                          .position = 3 * S,
                          .n_samples = 2 * S + S / 2,
                          .language = language,
                          .text = text,
                          .model = model,
                          .confidence = 0.5F,
                          .words = row_words,
                          .n_words = 2};

        assert_true(row_id_parse(ID_TEXT, id));
        memcpy(row.id, id, sizeof(row.id));
        return row;
}

static void assert_json(const struct row *row, const char *expected) {
        CLEANUP(mem_freep) char *json = row_json(row, NULL);

        assert_string_equal(json, expected);
}

static void a_segment_has_its_fields_in_order(void **state) {
        struct row row = segment_make();

        (void)state;
        assert_json(&row,
                    "{\"kind\":\"segment\",\"cursor\":\"abc-7\",\"id\":\"" ID_TEXT
                    "\",\"stream\":\"garage\",\"generation\":2,"
                    "\"start\":\"2026-11-30T12:00:00.123Z\","
                    "\"end\":\"2026-11-30T12:00:02.623Z\","
                    "\"position\":3.0,\"duration\":2.5,\"language\":\"en\","
                    "\"text\":\"help me\",\"words\":["
                    "{\"text\":\"help\",\"start\":3.0,\"end\":3.5,\"probability\":0.9877},"
                    "{\"text\":\"me\",\"start\":4.0,\"end\":4.001,\"probability\":1.0}],"
                    "\"confidence\":0.5,\"model\":\"base\",\"durable\":true}");
        row.session = (char[]){"s1"};
        row.dialect = (char[]){"whisperlive"};
        row.channel = (char[]){"left"};
        row.principal = (char[]){"local"};
        row.words = NULL;
        row.n_words = 0;
        row.confidence = ROW_CONFIDENCE_NO;
        row.is_durable = false;
        row.cursor.row = 0;
        assert_json(&row, "{\"kind\":\"segment\",\"id\":\"" ID_TEXT
                          "\",\"stream\":\"garage\",\"session\":\"s1\","
                          "\"dialect\":\"whisperlive\",\"channel\":\"left\","
                          "\"principal\":\"local\",\"generation\":2,"
                          "\"start\":\"2026-11-30T12:00:00.123Z\","
                          "\"end\":\"2026-11-30T12:00:02.623Z\","
                          "\"position\":3.0,\"duration\":2.5,\"language\":\"en\","
                          "\"text\":\"help me\",\"model\":\"base\",\"durable\":false}");
}

static void an_alert_says_what_fired_and_where(void **state) {
        struct row row = segment_make();

        (void)state;
        row.kind = ROW_ALERT;
        row.words = NULL;
        row.n_words = 0;
        row.confidence = ROW_CONFIDENCE_NO;
        row.model = NULL;
        row.alert = (char[]){"calls"};
        row.found = (char[]){"help"};
        row.phase = ROW_CONFIRMED;
        memcpy(row.segment, id, sizeof(id));
        memcpy(row.firing, id, sizeof(id));
        assert_json(&row, "{\"kind\":\"alert\",\"cursor\":\"abc-7\",\"id\":\"" ID_TEXT
                          "\",\"stream\":\"garage\",\"generation\":2,"
                          "\"start\":\"2026-11-30T12:00:00.123Z\","
                          "\"end\":\"2026-11-30T12:00:02.623Z\","
                          "\"position\":3.0,\"duration\":2.5,\"language\":\"en\","
                          "\"text\":\"help me\",\"alert\":\"calls\",\"found\":\"help\","
                          "\"phase\":\"confirmed\",\"segment\":\"" ID_TEXT
                          "\",\"firing\":\"" ID_TEXT "\",\"durable\":true}");
}

static void a_state_has_its_reason_and_no_position(void **state) {
        struct row row = {.kind = ROW_STATUS,
                          .stream = (char[]){"garage"},
                          .state = (char[]){"offline"},
                          .reason = (char[]){"connection refused"},
                          .start = NOON,
                          .end = NOON,
                          .generation = 3};

        (void)state;
        assert_json(&row, "{\"kind\":\"status\",\"stream\":\"garage\",\"generation\":3,"
                          "\"start\":\"2026-11-30T12:00:00.123Z\","
                          "\"end\":\"2026-11-30T12:00:00.123Z\","
                          "\"state\":\"offline\",\"reason\":\"connection refused\","
                          "\"durable\":false}");
}

static void what_was_forgotten_may_be_open(void **state) {
        struct row row = {.kind = ROW_FORGOTTEN, .end = NOON};

        (void)state;
        assert_json(&row, "{\"kind\":\"forgotten\",\"end\":\"2026-11-30T12:00:00.123Z\","
                          "\"durable\":false}");
}

static void marks_are_a_field_of_their_own(void **state) {
        struct row row = {.kind = ROW_STATUS, .text = (char[]){"help me"}};
        CLEANUP(mem_freep) char *json = row_json(&row, "\x01help\x02 me");

        (void)state;
        assert_non_null(strstr(json, "\"text\":\"help me\","
                                     "\"marked\":\"\\u0001help\\u0002 me\",\"durable\""));
}

static void what_is_no_utf_8_and_no_number_breaks_nothing(void **state) {
        struct row row = segment_make();
        CLEANUP(mem_freep) char *json = NULL;
        json_t *parsed;

        (void)state;
        row.text = (char[]){"a\xff\nb"};
        row.stream = (char[]){"\xe4\xb8"};
        row.confidence = (float)(0.0 / 0.0);
        row.words[1].text = (char[]){"\xc3"};
        row.words[0].text = (char[]){""};
        row.words[0].probability = (float)(0.0 / 0.0);
        row.start = INT64_MIN;
        row.end = INT64_MAX;
        json = row_json(&row, "\x01\xff\x02");
        assert_null(strchr(json, '\n'));
        parsed = json_loads(json, 0, NULL);
        assert_non_null(parsed);
        assert_string_equal(json_string_value(json_object_get(parsed, "text")), "a\ufffd\nb");
        assert_int_equal(json_array_size(json_object_get(parsed, "words")), 2);
        assert_string_equal(json_string_value(json_object_get(parsed, "stream")), "\ufffd");
        assert_string_equal(json_string_value(json_object_get(parsed, "start")),
                            "1000-01-01T00:00:00.000Z");
        assert_string_equal(json_string_value(json_object_get(parsed, "end")),
                            "9999-12-31T23:59:59.999Z");
        json_decref(parsed);
        row_words[0] = (struct row_word){.text = (char[]){"help"}};
}

static void assert_field(const struct row *row, const char *name, const char *expected) {
        CLEANUP(mem_freep) char *value = row_field(row, name);

        assert_string_equal(value, expected);
}

static void a_field_is_text_for_templates(void **state) {
        struct row row = segment_make();

        (void)state;
        assert_field(&row, "kind", "segment");
        assert_field(&row, "cursor", "abc-7");
        assert_field(&row, "stream", "garage");
        assert_field(&row, "session", "");
        assert_field(&row, "alert", "");
        assert_field(&row, "phase", "");
        assert_field(&row, "generation", "2");
        assert_field(&row, "duration", "2.5");
        assert_field(&row, "start", "2026-11-30T12:00:00.123Z");
        assert_field(&row, "durable", "true");
        assert_null(row_field(&row, "strea"));
        assert_null(row_field(&row, "marked"));
        assert_null(row_field(&row, ""));
}

static void the_durable_follow_up_has_id_and_cursor(void **state) {
        struct row row = segment_make();
        CLEANUP(mem_freep) char *json = row_json_durable(&row);

        (void)state;
        assert_string_equal(json, "{\"kind\":\"durable\",\"id\":\"" ID_TEXT
                                  "\",\"cursor\":\"abc-7\"}");
}

static void a_tail_is_a_segment_that_says_what_is_stable(void **state) {
        struct row row = segment_make();
        CLEANUP(mem_freep) char *json = NULL, *empty = NULL;

        (void)state;
        row.confidence = ROW_CONFIDENCE_NO;
        row.n_words = 0;
        row.cursor.row = 0;
        memset(row.id, 0, sizeof(row.id));
        json = row_json_tail(&row, "help");
        assert_string_equal(json, "{\"kind\":\"tail\",\"stream\":\"garage\",\"generation\":2,"
                                  "\"start\":\"2026-11-30T12:00:00.123Z\","
                                  "\"end\":\"2026-11-30T12:00:02.623Z\",\"position\":3.0,"
                                  "\"duration\":2.5,\"language\":\"en\",\"text\":\"help me\","
                                  "\"model\":\"base\",\"stable\":\"help\"}");
        row.text = NULL;
        empty = row_json_tail(&row, "");
        assert_non_null(strstr(empty, "\"text\":\"\",\"stable\":\"\"}"));
}

static void times_before_1970_have_milliseconds_too(void **state) {
        char text[ROW_TIME_MAX];

        (void)state;
        row_time_format(-1, text);
        assert_string_equal(text, "1969-12-31T23:59:59.999Z");
        row_time_format(0, text);
        assert_string_equal(text, "1970-01-01T00:00:00.000Z");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_segment_has_its_fields_in_order),
                cmocka_unit_test(an_alert_says_what_fired_and_where),
                cmocka_unit_test(a_state_has_its_reason_and_no_position),
                cmocka_unit_test(what_was_forgotten_may_be_open),
                cmocka_unit_test(marks_are_a_field_of_their_own),
                cmocka_unit_test(what_is_no_utf_8_and_no_number_breaks_nothing),
                cmocka_unit_test(a_field_is_text_for_templates),
                cmocka_unit_test(the_durable_follow_up_has_id_and_cursor),
                cmocka_unit_test(a_tail_is_a_segment_that_says_what_is_stable),
                cmocka_unit_test(times_before_1970_have_milliseconds_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
