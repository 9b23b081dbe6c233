#include "dialect/openai/wish.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "util/mem.h"
#include "util/number.h"

// The first windows of a file whose text is told while it is being heard are no longer than
// this, in seconds, so that something can be told soon.
#define STREAMED_WINDOW 10

// --- values ----------------------------------------------------------------------------------

// What clients of either server write, and what Python makes of a boolean.
static int bool_set(bool *ret, const char *value, struct error *error) {
        static const char *const yes[] = {"true", "1", "yes", "y", "on", NULL};
        static const char *const no[] = {"false", "0", "no", "n", "off", "", NULL};

        for (int i = 0; yes[i]; i++)
                if (strcasecmp(value, yes[i]) == 0) {
                        *ret = true;
                        return 0;
                }
        for (int i = 0; no[i]; i++)
                if (strcasecmp(value, no[i]) == 0) {
                        *ret = false;
                        return 0;
                }
        return error_set(error, -EINVAL, "true or false is expected");
}

static int number_set(double *ret, const char *value, double least, double most,
                      struct error *error) {
        char *end;
        double number = strtod(value, &end);

        if (end == value || *end || !isfinite(number) || number < least || number > most)
                return error_set(error, -EINVAL, "a number from %g to %g is expected", least,
                                 most);
        *ret = number;
        return 0;
}

static int count_set(unsigned *ret, const char *value, struct error *error) {
        double number = 0;
        int r = number_set(&number, value, -1, 1000, error);

        if (r < 0)
                return r;
        // Both servers' defaults, -1 and 0, leave it to the server.
        *ret = number < 1 ? 0 : (unsigned)number_clamp((int64_t)number, 1, DECODE_WIDTH_MAX);
        return 0;
}

// One of several that it may be: of more than one it is detected which.
static int language_add(struct openai_wish *wish, const char *value, struct error *error) {
        int r = client_options_set_language(&wish->options, value, error);

        if (r == 0 && value[0] && wish->n_languages++ > 0)
                wish->options.language = "";
        return r;
}

// --- OpenAI's fields -------------------------------------------------------------------------

static int format_set(struct openai_wish *wish, const char *value, struct error *error) {
        static const char *const names[] = {
                [OPENAI_JSON] = "json", [OPENAI_TEXT] = "text",
                [OPENAI_SRT] = "srt",   [OPENAI_VERBOSE] = "verbose_json",
                [OPENAI_VTT] = "vtt",
        };

        for (int i = 0; i <= OPENAI_VTT; i++)
                if (strcmp(value, names[i]) == 0) {
                        wish->format = (enum openai_format)i;
                        return 0;
                }
        if (strcmp(value, "diarized_json") == 0)
                return error_set(error, -EINVAL,
                                 "diarized_json is not to be had: this server does not tell "
                                 "speakers apart; ask for verbose_json");
        return error_set(error, -EINVAL,
                         "json, text, srt, verbose_json or vtt is expected, and not '%.40s'",
                         value);
}

// One of a list, a list with commas, or one in JSON's brackets.
static int granularity_add(struct openai_wish *wish, const char *value, struct error *error) {
        static const char between[] = ",[]\"' ";

        for (value += strspn(value, between); *value;) {
                size_t n = strcspn(value, between);

                if (n == 4 && strncmp(value, "word", n) == 0)
                        wish->options.wants_words = true;
                else if (n == 7 && strncmp(value, "segment", n) == 0)
                        wish->wants_segments = true;
                else
                        return error_set(error, -EINVAL,
                                         "word or segment is expected, and not '%.*s'",
                                         (int)(n < 40 ? n : 40), value);
                value += n;
                value += strspn(value, between);
        }
        return 0;
}

static int temperature_set(struct openai_wish *wish, const char *value, struct error *error) {
        double temperature = 0;
        int r = number_set(&temperature, value, 0, 1, error);

        wish->temperature = (float)temperature;
        return r;
}

// Speakers are not told apart.
static int diarization_set(const char *value, struct error *error) {
        bool is_wanted = false;
        int r = bool_set(&is_wanted, value, error);

        if (r == 0 && is_wanted)
                return error_set(error, -EINVAL, "this server does not tell speakers apart");
        return r;
}

static int to_language_set(const char *value, struct error *error) {
        const char *code = language_resolve(value);

        return !value[0] || (code && strcmp(code, "en") == 0)
                       ? 0
                       : error_set(error, -EINVAL, "translations are into English only");
}

enum openai_field {
        FIELD_BEAM_SIZE,
        FIELD_DIARIZATION,
        FIELD_FORMAT,
        FIELD_GRANULARITY,
        FIELD_HOTWORDS,
        FIELD_KEYWORD,
        FIELD_LANGUAGE,
        FIELD_LANGUAGE_CANDIDATE,
        FIELD_N,
        FIELD_PROMPT,
        FIELD_STREAM,
        FIELD_TEMPERATURE,
        FIELD_TO_LANGUAGE,
        FIELD_USE_BEAMS,
        FIELD_NONE,
};

// Lists come with brackets and without.
static enum openai_field field_find(const char *name) {
        static const struct {
                const char *name;
                enum openai_field field;
        } fields[] = {
                {"response_format", FIELD_FORMAT},
                {"language", FIELD_LANGUAGE},
                {"prompt", FIELD_PROMPT},
                {"temperature", FIELD_TEMPERATURE},
                {"stream", FIELD_STREAM},
                {"timestamp_granularities[]", FIELD_GRANULARITY},
                {"timestamp_granularities", FIELD_GRANULARITY},
                {"languages[]", FIELD_LANGUAGE_CANDIDATE},
                {"languages", FIELD_LANGUAGE_CANDIDATE},
                {"keywords[]", FIELD_KEYWORD},
                {"keywords", FIELD_KEYWORD},
                {"hotwords", FIELD_HOTWORDS},
                {"diarization", FIELD_DIARIZATION},
                {"to_language", FIELD_TO_LANGUAGE},
                {"use_beam_search", FIELD_USE_BEAMS},
                {"n", FIELD_N},
                {"beam_size", FIELD_BEAM_SIZE},
        };

        for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
                if (strcmp(name, fields[i].name) == 0)
                        return fields[i].field;
        return FIELD_NONE;
}

int openai_wish_set(struct openai_wish *wish, const char *name, const char *value,
                    struct error *error) {
        switch (field_find(name)) {
        case FIELD_FORMAT:
                return format_set(wish, value, error);
        case FIELD_LANGUAGE:
                return client_options_set_language(&wish->options, value, error);
        case FIELD_LANGUAGE_CANDIDATE:
                return language_add(wish, value, error);
        case FIELD_PROMPT:
                return client_options_set_prompt(&wish->options, value, error);
        case FIELD_HOTWORDS:
        case FIELD_KEYWORD:
                return client_options_add_hotword(&wish->options, value, error);
        case FIELD_TEMPERATURE:
                return temperature_set(wish, value, error);
        case FIELD_STREAM:
                return bool_set(&wish->streams, value, error);
        case FIELD_GRANULARITY:
                return granularity_add(wish, value, error);
        case FIELD_DIARIZATION:
                return diarization_set(value, error);
        case FIELD_TO_LANGUAGE:
                return to_language_set(value, error);
        case FIELD_BEAM_SIZE:
                return count_set(&wish->beam_size, value, error);
        case FIELD_USE_BEAMS:
                return bool_set(&wish->has_beams, value, error);
        case FIELD_N:
                return count_set(&wish->n_beams, value, error);
        case FIELD_NONE:
                break;
        }
        return 0;
}

// --- whisper.cpp's ---------------------------------------------------------------------------

// A part of the file, in milliseconds: that would be cut out by nobody.
static int part_refuse(const char *value, struct error *error) {
        double ms = 0;
        int r = number_set(&ms, value, 0, 1e12, error);

        if (r == 0 && ms > 0)
                return error_set(error, -EINVAL,
                                 "a part of a file is not to be had: send that part alone");
        return r;
}

// Everything else but these is a form of JSON there.
static void whispercpp_format_set(struct openai_wish *wish, const char *value) {
        struct error error;

        if (format_set(wish, value, &error) < 0)
                wish->format = OPENAI_JSON;
}

static int detect_set(struct openai_wish *wish, const char *value, struct error *error) {
        bool detects = false;
        int r = bool_set(&detects, value, error);

        if (r == 0 && detects)
                wish->options.language = "";
        return r;
}

int openai_wish_set_whispercpp(struct openai_wish *wish, const char *name, const char *value,
                               struct error *error) {
        if (strcmp(name, "response_format") == 0) {
                whispercpp_format_set(wish, value);
                return 0;
        }
        if (strcmp(name, "language") == 0)
                return client_options_set_language(&wish->options, value, error);
        if (strcmp(name, "detect_language") == 0)
                return detect_set(wish, value, error);
        if (strcmp(name, "translate") == 0)
                return bool_set(&wish->is_translation, value, error);
        if (strcmp(name, "prompt") == 0)
                return client_options_set_prompt(&wish->options, value, error);
        if (strcmp(name, "temperature") == 0)
                return temperature_set(wish, value, error);
        if (strcmp(name, "beam_size") == 0)
                return count_set(&wish->beam_size, value, error);
        if (strcmp(name, "no_timestamps") == 0)
                return bool_set(&wish->no_timestamps, value, error);
        if (strcmp(name, "token_timestamps") == 0)
                return bool_set(&wish->options.wants_words, value, error);
        if (strcmp(name, "offset_t") == 0 || strcmp(name, "duration") == 0)
                return part_refuse(value, error);
        if (strcmp(name, "diarize") == 0 || strcmp(name, "tinydiarize") == 0)
                return diarization_set(value, error);
        return 0;
}

// --- all of it -------------------------------------------------------------------------------

int openai_wish_check(const struct openai_wish *wish, const char **ret_name,
                      struct error *error) {
        if (wish->streams && (wish->format == OPENAI_SRT || wish->format == OPENAI_VTT)) {
                *ret_name = "stream";
                return error_set(error, -EINVAL,
                                 "events are told of the formats json, text and verbose_json: "
                                 "subtitles come as a whole, without stream");
        }
        if (wish->is_translation && wish->options.wants_words) {
                *ret_name = "timestamp_granularities";
                return error_set(error, -EINVAL, "the words of a translation have no times");
        }
        return 0;
}

void openai_wish_request(const struct openai_wish *wish, struct request *ret) {
        client_options_apply(&wish->options, ret);
        ret->has_task = true;
        ret->task = wish->is_translation ? DECODE_TRANSLATE : DECODE_TRANSCRIBE;
        ret->temperature = wish->temperature;
        ret->beam_size = wish->has_beams && wish->n_beams ? wish->n_beams : wish->beam_size;
        ret->window_early = wish->streams ? STREAMED_WINDOW : 0;
}

void openai_wish_deinit(struct openai_wish *wish) {
        client_options_deinit(&wish->options);
        *wish = (struct openai_wish){0};
}
