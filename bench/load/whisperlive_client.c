#include "load/whisperlive_client.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define TEXT_MAX    (1024 * 1024)  // bytes of one message
#define SECONDS_MAX 1e9            // three decades of one session

char *whisperlive_encode_hello(const char *uid, const char *language, const char *model,
                               size_t *ret_n) {
        // What the stock client says unless told otherwise.
        json_t *object = json_pack("{s:s, s:s?, s:s, s:s, s:b, s:i, s:f, s:b, s:i}",  //
                                   "uid", uid, "language", language, "task", "transcribe",
                                   "model", model, "use_vad", true, "send_last_n_segments", 10,
                                   "no_speech_thresh", 0.45, "clip_audio", false,
                                   "same_output_threshold", 10);
        char *text = json_dumps(object, JSON_COMPACT);

        json_decref(object);
        *ret_n = strlen(text);
        return text;
}

// The member, or NULL if it is absent or null.
static const json_t *member(const json_t *object, const char *key) {
        const json_t *value = json_object_get(object, key);

        return json_is_null(value) ? NULL : value;
}

// A string, lent by the object; NULL where there is none.
static int string_read(const json_t *object, const char *key, const char **ret,
                       struct error *error) {
        const json_t *value = member(object, key);

        if (value && !json_is_string(value))
                return error_set(error, -EPROTO, "'%s': expected a string", key);
        *ret = json_string_value(value);
        return 0;
}

// Seconds, which servers write as strings or as numbers.
static int seconds_read(const json_t *object, const char *key, int64_t *ret_ms,
                        struct error *error) {
        const json_t *value = json_object_get(object, key);
        double seconds;
        char *end = NULL;

        if (json_is_string(value))
                seconds = strtod(json_string_value(value), &end);
        else
                seconds = json_number_value(value);
        if ((!json_is_number(value) && (!end || *end || end == json_string_value(value))) ||
            !(fabs(seconds) < SECONDS_MAX))
                return error_set(error, -EPROTO, "'%s': expected seconds", key);
        *ret_ms = llround(seconds * 1000);
        return 0;
}

static int segment_read(const json_t *object, struct whisperlive_segment *ret,
                        struct error *error) {
        const json_t *completed = member(object, "completed");
        const char *text = NULL;
        int r;

        if (!json_is_object(object))
                return error_set(error, -EPROTO, "'segments': expected objects");
        if ((r = string_read(object, "text", &text, error)) < 0)
                return r;
        if (!text)
                return error_set(error, -EPROTO, "'text' is missing");
        if (completed && !json_is_boolean(completed))
                return error_set(error, -EPROTO, "'completed': expected true or false");
        ret->text = xstrdup(text);
        ret->is_completed = json_is_true(completed);
        if ((r = seconds_read(object, "start", &ret->begin_ms, error)) < 0)
                return r;
        return seconds_read(object, "end", &ret->end_ms, error);
}

static int segments_read(struct whisperlive_message *message, const json_t *array,
                         struct error *error) {
        size_t n = json_array_size(array);

        if (!json_is_array(array) || n > WHISPERLIVE_SEGMENTS_MAX)
                return error_set(error, -EPROTO, "'segments': expected a list of up to %d",
                                 WHISPERLIVE_SEGMENTS_MAX);
        message->kind = WHISPERLIVE_SEGMENTS;
        message->segments = xcalloc(n, sizeof(*message->segments));
        for (size_t i = 0; i < n; i++) {
                int r = segment_read(json_array_get(array, i),
                                     &message->segments[message->n_segments++], error);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int status_read(struct whisperlive_message *message, const json_t *object,
                       const char *status, struct error *error) {
        const json_t *minutes = member(object, "message");
        const char *text = NULL;
        int r;

        if (strcmp(status, "WAIT") == 0) {
                message->kind = WHISPERLIVE_WAIT;
                if (minutes && !(json_is_number(minutes) && json_number_value(minutes) >= 0))
                        return error_set(error, -EPROTO, "'message': expected minutes");
                message->minutes = json_number_value(minutes);
                return 0;
        }
        message->kind = strcmp(status, "ERROR") == 0 ? WHISPERLIVE_ERROR : WHISPERLIVE_WARNING;
        if ((r = string_read(object, "message", &text, error)) == 0 && text)
                message->text = xstrdup(text);
        return r;
}

static int message_read(struct whisperlive_message *message, const json_t *object,
                        struct error *error) {
        const json_t *segments = json_object_get(object, "segments");
        const char *status = NULL, *word = NULL;
        int r = string_read(object, "status", &status, error);

        if (r < 0)
                return r;
        if (status)
                return status_read(message, object, status, error);
        if (segments)
                return segments_read(message, segments, error);
        if ((r = string_read(object, "message", &word, error)) < 0)
                return r;
        if (word && strcmp(word, "SERVER_READY") == 0)
                message->kind = WHISPERLIVE_READY;
        else if (word && strcmp(word, "DISCONNECT") == 0)
                message->kind = WHISPERLIVE_DISCONNECT;
        return 0;
}

int whisperlive_message_parse(struct whisperlive_message *ret, const char *text, size_t n,
                              struct error *error) {
        struct whisperlive_message message = {0};
        json_error_t mistake;
        json_t *object;
        int r;

        if (n > TEXT_MAX)
                return error_set(error, -EPROTO, "message of %zu bytes: at most %d", n,
                                 TEXT_MAX);
        object = json_loadb(text, n, JSON_REJECT_DUPLICATES, &mistake);
        if (!object)
                return error_set(error, -EPROTO, "not JSON: %s at byte %d", mistake.text,
                                 mistake.position);
        r = json_is_object(object) ? message_read(&message, object, error)
                                   : error_set(error, -EPROTO, "expected a JSON object");
        json_decref(object);
        if (r < 0)
                whisperlive_message_deinit(&message);
        else
                *ret = message;
        return r;
}

void whisperlive_message_deinit(struct whisperlive_message *message) {
        for (size_t i = 0; i < message->n_segments; i++)
                free(message->segments[i].text);
        free(message->segments);
        free(message->text);
        *message = (struct whisperlive_message){0};
}
