#include "dialect/eavesdrop/messages.h"

#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "dialect/json_text.h"
#include "util/mem.h"

// --- roles and names -------------------------------------------------------------

bool eavesdrop_role_from_name(const char *name, enum eavesdrop_role *ret) {
        if (!name || !name[0] || strcmp(name, "transcriber") == 0)
                *ret = EAVESDROP_TRANSCRIBER;
        else if (strcmp(name, "rtsp_subscriber") == 0)
                *ret = EAVESDROP_SUBSCRIBER;
        else if (strcmp(name, "health_check") == 0)
                *ret = EAVESDROP_HEALTH_CHECK;
        else
                return false;
        return true;
}

static bool names_have(const struct eavesdrop_names *names, const char *name, size_t n) {
        for (size_t i = 0; i < names->n; i++)
                if (strlen(names->items[i]) == n && memcmp(names->items[i], name, n) == 0)
                        return true;
        return false;
}

int eavesdrop_names_parse(struct eavesdrop_names *ret, const char *list) {
        struct eavesdrop_names names = {xcalloc(EAVESDROP_STREAMS_MAX, sizeof(char *)), 0};

        for (const char *at = list, *end; at; at = end ? end + 1 : NULL) {
                size_t n;

                end = strchr(at, ',');
                at += strspn(at, " \t");
                n = strcspn(at, ",");
                while (n && strchr(" \t", at[n - 1]))
                        n--;
                if (!n || names_have(&names, at, n))
                        continue;
                if (n > DIALECT_NAME_MAX || names.n == EAVESDROP_STREAMS_MAX) {
                        eavesdrop_names_deinit(&names);
                        return DIALECT_E_VALUE;
                }
                names.items[names.n++] = xasprintf("%.*s", (int)n, at);
        }
        *ret = names;
        return 0;
}

void eavesdrop_names_deinit(struct eavesdrop_names *names) {
        for (size_t i = 0; i < names->n; i++)
                free(names->items[i]);
        free(names->items);
        *names = (struct eavesdrop_names){0};
}

// --- what clients say --------------------------------------------------------------

bool eavesdrop_is_end_of_audio(const void *bytes, size_t n) {
        return n == strlen(EAVESDROP_END_OF_AUDIO) &&
               memcmp(bytes, EAVESDROP_END_OF_AUDIO, n) == 0;
}

// One of two words; absent: *ret stays, false.
static int choice_read(const json_t *object, const char *key, const char *const words[2],
                       int *ret, struct error *error) {
        CLEANUP(mem_freep) char *word = NULL;
        int result = json_read_string(object, key, DIALECT_NAME_MAX, &word, error);

        if (result != 0 || !word)
                return result;
        for (int i = 0; i < 2; i++)
                if (strcmp(word, words[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        return error_set(error, DIALECT_E_VALUE, "'%s': expected \"%s\" or \"%s\"", key,
                         words[0], words[1]);
}

static int options_read(const json_t *object, struct eavesdrop_options *options,
                        struct error *error) {
        static const char *const modes[2] = {"live", "file"};
        static const char *const tasks[2] = {"transcribe", "translate"};
        int64_t segments = 0, beam_size = 0;
        int mode = 0, task = -1, result;
        double pause = 0;

        if ((result = choice_read(object, "source_mode", modes, &mode, error)) ||
            (result = json_read_integer(object, "send_last_n_segments", 1, INT32_MAX, &segments,
                                        error)) ||
            (result = json_read_string(object, "initial_prompt", DIALECT_STRING_MAX,
                                       &options->initial_prompt, error)) ||
            (result = json_read_words(object, "hotwords", &options->hotwords, error)) ||
            (result = json_read_bool(object, "word_timestamps", &options->word_timestamps,
                                     error)) ||
            (result =
                     json_read_integer(object, "beam_size", 1, INT32_MAX, &beam_size, error)) ||
            (result = json_read_string(object, "model", DIALECT_NAME_MAX, &options->model,
                                       error)) ||
            (result = choice_read(object, "task", tasks, &task, error)) ||
            (result = json_read_language(object, "language", &options->language, error)) ||
            (result = json_read_number(object, "silence_completion_threshold",
                                       HEARING_PAUSE_MIN, HEARING_PAUSE_MAX, &pause, error)))
                return result;
        options->pause = (float)pause;
        result = json_read_hearing(object, &options->pause, &options->window_max, error);
        if (result != 0)
                return result;
        options->is_file = mode == 1;
        options->send_last_n_segments = (size_t)segments;
        options->beam_size = (int)beam_size;
        options->has_task = task >= 0;
        options->task = task == 1 ? DECODE_TRANSLATE : DECODE_TRANSCRIBE;
        return 0;
}

static int setup_read(const json_t *object, struct eavesdrop_message *message,
                      struct error *error) {
        const json_t *options = json_object_get(object, "options");

        if (!options || json_is_null(options))
                return 0;
        if (!json_is_object(options))
                return error_set(error, DIALECT_E_TYPE, "'options': expected an object");
        return options_read(options, &message->options, error);
}

static int recording_id_read(const json_t *object, struct eavesdrop_message *message,
                             struct error *error) {
        return json_read_string(object, "recording_id", DIALECT_NAME_MAX,
                                &message->recording_id, error);
}

static int recording_read(const json_t *object, struct eavesdrop_message *message,
                          struct error *error) {
        int64_t rate = 0;
        int result;

        if ((result = json_require(object, "recording_id", false, error)) ||
            (result = recording_id_read(object, message, error)) ||
            (result = json_require(object, "sample_rate_hz", false, error)))
                return result;
        return json_read_integer(object, "sample_rate_hz", AUDIO_RATE, AUDIO_RATE, &rate,
                                 error);
}

static int flush_read(const json_t *object, struct eavesdrop_message *message,
                      struct error *error) {
        int result = recording_id_read(object, message, error);

        message->force_complete = true;
        return result ? result
                      : json_read_bool(object, "force_complete", &message->force_complete,
                                       error);
}

// Every type there is. Those that only servers send are valid, too, but their fields concern
// nobody here.
static const struct message_type {
        const char *name;
        enum eavesdrop_type type;
        bool has_stream;
        int (*read)(const json_t *object, struct eavesdrop_message *message,
                    struct error *error);
} message_types[] = {
        {"setup", EAVESDROP_SETUP, true, setup_read},
        {"control_recording_started", EAVESDROP_RECORDING_STARTED, true, recording_read},
        {"control_flush", EAVESDROP_FLUSH, true, flush_read},
        {"control_utterance_cancelled", EAVESDROP_UTTERANCE_CANCELLED, true, recording_id_read},
        {"health_check", EAVESDROP_HEALTH, false, NULL},
        {"server_ready", EAVESDROP_OTHER, false, NULL},
        {"transcription", EAVESDROP_OTHER, false, NULL},
        {"language_detection", EAVESDROP_OTHER, false, NULL},
        {"error", EAVESDROP_OTHER, false, NULL},
        {"disconnect", EAVESDROP_OTHER, false, NULL},
        {"stream_status", EAVESDROP_OTHER, false, NULL},
};

static int type_read(const json_t *object, const struct message_type **ret,
                     struct error *error) {
        CLEANUP(mem_freep) char *name = NULL;
        int result;

        if ((result = json_require(object, "type", false, error)) ||
            (result = json_read_string(object, "type", DIALECT_NAME_MAX, &name, error)))
                return result;
        for (size_t i = 0; i < sizeof(message_types) / sizeof(message_types[0]); i++)
                if (strcmp(name, message_types[i].name) == 0) {
                        *ret = &message_types[i];
                        return 0;
                }
        return error_set(error, DIALECT_E_UNKNOWN, "'type': there is no message '%s'", name);
}

static int message_read(const json_t *object, struct eavesdrop_message *message,
                        struct error *error) {
        const struct message_type *type = NULL;
        int result;

        if ((result = type_read(object, &type, error)))
                return result;
        message->type = type->type;
        message->type_name = type->name;
        // Unix seconds up to the year 9999.
        if ((result = json_read_number(object, "timestamp", 0, 253402300800.0,
                                       &message->timestamp, error)))
                return result;
        if (type->has_stream && ((result = json_require(object, "stream", false, error)) ||
                                 (result = json_read_string(object, "stream", DIALECT_NAME_MAX,
                                                            &message->stream, error))))
                return result;
        return type->read ? type->read(object, message, error) : 0;
}

bool eavesdrop_is_message(const char *text, size_t n) {
        return json_text_has_string(text, n, "type");
}

int eavesdrop_message_parse(struct eavesdrop_message *ret, const char *text, size_t n,
                            struct error *error) {
        struct eavesdrop_message message = {0};
        json_t *object = NULL;
        int result = json_object_parse(&object, text, n, error);

        if (result != 0)
                return result;
        result = message_read(object, &message, error);
        json_decref(object);
        if (result != 0)
                eavesdrop_message_deinit(&message);
        else
                *ret = message;
        return result;
}

void eavesdrop_message_deinit(struct eavesdrop_message *message) {
        free(message->stream);
        free(message->recording_id);
        free(message->options.initial_prompt);
        free(message->options.hotwords);
        free(message->options.model);
        free(message->options.language);
        *message = (struct eavesdrop_message){0};
}
