#include "journal/row_json.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audio/pcm.h"
#include "util/mem.h"
#include "util/number.h"
#include "util/utf8.h"

// Seconds of a stream that runs for a century, with milliseconds.
#define DIGITS 14

#define KIND(kind) (1u << (kind))
#define SPOKEN     (KIND(ROW_SEGMENT) | KIND(ROW_ALERT))

// --- values ----------------------------------------------------------------------------------

// Texts are UTF-8; should one not be, it is repaired. Empty ones are absent.
static json_t *text_json(const char *text) {
        CLEANUP(mem_freep) char *repaired = NULL;
        json_t *json;

        if (!text || text[0] == '\0')
                return NULL;
        json = json_string(text);
        if (json)
                return json;
        repaired = utf8_repair(text, strlen(text));
        return json_string(repaired ? repaired : UTF8_REPLACEMENT);
}

static json_t *id_json(const uint8_t id[ROW_ID_BYTES]) {
        static const uint8_t none[ROW_ID_BYTES];
        char text[ROW_ID_TEXT_MAX];

        if (memcmp(id, none, sizeof(none)) == 0)
                return NULL;
        row_id_format(id, text);
        return json_string(text);
}

// To four digits; what is no number is 0.
static json_t *probability_json(float value) {
        return json_real(isfinite(value) ? round(value * 1e4) / 1e4 : 0);
}

static json_t *seconds_json(int64_t samples) {
        int64_t ms = (samples * 1000 + AUDIO_RATE / 2) / AUDIO_RATE;

        return json_real((double)ms / 1e3);
}

static json_t *time_json(int64_t ms) {
        char text[ROW_TIME_MAX];

        row_time_format(ms, text);
        return json_string(text);
}

// --- fields ----------------------------------------------------------------------------------

static json_t *kind_json(const struct row *row) {
        return json_string(row_kind_names[row->kind]);
}

static json_t *cursor_json(const struct row *row) {
        char text[ROW_CURSOR_MAX];

        if (row->cursor.row == 0)
                return NULL;
        row_cursor_format(row->cursor, text);
        return json_string(text);
}

static json_t *own_id_json(const struct row *row) {
        return id_json(row->id);
}

static json_t *generation_json(const struct row *row) {
        return json_integer(row->generation);
}

// What was forgotten may be open at either end.
static json_t *bound_json(const struct row *row, int64_t ms) {
        return row->kind == ROW_FORGOTTEN && ms == 0 ? NULL : time_json(ms);
}

static json_t *start_json(const struct row *row) {
        return bound_json(row, row->start);
}

static json_t *end_json(const struct row *row) {
        return bound_json(row, row->end);
}

static json_t *position_json(const struct row *row) {
        return seconds_json(row->position);
}

static json_t *duration_json(const struct row *row) {
        return seconds_json(row->n_samples);
}

static json_t *words_json(const struct row *row) {
        json_t *words;

        if (row->n_words == 0)
                return NULL;
        words = json_array();
        for (size_t i = 0; i < row->n_words; i++) {
                const struct row_word *word = &row->words[i];
                json_t *text = text_json(word->text);

                json_array_append_new(
                        words, json_pack("{s:o, s:o, s:o, s:o}",                 //
                                         "text", text ? text : json_string(""),  //
                                         "start", seconds_json(word->begin),     //
                                         "end", seconds_json(word->end),         //
                                         "probability", probability_json(word->probability)));
        }
        return words;
}

static json_t *confidence_json(const struct row *row) {
        return row->confidence < 0 ? NULL : probability_json(row->confidence);
}

static json_t *phase_json(const struct row *row) {
        return json_string(row_phase_names[row->phase]);
}

static json_t *segment_id_json(const struct row *row) {
        return id_json(row->segment);
}

static json_t *firing_id_json(const struct row *row) {
        return id_json(row->firing);
}

static json_t *durable_json(const struct row *row) {
        return json_boolean(row->is_durable);
}

// A field, in the order of the object: a function that gives its value (NULL: it has none), or
// where in the row its text is.
struct field {
        const char *name;
        json_t *(*value)(const struct row *row);
        size_t text;
        unsigned kinds;  // that have it; 0: all
};

#define FIELD_TEXT(member) \
        { .name = #member, .text = offsetof(struct row, member) }

// docs/journal.md has them as a table.
static const struct field fields[] = {
        {.name = "kind", .value = kind_json},
        {.name = "cursor", .value = cursor_json},
        {.name = "id", .value = own_id_json},
        FIELD_TEXT(stream),
        FIELD_TEXT(session),
        FIELD_TEXT(dialect),
        FIELD_TEXT(channel),
        FIELD_TEXT(principal),
        {.name = "generation", .value = generation_json, .kinds = ~KIND(ROW_FORGOTTEN)},
        {.name = "start", .value = start_json},
        {.name = "end", .value = end_json},
        {.name = "position", .value = position_json, .kinds = SPOKEN},
        {.name = "duration", .value = duration_json, .kinds = SPOKEN},
        FIELD_TEXT(language),
        FIELD_TEXT(text),
        {.name = "words", .value = words_json},
        {.name = "confidence", .value = confidence_json, .kinds = SPOKEN},
        FIELD_TEXT(model),
        FIELD_TEXT(state),
        FIELD_TEXT(reason),
        FIELD_TEXT(alert),
        FIELD_TEXT(found),
        {.name = "phase", .value = phase_json, .kinds = KIND(ROW_ALERT)},
        {.name = "segment", .value = segment_id_json, .kinds = KIND(ROW_ALERT)},
        {.name = "firing", .value = firing_id_json, .kinds = KIND(ROW_ALERT)},
        {.name = "durable", .value = durable_json},
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

// Its value of this row; NULL when it has none.
static json_t *field_json(const struct field *field, const struct row *row) {
        if (field->kinds && !(field->kinds & KIND(row->kind)))
                return NULL;
        if (field->value)
                return field->value(row);
        return text_json(*(char *const *)((const char *)row + field->text));
}

// --- what others call ------------------------------------------------------------------------

static char *json_text(json_t *json) {
        char *text =
                json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(DIGITS));

        json_decref(json);
        return text;
}

static json_t *row_object(const struct row *row, const char *marked) {
        json_t *object = json_object();

        for (size_t i = 0; i < N_FIELDS; i++) {
                json_t *value = field_json(&fields[i], row);

                if (value)
                        json_object_set_new_nocheck(object, fields[i].name, value);
                if (marked && strcmp(fields[i].name, "text") == 0 && marked[0])
                        json_object_set_new_nocheck(object, "marked", text_json(marked));
        }
        return object;
}

char *row_json(const struct row *row, const char *marked) {
        return json_text(row_object(row, marked));
}

char *row_json_tail(const struct row *tail, const char *stable) {
        json_t *object = row_object(tail, NULL);
        json_t *words = text_json(stable);

        json_object_set_new_nocheck(object, "kind", json_string("tail"));
        json_object_del(object, "durable");
        if (!json_object_get(object, "text"))
                json_object_set_new_nocheck(object, "text", json_string(""));
        json_object_set_new_nocheck(object, "stable", words ? words : json_string(""));
        return json_text(object);
}

char *row_json_durable(const struct row *row) {
        return json_text(json_pack("{s:s, s:o*, s:o*}", "kind", "durable",  //
                                   "id", own_id_json(row),                  //
                                   "cursor", cursor_json(row)));
}

char *row_field(const struct row *row, const char *name) {
        json_t *value;
        char *text;

        for (size_t i = 0; i < N_FIELDS; i++) {
                if (strcmp(name, fields[i].name) != 0)
                        continue;
                value = field_json(&fields[i], row);
                if (value && !json_is_string(value))
                        return json_text(value);
                text = xstrdup(value ? json_string_value(value) : "");
                json_decref(value);
                return text;
        }
        return NULL;
}

void row_time_format(int64_t ms, char ret[ROW_TIME_MAX]) {
        // Years of four digits.
        int64_t clamped = number_clamp(ms, -30610224000000, 253402300799999);
        int64_t part = (clamped % 1000 + 1000) % 1000;
        time_t seconds = (time_t)((clamped - part) / 1000);
        struct tm utc;
        size_t n;

        gmtime_r(&seconds, &utc);
        n = strftime(ret, ROW_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
        snprintf(ret + n, ROW_TIME_MAX - n, ".%03" PRId64 "Z", part);
}
