#pragma once
// JSON text: writes one JSON object, and reads one strictly. Here are also the outcomes of
// reading that all dialects share, and the limits on what is read.
//
// Values are written by jansson; the object around them is composed here, because jansson knows
// only signed integers and segment ids use all 64 bits.
//
// Threads: any one at a time.

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/request.h"
#include "util/error.h"

// Outcomes of the parsers in this folder; their *error says which field and what was expected.
enum {
        DIALECT_E_JSON = 1,  // not a JSON object, too long, too deep, a key twice
        DIALECT_E_MISSING,   // a required field is absent
        DIALECT_E_TYPE,      // a field has the wrong JSON type
        DIALECT_E_VALUE,     // right type, but not a value that is allowed
        DIALECT_E_UNKNOWN,   // eavesdrop: no such message `type`
};

#define DIALECT_TEXT_MAX   (1024 * 1024)  // bytes of one JSON text; the original's message limit
#define DIALECT_DEPTH_MAX  16             // nesting; real clients use 3
#define DIALECT_STRING_MAX DECODE_TEXT_MAX  // bytes of one string kept (prompt, hotwords)
#define DIALECT_NAME_MAX   256              // bytes of a uid, stream name, recording id, model

// --- Writing -----------------------------------------------------------------

struct json_text {
        char *data;  // not terminated until json_text_finish()
        size_t n;
        size_t capacity;
        bool needs_comma;
};

// Objects and arrays, opened as the value of `key`, or without one (NULL) in an array.
void json_text_open(struct json_text *text, const char *key, char bracket);
void json_text_close(struct json_text *text, char bracket);

// A member; `key` NULL: an element. Strings: invalid UTF-8 becomes U+FFFD, and a NULL string
// leaves out the member. Reals that are not finite are written as 0, for JSON knows none.
void json_text_string(struct json_text *text, const char *key, const char *value);
void json_text_unsigned(struct json_text *text, const char *key, uint64_t value);
void json_text_bool(struct json_text *text, const char *key, bool value);
void json_text_real(struct json_text *text, const char *key, double value);

// Milliseconds as seconds with three decimals, exactly: as a number, or as a string.
void json_text_seconds(struct json_text *text, const char *key, int64_t milliseconds);
void json_text_seconds_string(struct json_text *text, const char *key, int64_t milliseconds);

// The finished text, which the caller frees.
char *json_text_finish(struct json_text *text, size_t *ret_n);

// --- Reading -----------------------------------------------------------------

// Parse one object within DIALECT_TEXT_MAX and DIALECT_DEPTH_MAX, no key twice. Returns 0 (the
// caller decrefs *ret) or DIALECT_E_JSON.
int json_object_parse(json_t **ret, const char *text, size_t n, struct error *error);

// Whether the text is such an object and has that member, of any type (null included) or as a
// string: how the first text of a client tells its dialect.
bool json_text_has(const char *text, size_t n, const char *key);
bool json_text_has_string(const char *text, size_t n, const char *key);

// The members below: null counts as absent, and what is absent leaves *ret as it is. They
// return 0, DIALECT_E_TYPE or DIALECT_E_VALUE with the field's name in *error.

// At most `length_max` bytes. *ret is freed before it is replaced.
int json_read_string(const json_t *object, const char *key, size_t length_max, char **ret,
                     struct error *error);
// A language as people write it (decode/language.h): its code in Whisper, "" to detect it.
int json_read_language(const json_t *object, const char *key, char **ret, struct error *error);
// A string, or a list of strings which is joined with spaces; an empty one is NULL.
int json_read_words(const json_t *object, const char *key, char **ret, struct error *error);
int json_read_bool(const json_t *object, const char *key, bool *ret, struct error *error);
// An integer from `least` to `most`.
int json_read_integer(const json_t *object, const char *key, int64_t least, int64_t most,
                      int64_t *ret, struct error *error);
// A number from `least` to `most`.
int json_read_number(const json_t *object, const char *key, double least, double most,
                     double *ret, struct error *error);

// What a client says about hearing: "vad_parameters", an object with
// "min_silence_duration_ms" (into *ret_pause, as seconds) and "max_speech_duration_s", both as
// faster-whisper's. What is beyond the limits below is taken as the limit.
int json_read_hearing(const json_t *object, float *ret_pause, float *ret_window_max,
                      struct error *error);

#define HEARING_PAUSE_MIN  0.1  // seconds
#define HEARING_PAUSE_MAX  10
#define HEARING_WINDOW_MIN 5
#define HEARING_WINDOW_MAX 28

// DIALECT_E_MISSING unless the member is there (null counts when `is_null_fine`).
int json_require(const json_t *object, const char *key, bool is_null_fine, struct error *error);
