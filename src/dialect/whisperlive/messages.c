#include "dialect/whisperlive/messages.h"

#include <stdlib.h>
#include <string.h>

#include "dialect/json_text.h"
#include "dialect/segment_time.h"
#include "util/mem.h"

#define SEGMENTS_DEFAULT  10  // the protocol's defaults, as stock clients and server have them
#define NO_SPEECH_DEFAULT 0.45F

// --- hello ---------------------------------------------------------------------

static int task_read(const json_t *object, enum decode_task *ret, struct error *error) {
        CLEANUP(mem_freep) char *name = NULL;
        int result = json_read_string(object, "task", DIALECT_NAME_MAX, &name, error);

        if (result != 0)
                return result;
        if (strcmp(name, "transcribe") == 0)
                *ret = DECODE_TRANSCRIBE;
        else if (strcmp(name, "translate") == 0)
                *ret = DECODE_TRANSLATE;
        else
                return error_set(error, DIALECT_E_VALUE,
                                 "'task': expected \"transcribe\" or \"translate\"");
        return 0;
}

static int format_read(const json_t *object, enum pcm_format *ret, struct error *error) {
        static const struct {
                const char *name;
                enum pcm_format format;
        } formats[] = {{"float32", PCM_F32}, {"int16", PCM_S16}, {"uint8", PCM_U8}};
        CLEANUP(mem_freep) char *name = NULL;
        int result = json_read_string(object, "audio_format", DIALECT_NAME_MAX, &name, error);

        if (result != 0 || !name)
                return result;
        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
                if (strcmp(name, formats[i].name) == 0) {
                        *ret = formats[i].format;
                        return 0;
                }
        return error_set(error, DIALECT_E_VALUE,
                         "'audio_format': expected \"float32\", \"int16\" or \"uint8\"");
}

static bool model_is_english(const char *model) {
        size_t n = strlen(model);

        return n >= 2 && strcmp(model + n - 2, "en") == 0;
}

static int hello_read(struct whisperlive_hello *hello, const json_t *object,
                      struct error *error) {
        int64_t segments = SEGMENTS_DEFAULT;
        double no_speech = NO_SPEECH_DEFAULT;
        int result;

        if ((result = json_require(object, "uid", false, error)) ||
            (result = json_require(object, "language", true, error)) ||
            (result = json_require(object, "task", false, error)) ||
            (result = json_require(object, "model", false, error)) ||
            (result = json_read_string(object, "uid", DIALECT_NAME_MAX, &hello->uid, error)) ||
            (result = json_read_language(object, "language", &hello->language, error)) ||
            (result = task_read(object, &hello->task, error)) ||
            (result =
                     json_read_string(object, "model", DIALECT_NAME_MAX, &hello->model, error)))
                return result;
        if ((result = json_read_bool(object, "use_vad", &hello->use_vad, error)) ||
            (result = json_read_integer(object, "send_last_n_segments", 1, INT32_MAX, &segments,
                                        error)) ||
            (result = json_read_number(object, "no_speech_thresh", 0, 1, &no_speech, error)) ||
            (result = json_read_words(object, "hotwords", &hello->hotwords, error)) ||
            (result = json_read_string(object, "initial_prompt", DIALECT_STRING_MAX,
                                       &hello->initial_prompt, error)) ||
            (result = json_read_bool(object, "word_timestamps", &hello->word_timestamps,
                                     error)) ||
            (result = format_read(object, &hello->audio_format, error)) ||
            (result = json_read_hearing(object, &hello->pause, &hello->window_max, error)))
                return result;
        hello->send_last_n_segments = (size_t)segments;
        hello->no_speech_thresh = (float)no_speech;
        if (hello->language && !hello->language[0])
                hello->language = mem_free(hello->language);
        if (model_is_english(hello->model)) {
                free(hello->language);
                hello->language = xstrdup("en");
        }
        return 0;
}

bool whisperlive_is_hello(const char *text, size_t n) {
        return json_text_has(text, n, "uid");
}

int whisperlive_hello_parse(struct whisperlive_hello *ret, const char *text, size_t n,
                            struct error *error) {
        struct whisperlive_hello hello = {.use_vad = true, .audio_format = PCM_F32};
        json_t *object = NULL;
        int result = json_object_parse(&object, text, n, error);

        if (result != 0)
                return result;
        result = hello_read(&hello, object, error);
        json_decref(object);
        if (result != 0)
                whisperlive_hello_deinit(&hello);
        else
                *ret = hello;
        return result;
}

void whisperlive_hello_deinit(struct whisperlive_hello *hello) {
        free(hello->uid);
        free(hello->language);
        free(hello->model);
        free(hello->hotwords);
        free(hello->initial_prompt);
        *hello = (struct whisperlive_hello){0};
}

bool whisperlive_is_end_of_audio(const void *bytes, size_t n) {
        return n == strlen(WHISPERLIVE_END_OF_AUDIO) &&
               memcmp(bytes, WHISPERLIVE_END_OF_AUDIO, n) == 0;
}

// --- what the server says ----------------------------------------------------------

static struct json_text message_open(const char *uid) {
        struct json_text text = {0};

        json_text_open(&text, NULL, '{');
        json_text_string(&text, "uid", uid);
        return text;
}

static char *message_finish(struct json_text *text, size_t *ret_n) {
        json_text_close(text, '}');
        return json_text_finish(text, ret_n);
}

char *whisperlive_encode_ready(const char *uid, size_t *ret_n) {
        struct json_text text = message_open(uid);

        json_text_string(&text, "message", "SERVER_READY");
        json_text_string(&text, "backend", "faster_whisper");
        return message_finish(&text, ret_n);
}

char *whisperlive_encode_language(const char *uid, const char *language, float probability,
                                  size_t *ret_n) {
        struct json_text text = message_open(uid);

        json_text_string(&text, "language", language);
        json_text_real(&text, "language_prob", (double)probability);
        return message_finish(&text, ret_n);
}

// Stock clients take a completed segment for a repetition when its text is that of the one
// before without the spaces around it, and lose it. Whisper puts a space in front of each, but
// not in all languages.
static bool text_looks_repeated(const char *text, const char *previous) {
        size_t n;

        if (!previous || !text[0])
                return false;
        previous += strspn(previous, " \t\r\n");
        n = strlen(previous);
        while (n && strchr(" \t\r\n", previous[n - 1]))
                n--;
        return strlen(text) == n && strncmp(text, previous, n) == 0;
}

static void segment_write(struct json_text *text, const struct segment *segment, int64_t origin,
                          const struct segment_time *time, const char *previous_text) {
        CLEANUP(mem_freep) char *spaced = NULL;

        if (text_looks_repeated(segment->text, previous_text))
                spaced = xasprintf(" %s", segment->text);
        json_text_open(text, NULL, '{');
        json_text_seconds_string(text, "start", time->begin_ms);
        json_text_seconds_string(text, "end", time->end_ms);
        json_text_string(text, "text", spaced ? spaced : segment->text);
        json_text_bool(text, "completed", segment->is_final);
        segment_time_write_words(time, text, segment, origin, true);
        json_text_close(text, '}');
}

char *whisperlive_encode_segments(const char *uid, const struct segment *const *finals,
                                  size_t n_finals, const struct segment *tail, int64_t origin,
                                  size_t *ret_n) {
        static char nothing[] = "";
        const struct segment empty = {.begin = origin, .end = origin, .text = nothing};
        struct json_text text = message_open(uid);
        const char *previous_text = NULL;
        struct segment_time time = {0};

        if (!n_finals && !tail)
                tail = &empty;
        json_text_open(&text, "segments", '[');
        for (size_t i = 0; i < n_finals; i++) {
                time = segment_time_after(finals[i], origin, time.end_ms);
                segment_write(&text, finals[i], origin, &time, previous_text);
                previous_text = finals[i]->text;
        }
        if (tail) {
                time = segment_time_after(tail, origin, time.end_ms);
                segment_write(&text, tail, origin, &time, previous_text);
        }
        json_text_close(&text, ']');
        return message_finish(&text, ret_n);
}

static char *status_encode(const char *uid, const char *status, const char *words,
                           size_t *ret_n) {
        struct json_text text = message_open(uid);

        json_text_string(&text, "status", status);
        json_text_string(&text, "message", words);
        return message_finish(&text, ret_n);
}

char *whisperlive_encode_wait(const char *uid, double minutes, size_t *ret_n) {
        struct json_text text = message_open(uid);

        json_text_string(&text, "status", "WAIT");
        json_text_real(&text, "message", minutes);
        return message_finish(&text, ret_n);
}

char *whisperlive_encode_warning(const char *uid, const char *text, size_t *ret_n) {
        return status_encode(uid, "WARNING", text, ret_n);
}

char *whisperlive_encode_error(const char *uid, const char *text, size_t *ret_n) {
        return status_encode(uid, "ERROR", text, ret_n);
}

char *whisperlive_encode_disconnect(const char *uid, size_t *ret_n) {
        struct json_text text = message_open(uid);

        json_text_string(&text, "message", "DISCONNECT");
        return message_finish(&text, ret_n);
}
