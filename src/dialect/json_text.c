#include "dialect/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/utf8.h"

#define REAL_DIGITS 7  // what a float holds: 0.98 stays 0.98

// --- writing -------------------------------------------------------------------

// The sizes written follow from the transcript, not from a peer: running out of memory here is
// the same as anywhere.
static void text_append(struct json_text *text, const char *bytes, size_t n) {
        if (text->capacity - text->n < n) {
                size_t capacity = (text->n + n) * 2 + 256;
                char *data = xcalloc(capacity, 1);

                if (text->n)
                        memcpy(data, text->data, text->n);
                free(text->data);
                text->data = data;
                text->capacity = capacity;
        }
        memcpy(text->data + text->n, bytes, n);
        text->n += n;
}

static int text_on_dump(const char *bytes, size_t n, void *context) {
        text_append(context, bytes, n);
        return 0;
}

static void text_key(struct json_text *text, const char *key) {
        if (text->needs_comma)
                text_append(text, ",", 1);
        text->needs_comma = true;
        if (key) {
                text_append(text, "\"", 1);
                text_append(text, key, strlen(key));
                text_append(text, "\":", 2);
        }
}

// Takes `value`.
static void text_value(struct json_text *text, json_t *value) {
        json_dump_callback(value, text_on_dump, text,
                           JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
        json_decref(value);
}

void json_text_open(struct json_text *text, const char *key, char bracket) {
        text_key(text, key);
        text_append(text, &bracket, 1);
        text->needs_comma = false;
}

void json_text_close(struct json_text *text, char bracket) {
        text_append(text, &bracket, 1);
        text->needs_comma = true;
}

void json_text_string(struct json_text *text, const char *key, const char *value) {
        json_t *string;

        if (!value)
                return;
        text_key(text, key);
        string = json_string(value);
        if (!string) {
                CLEANUP(mem_freep) char *repaired = utf8_repair(value, strlen(value));

                string = json_string(repaired ? repaired : "");
        }
        text_value(text, string);
}

void json_text_unsigned(struct json_text *text, const char *key, uint64_t value) {
        char digits[24];
        int n = snprintf(digits, sizeof(digits), "%llu", (unsigned long long)value);

        text_key(text, key);
        text_append(text, digits, (size_t)n);
}

void json_text_bool(struct json_text *text, const char *key, bool value) {
        text_key(text, key);
        text_value(text, json_boolean(value));
}

void json_text_real(struct json_text *text, const char *key, double value) {
        text_key(text, key);
        text_value(text, json_real(isfinite(value) ? value : 0));
}

static void seconds_format(int64_t milliseconds, char ret[static 32]) {
        uint64_t size = milliseconds < 0 ? 0 - (uint64_t)milliseconds : (uint64_t)milliseconds;

        snprintf(ret, 32, "%s%llu.%03u", milliseconds < 0 ? "-" : "",
                 (unsigned long long)(size / 1000), (unsigned)(size % 1000));
}

void json_text_seconds(struct json_text *text, const char *key, int64_t milliseconds) {
        char digits[32];

        seconds_format(milliseconds, digits);
        text_key(text, key);
        text_append(text, digits, strlen(digits));
}

void json_text_seconds_string(struct json_text *text, const char *key, int64_t milliseconds) {
        char digits[32];

        seconds_format(milliseconds, digits);
        json_text_string(text, key, digits);
}

char *json_text_finish(struct json_text *text, size_t *ret_n) {
        if (ret_n)
                *ret_n = text->n;
        text_append(text, "", 1);
        return TAKE(text->data);
}

// --- reading -------------------------------------------------------------------

// jansson recurses once per level, and its own limit is 2048.
static bool depth_is_fine(const char *text, size_t n) {
        bool is_string = false;
        int depth = 0;

        for (size_t i = 0; i < n; i++) {
                if (is_string) {
                        if (text[i] == '\\')
                                i++;
                        else if (text[i] == '"')
                                is_string = false;
                } else if (text[i] == '"') {
                        is_string = true;
                } else if (text[i] == '{' || text[i] == '[') {
                        if (++depth > DIALECT_DEPTH_MAX)
                                return false;
                } else if (text[i] == '}' || text[i] == ']') {
                        depth--;
                }
        }
        return true;
}

int json_object_parse(json_t **ret, const char *text, size_t n, struct error *error) {
        json_error_t mistake;
        json_t *value;

        if (n > DIALECT_TEXT_MAX)
                return error_set(error, DIALECT_E_JSON, "message of %zu bytes: at most %d", n,
                                 DIALECT_TEXT_MAX);
        if (!depth_is_fine(text, n))
                return error_set(error, DIALECT_E_JSON, "nested deeper than %d",
                                 DIALECT_DEPTH_MAX);
        value = json_loadb(text, n, JSON_REJECT_DUPLICATES, &mistake);
        if (!value)
                return error_set(error, DIALECT_E_JSON, "not JSON: %s at byte %d", mistake.text,
                                 mistake.position);
        if (!json_is_object(value)) {
                json_decref(value);
                return error_set(error, DIALECT_E_JSON, "expected a JSON object");
        }
        *ret = value;
        return 0;
}

static bool text_has(const char *text, size_t n, const char *key, bool is_string) {
        json_t *object = NULL;
        const json_t *value;
        bool has;

        if (json_object_parse(&object, text, n, NULL) != 0)
                return false;
        value = json_object_get(object, key);
        has = is_string ? json_is_string(value) : value != NULL;
        json_decref(object);
        return has;
}

bool json_text_has(const char *text, size_t n, const char *key) {
        return text_has(text, n, key, false);
}

bool json_text_has_string(const char *text, size_t n, const char *key) {
        return text_has(text, n, key, true);
}

// The member, or NULL if it is absent or null.
static const json_t *member(const json_t *object, const char *key) {
        const json_t *value = json_object_get(object, key);

        return value && !json_is_null(value) ? value : NULL;
}

static int type_error(struct error *error, const char *key, const char *expected) {
        return error_set(error, DIALECT_E_TYPE, "'%s': expected %s", key, expected);
}

int json_read_string(const json_t *object, const char *key, size_t length_max, char **ret,
                     struct error *error) {
        const json_t *value = member(object, key);

        if (!value)
                return 0;
        if (!json_is_string(value))
                return type_error(error, key, "a string");
        if (json_string_length(value) > length_max)
                return error_set(error, DIALECT_E_VALUE, "'%s': longer than %zu bytes", key,
                                 length_max);
        free(*ret);
        *ret = xstrdup(json_string_value(value));
        return 0;
}

int json_read_language(const json_t *object, const char *key, char **ret, struct error *error) {
        CLEANUP(mem_freep) char *text = NULL;
        const char *code = "";
        struct error mistake;
        int result = json_read_string(object, key, DIALECT_NAME_MAX, &text, error);

        if (result != 0 || !text)
                return result;
        if (text[0] != '\0' && language_wish(&code, text, &mistake) < 0)
                return error_set(error, DIALECT_E_VALUE, "'%s': %s", key, mistake.text);
        free(*ret);
        *ret = xstrdup(code);
        return 0;
}

int json_read_words(const json_t *object, const char *key, char **ret, struct error *error) {
        const json_t *value = member(object, key);
        CLEANUP(mem_freep) char *joined = NULL;
        const json_t *word;
        size_t i, n = 0;

        if (!json_is_array(value)) {
                int result = json_read_string(object, key, DIALECT_STRING_MAX, &joined, error);

                if (result == DIALECT_E_TYPE)
                        return type_error(error, key, "a string or a list of strings");
                if (result == 0 && joined && joined[0]) {
                        free(*ret);
                        *ret = TAKE(joined);
                }
                return result;
        }
        joined = xcalloc(DIALECT_STRING_MAX + 1, 1);
        json_array_foreach(value, i, word) {
                size_t length = json_string_length(word);
                bool is_apart = length && n;

                if (!json_is_string(word))
                        return type_error(error, key, "a string or a list of strings");
                if (length + is_apart > DIALECT_STRING_MAX - n)
                        return error_set(error, DIALECT_E_VALUE,
                                         "'%s': longer than %d bytes together", key,
                                         DIALECT_STRING_MAX);
                if (is_apart)
                        joined[n++] = ' ';
                memcpy(joined + n, json_string_value(word), length);
                n += length;
        }
        if (n) {
                free(*ret);
                *ret = xstrdup(joined);
        }
        return 0;
}

int json_read_bool(const json_t *object, const char *key, bool *ret, struct error *error) {
        const json_t *value = member(object, key);

        if (!value)
                return 0;
        if (!json_is_boolean(value))
                return type_error(error, key, "true or false");
        *ret = json_is_true(value);
        return 0;
}

int json_read_integer(const json_t *object, const char *key, int64_t least, int64_t most,
                      int64_t *ret, struct error *error) {
        const json_t *value = member(object, key);

        if (!value)
                return 0;
        if (!json_is_integer(value))
                return type_error(error, key, "an integer");
        if (json_integer_value(value) < least || json_integer_value(value) > most)
                return error_set(error, DIALECT_E_VALUE, "'%s': expected %lld to %lld", key,
                                 (long long)least, (long long)most);
        *ret = json_integer_value(value);
        return 0;
}

int json_read_number(const json_t *object, const char *key, double least, double most,
                     double *ret, struct error *error) {
        const json_t *value = member(object, key);

        if (!value)
                return 0;
        if (!json_is_number(value))
                return type_error(error, key, "a number");
        if (json_number_value(value) < least || json_number_value(value) > most)
                return error_set(error, DIALECT_E_VALUE, "'%s': expected %g to %g", key, least,
                                 most);
        *ret = json_number_value(value);
        return 0;
}

static float seconds_limit(double seconds, double least, double most) {
        return (float)fmin(fmax(seconds, least), most);
}

int json_read_hearing(const json_t *object, float *ret_pause, float *ret_window_max,
                      struct error *error) {
        const json_t *parameters = json_object_get(object, "vad_parameters");
        double pause = *ret_pause * 1000.0, window = *ret_window_max;
        int result;

        if (!parameters || json_is_null(parameters))
                return 0;
        if (!json_is_object(parameters))
                return error_set(error, DIALECT_E_TYPE, "'vad_parameters': expected an object");
        if ((result = json_read_number(parameters, "min_silence_duration_ms", 0, INFINITY,
                                       &pause, error)) ||
            (result = json_read_number(parameters, "max_speech_duration_s", 0, INFINITY,
                                       &window, error)))
                return result;
        if (pause > 0)
                *ret_pause = seconds_limit(pause / 1000, HEARING_PAUSE_MIN, HEARING_PAUSE_MAX);
        if (window > 0)
                *ret_window_max = seconds_limit(window, HEARING_WINDOW_MIN, HEARING_WINDOW_MAX);
        return 0;
}

int json_require(const json_t *object, const char *key, bool is_null_fine,
                 struct error *error) {
        const json_t *value = json_object_get(object, key);

        if (!value || (json_is_null(value) && !is_null_fine))
                return error_set(error, DIALECT_E_MISSING, "'%s' is required", key);
        return 0;
}
