#include "dialect/realtime/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

#define RATE_LEAST 8000
#define RATE_MOST  48000
#define RATE_G711  8000

#define SILENCE_MS 500  // of server_vad, where nothing is said

// What is kept of one value that is told again: a text's bytes (of a list all together), and
// how many texts a list may have.
#define TEXT_BYTES_MAX DECODE_TEXT_MAX
#define LIST_TEXTS_MAX 1024

// Milliseconds of silence by which somebody has finished, by how eager we are to say so.
static const struct {
        const char *eagerness;
        double silence_ms;
} eagernesses[] = {{"low", 2000}, {"medium", 1000}, {"high", 500}, {"auto", 1000}};

// Names that a session may have besides what we look at: those of conversations, and what was
// told before and is sent back.
static const char *const without_effect[] = {"type",
                                             "object",
                                             "id",
                                             "expires_at",
                                             "client_secret",
                                             "model",
                                             "instructions",
                                             "tools",
                                             "tool_choice",
                                             "output_modalities",
                                             "modalities",
                                             "voice",
                                             "speed",
                                             "temperature",
                                             "max_output_tokens",
                                             "max_response_output_tokens",
                                             "output_audio_format",
                                             "tracing",
                                             "truncation",
                                             "prompt",
                                             "parallel_tool_calls",
                                             "reasoning",
                                             NULL};

static const char *const flat_names[] = {"input_audio_format", "input_audio_transcription",
                                         "input_audio_noise_reduction", "turn_detection", NULL};

// What is kept, and told again, of objects: no more than these.
static const char *const transcription_names[] = {"model",    "language", "languages", "prompt",
                                                  "keywords", "delay",    NULL};
static const char *const turns_names[] = {
        "type",      "threshold",       "prefix_padding_ms",  "silence_duration_ms",
        "eagerness", "create_response", "interrupt_response", "idle_timeout_ms",
        NULL};
static const char *const noise_names[] = {"type", NULL};

static bool name_is_among(const char *const *names, const char *name) {
        while (*names && strcmp(*names, name) != 0)
                names++;
        return *names;
}

static int mistake_set(struct realtime_mistake *mistake, const char *code, const char *param,
                       const char *words) {
        mistake->code = code;
        snprintf(mistake->param, sizeof(mistake->param), "%s", param);
        snprintf(mistake->words, sizeof(mistake->words), "%s", words);
        return -EINVAL;
}

static int value_refuse(struct realtime_mistake *mistake, const char *param,
                        const char *words) {
        return mistake_set(mistake, "invalid_value", param, words);
}

// --- what is kept ----------------------------------------------------------------------------

// The bytes of its texts; -1: it is no list of texts, or has too many.
static long list_bytes(const json_t *list) {
        const json_t *text;
        size_t i, n = 0;

        if (!json_is_array(list) || json_array_size(list) > LIST_TEXTS_MAX)
                return -1;
        json_array_foreach(list, i, text) {
                if (!json_is_string(text))
                        return -1;
                n += json_string_length(text);
        }
        return (long)n;
}

static bool value_is_small(const json_t *value) {
        long n = json_is_string(value)  ? (long)json_string_length(value)
                 : json_is_array(value) ? list_bytes(value)
                                        : 0;

        return !json_is_object(value) && n >= 0 && n <= TEXT_BYTES_MAX;
}

// Copy those members of `patch` that have these names; others are without effect.
static int members_keep(json_t *to, const json_t *patch, const char *const *names,
                        const char *param, struct realtime_mistake *mistake) {
        for (; *names; names++) {
                json_t *value = json_object_get(patch, *names);
                char words[160];

                if (!value)
                        continue;
                snprintf(words, sizeof(words),
                         "%s is a number, a text or a list of at most %d texts, of at most %d "
                         "bytes together",
                         *names, LIST_TEXTS_MAX, TEXT_BYTES_MAX);
                if (!value_is_small(value))
                        return value_refuse(mistake, param, words);
                json_object_set_new(to, *names, json_deep_copy(value));
        }
        return 0;
}

// --- one part of it --------------------------------------------------------------------------

static int rate_read(const json_t *format, unsigned *ret, const char *param,
                     struct realtime_mistake *mistake) {
        const json_t *rate = json_object_get(format, "rate");
        json_int_t value = json_integer_value(rate);

        if (!rate || json_is_null(rate)) {
                *ret = REALTIME_RATE;
                return 0;
        }
        if (!json_is_integer(rate) || value < RATE_LEAST || value > RATE_MOST)
                return value_refuse(mistake, param,
                                    "the rate of audio/pcm is from 8000 to 48000 (Hz)");
        *ret = (unsigned)value;
        return 0;
}

static int format_set(struct realtime_settings *settings, const json_t *format,
                      const char *param, struct realtime_mistake *mistake) {
        static const struct {
                const char *names[2];  // GA's, the beta's
                enum pcm_format pcm;
        } formats[] = {{{"audio/pcm", "pcm16"}, PCM_S16},
                       {{"audio/pcmu", "g711_ulaw"}, PCM_MULAW},
                       {{"audio/pcma", "g711_alaw"}, PCM_ALAW}};
        bool is_flat = json_is_string(format);
        const char *type =
                json_string_value(is_flat ? format : json_object_get(format, "type"));
        unsigned rate = RATE_G711;
        size_t i = 0;

        while (i < 3 && !(type && strcmp(type, formats[i].names[is_flat]) == 0))
                i++;
        if (i == 3)
                return value_refuse(mistake, param,
                                    "a format is audio/pcm, audio/pcmu or audio/pcma; of the "
                                    "beta pcm16, g711_ulaw or g711_alaw");
        if (formats[i].pcm == PCM_S16 && rate_read(format, &rate, param, mistake) < 0)
                return -EINVAL;
        settings->pcm = formats[i].pcm;
        settings->rate = rate;
        json_decref(settings->format);
        settings->format = json_pack("{ss}", "type", formats[i].names[0]);
        if (settings->pcm == PCM_S16)
                json_object_set_new(settings->format, "rate", json_integer(rate));
        return 0;
}

static int hotwords_set(struct client_options *options, const json_t *words,
                        struct error *error) {
        const json_t *word;
        size_t i;

        client_options_clear_hotwords(options);
        json_array_foreach(words, i, word) {
                const char *text = json_string_value(word);

                if (text && client_options_add_hotword(options, text, error) < 0)
                        return -EINVAL;
        }
        return 0;
}

// The language; of several it may be any, which is found.
static int language_set(struct client_options *options, const json_t *transcription,
                        struct error *error) {
        const json_t *several = json_object_get(transcription, "languages");
        const char *language = json_string_value(json_object_get(transcription, "language"));

        if (!language && json_array_size(several) > 0)
                language = json_array_size(several) > 1
                                   ? "multi"
                                   : json_string_value(json_array_get(several, 0));
        return client_options_set_language(options, language ? language : "", error);
}

static int transcription_set(struct realtime_settings *settings, const json_t *patch,
                             const char *param, struct realtime_mistake *mistake) {
        const char *prompt;
        struct error error;
        int r;

        if (json_is_null(patch) || !json_is_object(settings->transcription)) {
                json_decref(settings->transcription);
                settings->transcription = json_is_null(patch) ? json_null() : json_object();
        }
        if (!json_is_null(patch) && !json_is_object(patch))
                return value_refuse(mistake, param, "a transcription is an object or null");
        if (members_keep(settings->transcription, patch, transcription_names, param, mistake) <
            0)
                return -EINVAL;
        prompt = json_string_value(json_object_get(settings->transcription, "prompt"));
        r = language_set(&settings->options, settings->transcription, &error);
        if (r == 0)
                r = client_options_set_prompt(&settings->options, prompt ? prompt : "", &error);
        if (r == 0)
                r = hotwords_set(&settings->options,
                                 json_object_get(settings->transcription, "keywords"), &error);
        return r < 0 ? value_refuse(mistake, param, error.text) : 0;
}

// Fill in what a client that reads it back expects.
static void vad_complete(json_t *turns) {
        static const struct {
                const char *name;
                double value;
        } defaults[] = {{"threshold", 0.5},
                        {"prefix_padding_ms", 300},
                        {"silence_duration_ms", SILENCE_MS}};

        for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
                if (!json_is_number(json_object_get(turns, defaults[i].name)))
                        json_object_set_new(turns, defaults[i].name,
                                            i == 0 ? json_real(defaults[i].value)
                                                   : json_integer((int)defaults[i].value));
}

static int semantic_set(struct realtime_settings *settings, json_t *turns, const char *param,
                        struct realtime_mistake *mistake) {
        const char *eagerness = json_string_value(json_object_get(turns, "eagerness"));

        if (!eagerness)
                json_object_set_new(turns, "eagerness", json_string(eagerness = "auto"));
        for (size_t i = 0; i < sizeof(eagernesses) / sizeof(eagernesses[0]); i++)
                if (strcmp(eagerness, eagernesses[i].eagerness) == 0) {
                        client_options_set_pause(&settings->options, eagernesses[i].silence_ms);
                        return 0;
                }
        return value_refuse(mistake, param, "eagerness is low, medium, high or auto");
}

// Of the same kind as before, what is absent stays.
static int turns_set(struct realtime_settings *settings, const json_t *patch, const char *param,
                     struct realtime_mistake *mistake) {
        const json_t *before = json_object_get(settings->turn_detection, "type");
        const json_t *type = json_object_get(patch, "type");
        bool is_same = json_is_object(patch) && before && (!type || json_equal(type, before));
        const char *kind;
        json_t *turns;

        if (json_is_null(patch)) {
                json_decref(settings->turn_detection);
                settings->turn_detection = json_null();
                settings->has_turns = false;
                client_options_set_pause(&settings->options,
                                         0);  // stretches are our own affair
                return 0;
        }
        turns = is_same ? json_copy(settings->turn_detection) : json_object();
        json_decref(settings->turn_detection);
        settings->turn_detection = turns;
        settings->has_turns = true;
        if (members_keep(turns, patch, turns_names, param, mistake) < 0)
                return -EINVAL;
        if (!json_is_string(json_object_get(turns, "type")))
                json_object_set_new(turns, "type", json_string("server_vad"));
        kind = json_string_value(json_object_get(turns, "type"));
        if (strcmp(kind, "semantic_vad") == 0)
                return semantic_set(settings, turns, param, mistake);
        if (strcmp(kind, "server_vad") != 0)
                return value_refuse(mistake, param,
                                    "turn_detection is server_vad, semantic_vad or null");
        vad_complete(turns);
        client_options_set_pause(&settings->options, json_number_value(json_object_get(
                                                             turns, "silence_duration_ms")));
        return 0;
}

static int noise_set(struct realtime_settings *settings, const json_t *patch, const char *param,
                     struct realtime_mistake *mistake) {
        if (!json_is_null(patch) && !json_is_object(patch))
                return value_refuse(mistake, param, "noise_reduction is an object or null");
        json_decref(settings->noise_reduction);
        settings->noise_reduction = json_is_null(patch) ? json_null() : json_object();
        return members_keep(settings->noise_reduction, patch, noise_names, param, mistake);
}

static int include_set(struct realtime_settings *settings, const json_t *patch,
                       const char *param, struct realtime_mistake *mistake) {
        if (!json_is_null(patch) && !(json_is_array(patch) && value_is_small(patch)))
                return value_refuse(mistake, param,
                                    "include is a list of at most 1024 texts, or null");
        json_decref(settings->include);
        settings->include = json_deep_copy(patch);
        return 0;
}

// --- all of it -------------------------------------------------------------------------------

// Where each is told, by its path in either shape.
static const struct part {
        const char *name;  // within "audio": "input"; of the session where it is flat
        const char *flat_name;
        int (*set)(struct realtime_settings *settings, const json_t *patch, const char *param,
                   struct realtime_mistake *mistake);
} parts[] = {
        {"format", "input_audio_format", format_set},
        {"transcription", "input_audio_transcription", transcription_set},
        {"noise_reduction", "input_audio_noise_reduction", noise_set},
        {"turn_detection", "turn_detection", turns_set},
};

#define N_PARTS (sizeof(parts) / sizeof(parts[0]))

static int part_take(struct realtime_settings *settings, const char *name, bool is_flat,
                     const json_t *patch, struct realtime_mistake *mistake) {
        char param[80];

        snprintf(param, sizeof(param), is_flat ? "session.%s" : "session.audio.input.%s", name);
        for (size_t i = 0; i < N_PARTS; i++)
                if (strcmp(is_flat ? parts[i].flat_name : parts[i].name, name) == 0)
                        return parts[i].set(settings, patch, param, mistake);
        return mistake_set(mistake, "unknown_parameter", param, "there is no such parameter");
}

static int audio_take(struct realtime_settings *settings, const json_t *audio,
                      struct realtime_mistake *mistake) {
        const json_t *input = json_object_get(audio, "input"), *patch;
        const char *name;

        if (!json_is_object(audio) || (input && !json_is_object(input)))
                return value_refuse(mistake, "session.audio", "audio.input is an object");
        json_object_foreach((json_t *)(uintptr_t)input, name,
                            patch) if (part_take(settings, name, false, patch, mistake) <
                                       0) return -EINVAL;
        return 0;
}

static int member_take(struct realtime_settings *settings, const char *name,
                       const json_t *value, struct realtime_mistake *mistake) {
        if (strcmp(name, "audio") == 0)
                return audio_take(settings, value, mistake);
        if (strcmp(name, "include") == 0)
                return include_set(settings, value, "session.include", mistake);
        if (name_is_among(without_effect, name))
                return 0;
        return part_take(settings, name, true, value, mistake);
}

void realtime_settings_copy(struct realtime_settings *ret,
                            const struct realtime_settings *settings) {
        *ret = *settings;
        ret->format = json_deep_copy(settings->format);
        ret->transcription = json_deep_copy(settings->transcription);
        ret->noise_reduction = json_deep_copy(settings->noise_reduction);
        ret->turn_detection = json_deep_copy(settings->turn_detection);
        ret->include = json_deep_copy(settings->include);
        ret->options.prompt = xstrdup(settings->options.prompt);
        ret->options.hotwords = xstrdup(settings->options.hotwords);
}

bool realtime_session_is_flat(const json_t *session) {
        for (size_t i = 0; flat_names[i]; i++)
                if (json_object_get(session, flat_names[i]))
                        return true;
        return false;
}

int realtime_settings_update(struct realtime_settings *settings, const json_t *session,
                             struct realtime_mistake *mistake) {
        struct realtime_settings updated;
        const json_t *value;
        const char *name;
        int r = 0;

        if (!json_is_object(session))
                return value_refuse(mistake, "session", "an update has an object 'session'");
        realtime_settings_copy(&updated, settings);
        json_object_foreach((json_t *)(uintptr_t)session, name, value) if (r == 0) r =
                member_take(&updated, name, value, mistake);
        if (r < 0) {
                realtime_settings_deinit(&updated);
                return r;
        }
        realtime_settings_deinit(settings);
        *settings = updated;
        return 0;
}

void realtime_settings_init(struct realtime_settings *settings) {
        *settings = (struct realtime_settings){
                .format = json_pack("{sssi}", "type", "audio/pcm", "rate", REALTIME_RATE),
                .transcription = json_null(),
                .noise_reduction = json_null(),
                .turn_detection = json_pack("{ss}", "type", "server_vad"),
                .include = json_null(),
                .pcm = PCM_S16,
                .rate = REALTIME_RATE,
                .has_turns = true,
        };
        vad_complete(settings->turn_detection);
        client_options_set_pause(&settings->options, SILENCE_MS);
}

void realtime_settings_deinit(struct realtime_settings *settings) {
        json_decref(settings->format);
        json_decref(settings->transcription);
        json_decref(settings->noise_reduction);
        json_decref(settings->turn_detection);
        json_decref(settings->include);
        client_options_deinit(&settings->options);
}

static json_t *flat_json(const struct realtime_settings *settings, const char *id) {
        static const char *const names[] = {
                [PCM_S16] = "pcm16", [PCM_MULAW] = "g711_ulaw", [PCM_ALAW] = "g711_alaw"};

        return json_pack("{sssssssOsOsOsO}", "id", id, "object",
                         "realtime.transcription_session", "input_audio_format",
                         names[settings->pcm], "input_audio_transcription",
                         settings->transcription, "turn_detection", settings->turn_detection,
                         "input_audio_noise_reduction", settings->noise_reduction, "include",
                         settings->include);
}

json_t *realtime_settings_json(const struct realtime_settings *settings, const char *id) {
        if (settings->is_flat)
                return flat_json(settings, id);
        return json_pack("{sssssss{s{sOsOsOsO}}sO}", "type", "transcription", "object",
                         "realtime.transcription_session", "id", id, "audio", "input", "format",
                         settings->format, "transcription", settings->transcription,
                         "noise_reduction", settings->noise_reduction, "turn_detection",
                         settings->turn_detection, "include", settings->include);
}

void realtime_settings_apply(const struct realtime_settings *settings,
                             struct request *request) {
        request->format = settings->pcm;
        request->rate = settings->rate;
        client_options_apply(&settings->options, request);
}
