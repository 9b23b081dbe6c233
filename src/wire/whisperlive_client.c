#include "wire/whisperlive_client.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "wire/json_text.h"

#define SECONDS_MAX 1e9  // three decades of one session

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
                return error_set(error, WIRE_E_VALUE, "'%s': expected seconds", key);
        *ret_ms = llround(seconds * 1000);
        return 0;
}

static int segment_read(const json_t *object, struct whisperlive_segment *ret,
                        struct error *error) {
        int result;

        if (!json_is_object(object))
                return error_set(error, WIRE_E_TYPE, "'segments': expected objects");
        if ((result = json_require(object, "text", false, error)) ||
            (result = json_read_string(object, "text", WIRE_TEXT_MAX, &ret->text, error)) ||
            (result = json_read_bool(object, "completed", &ret->is_completed, error)) ||
            (result = seconds_read(object, "start", &ret->begin_ms, error)))
                return result;
        return seconds_read(object, "end", &ret->end_ms, error);
}

static int segments_read(struct whisperlive_message *message, const json_t *array,
                         struct error *error) {
        size_t n = json_array_size(array);

        if (!json_is_array(array) || n > WHISPERLIVE_SEGMENTS_MAX)
                return error_set(error, WIRE_E_VALUE, "'segments': expected a list of up to %d",
                                 WHISPERLIVE_SEGMENTS_MAX);
        message->kind = WHISPERLIVE_SEGMENTS;
        message->segments = xcalloc(n, sizeof(*message->segments));
        for (size_t i = 0; i < n; i++) {
                int result = segment_read(json_array_get(array, i),
                                          &message->segments[message->n_segments++], error);

                if (result != 0)
                        return result;
        }
        return 0;
}

static int status_read(struct whisperlive_message *message, const json_t *object,
                       const char *status, struct error *error) {
        if (strcmp(status, "WAIT") == 0) {
                message->kind = WHISPERLIVE_WAIT;
                return json_read_number(object, "message", 0, HUGE_VAL, &message->minutes,
                                        error);
        }
        message->kind = strcmp(status, "ERROR") == 0 ? WHISPERLIVE_ERROR : WHISPERLIVE_WARNING;
        return json_read_string(object, "message", WIRE_STRING_MAX, &message->text, error);
}

static int message_read(struct whisperlive_message *message, const json_t *object,
                        struct error *error) {
        const json_t *segments = json_object_get(object, "segments");
        CLEANUP(mem_freep) char *status = NULL, *word = NULL;
        int result = json_read_string(object, "status", WIRE_NAME_MAX, &status, error);

        if (result != 0)
                return result;
        if (status)
                return status_read(message, object, status, error);
        if (segments)
                return segments_read(message, segments, error);
        if ((result = json_read_string(object, "message", WIRE_STRING_MAX, &word, error)) != 0)
                return result;
        if (word && strcmp(word, "SERVER_READY") == 0)
                message->kind = WHISPERLIVE_READY;
        else if (word && strcmp(word, "DISCONNECT") == 0)
                message->kind = WHISPERLIVE_DISCONNECT;
        return 0;
}

int whisperlive_message_parse(struct whisperlive_message *ret, const char *text, size_t n,
                              struct error *error) {
        struct whisperlive_message message = {0};
        json_t *object = NULL;
        int result = json_object_parse(&object, text, n, error);

        if (result != 0)
                return result;
        result = message_read(&message, object, error);
        json_decref(object);
        if (result != 0)
                whisperlive_message_deinit(&message);
        else
                *ret = message;
        return result;
}

void whisperlive_message_deinit(struct whisperlive_message *message) {
        for (size_t i = 0; i < message->n_segments; i++)
                free(message->segments[i].text);
        free(message->segments);
        free(message->text);
        *message = (struct whisperlive_message){0};
}
