#include "dialect/wyoming/messages.h"

#include <stdlib.h>
#include <string.h>

#include "dialect/json_text.h"
#include "util/mem.h"

// Named in the information, which has to say who made what.
#define OUR_NAME "eavesdrop"

static const char *const type_names[] = {
        [WYOMING_DESCRIBE] = "describe",       [WYOMING_TRANSCRIBE] = "transcribe",
        [WYOMING_AUDIO_START] = "audio-start", [WYOMING_AUDIO_CHUNK] = "audio-chunk",
        [WYOMING_AUDIO_STOP] = "audio-stop",   [WYOMING_PING] = "ping",
};

enum wyoming_type wyoming_type_of(const char *name) {
        for (int type = 0; type < WYOMING_OTHER; type++)
                if (strcmp(type_names[type], name) == 0)
                        return (enum wyoming_type)type;
        return WYOMING_OTHER;
}

// --- what clients say ------------------------------------------------------------------------

static int words_read(struct client_options *wish, const json_t *data, const char *key,
                      struct error *error) {
        const json_t *words = json_object_get(data, key);
        int r = 0;

        if (words && !json_is_array(words) && !json_is_null(words))
                return error_set(error, DIALECT_E_TYPE, "'%s': expected a list of strings",
                                 key);
        for (size_t i = 0; i < json_array_size(words) && r == 0; i++) {
                const char *word = json_string_value(json_array_get(words, i));

                if (!word)
                        return error_set(error, DIALECT_E_TYPE,
                                         "'%s': expected a list of strings", key);
                r = client_options_add_hotword(wish, word, error);
        }
        return r;
}

int wyoming_wish_read(struct client_options *wish, const json_t *data, struct error *error) {
        CLEANUP(mem_freep) char *language = NULL;
        int r = json_read_string(data, "language", DIALECT_NAME_MAX, &language, error);

        if (r == 0 && language)
                r = client_options_set_language(wish, language, error);
        client_options_clear_hotwords(wish);
        if (r == 0)
                r = words_read(wish, data, "transcript_names", error);
        if (r == 0)
                r = words_read(wish, data, "transcript_terms", error);
        return r;
}

int wyoming_shape_read(struct wyoming_shape *shape, const json_t *data, struct error *error) {
        int64_t rate = shape->rate, width = shape->width, channels = shape->channels;
        int r = json_read_integer(data, "rate", WYOMING_RATE_MIN, WYOMING_RATE_MAX, &rate,
                                  error);

        if (r == 0)
                r = json_read_integer(data, "width", 1, 4, &width, error);
        if (r == 0)
                r = json_read_integer(data, "channels", 1, WYOMING_CHANNELS_MAX, &channels,
                                      error);
        if (r == 0)
                *shape = (struct wyoming_shape){(unsigned)rate, (unsigned)width,
                                                (unsigned)channels};
        return r;
}

// --- what we say -----------------------------------------------------------------------------

// An event with that data, which is freed. The data stands behind the line: clients read lines
// of 64 KiB at most, and all of them read data there.
static char *event_finish(const char *type, struct json_text *data) {
        CLEANUP(mem_freep) char *body = NULL;
        size_t n;

        json_text_close(data, '}');
        body = json_text_finish(data, &n);
        return xasprintf("{\"type\":\"%s\",\"data_length\":%zu}\n%s", type, n, body);
}

static struct json_text data_open(void) {
        struct json_text data = {0};

        json_text_open(&data, NULL, '{');
        return data;
}

static void language_write(struct json_text *data, const char *language) {
        if (language && language[0])
                json_text_string(data, "language", language);
}

// The name, whose it is, and that it is there: what programs and models are known by.
static void artifact_write(struct json_text *data, const char *name, const char *maker,
                           const char *words) {
        json_text_string(data, "name", name);
        json_text_open(data, "attribution", '{');
        json_text_string(data, "name", maker);
        json_text_string(data, "url", "");
        json_text_close(data, '}');
        json_text_bool(data, "installed", true);
        json_text_string(data, "description", words);
        json_text_string(data, "version", EAVESDROP_VERSION);
}

char *wyoming_encode_info(const char *const *languages) {
        static const char *const nothing[] = {"tts", "handle", "intent", "wake", "mic", "snd"};
        struct json_text data = data_open();

        json_text_open(&data, "asr", '[');
        json_text_open(&data, NULL, '{');
        artifact_write(&data, OUR_NAME, OUR_NAME, "one Whisper model for many live streams");
        json_text_open(&data, "models", '[');
        json_text_open(&data, NULL, '{');
        artifact_write(&data, "whisper", "OpenAI", "Whisper");
        json_text_open(&data, "languages", '[');
        for (; *languages; languages++)
                json_text_string(&data, NULL, *languages);
        json_text_close(&data, ']');
        json_text_close(&data, '}');
        json_text_close(&data, ']');
        json_text_bool(&data, "supports_transcript_streaming", true);
        // What is said ends with "audio-stop", and no earlier.
        json_text_bool(&data, "requires_external_vad", true);
        json_text_close(&data, '}');
        json_text_close(&data, ']');
        for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
                json_text_open(&data, nothing[i], '[');
                json_text_close(&data, ']');
        }
        return event_finish("info", &data);
}

char *wyoming_encode_transcript(const char *text, const char *language) {
        struct json_text data = data_open();

        json_text_string(&data, "text", text);
        language_write(&data, language);
        return event_finish("transcript", &data);
}

char *wyoming_encode_start(const char *language) {
        struct json_text data = data_open();

        language_write(&data, language);
        return event_finish("transcript-start", &data);
}

char *wyoming_encode_chunk(const char *text) {
        struct json_text data = data_open();

        json_text_string(&data, "text", text);
        return event_finish("transcript-chunk", &data);
}

char *wyoming_encode_stop(void) {
        struct json_text data = data_open();

        return event_finish("transcript-stop", &data);
}

char *wyoming_encode_error(const char *words, const char *code) {
        struct json_text data = data_open();

        json_text_string(&data, "text", words);
        json_text_string(&data, "code", code);
        return event_finish("error", &data);
}

char *wyoming_encode_pong(const char *text) {
        struct json_text data = data_open();

        json_text_string(&data, "text", text);
        return event_finish("pong", &data);
}
