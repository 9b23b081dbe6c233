#include "dialect/openai/answer.h"

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "dialect/written_words.h"
#include "transcript/transcript_writer.h"
#include "util/mem.h"
#include "util/utf8.h"

// Digits of numbers: as many as a double holds without showing what it cannot.
#define DIGITS 15

// When the models were made, as far as clients want to know: Whisper's first release.
#define MODELS_CREATED 1663718400

static json_t *string_json(const char *text) {
        CLEANUP(mem_freep) char *repaired = utf8_repair(text, strlen(text));

        return json_string(repaired ? repaired : "");
}

static json_t *number_json(double value, double steps) {
        return json_real(isfinite(value) ? round(value * steps) / steps : 0);
}

static json_t *seconds_json(int64_t n_samples) {
        return number_json((double)n_samples / AUDIO_RATE, 1e3);
}

// Freed with the JSON, which is taken.
static char *json_text(json_t *json) {
        char *text = json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(DIGITS));

        json_decref(json);
        return text ? text : xstrdup("{}");
}

// --- text ------------------------------------------------------------------------------------

// All of it, as it came; `after` behind each segment.
static char *text_join(const struct openai_told *told, const char *after) {
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);

        if (!stream)
                abort();
        for (size_t i = 0; i < told->n_segments; i++)
                fprintf(stream, "%s%s", told->segments[i].text, after);
        fclose(stream);
        return text;
}

// Without the blank that Whisper puts in front.
static char *text_of(const struct openai_told *told) {
        CLEANUP(mem_freep) char *text = text_join(told, "");
        const char *begin = text + strspn(text, " ");

        return utf8_repair(begin, strlen(begin));
}

// "english"; NULL: nothing was said. Freed by the caller.
static char *language_name(const char *code) {
        char *name;
        int i = 0;

        while (i < LANGUAGES && strcmp(language_code(i), code) != 0)
                i++;
        if (i == LANGUAGES)
                return NULL;
        name = xstrdup(language_names[i]);
        for (char *letter = name; *letter; letter++)
                *letter = (char)tolower((unsigned char)*letter);
        return name;
}

static json_t *usage_json(const struct openai_told *told) {
        return json_pack("{sssI}", "type", "duration", "seconds",
                         (json_int_t)((told->n_samples + AUDIO_RATE - 1) / AUDIO_RATE));
}

static char *subtitles_of(const struct openai_told *told, enum transcript_format format) {
        char *text = NULL;
        size_t n = 0;
        FILE *stream = open_memstream(&text, &n);
        struct transcript_writer *writer;

        if (!stream)
                abort();
        writer = transcript_writer_new(stream, format, false);
        transcript_writer_begin(writer, "");
        for (size_t i = 0; i < told->n_segments; i++)
                transcript_writer_segment(writer, &told->segments[i]);
        transcript_writer_end(writer, told->language, told->n_samples);
        transcript_writer_free(writer);
        fclose(stream);
        return text;
}

// --- segments and words ----------------------------------------------------------------------

static json_t *tokens_json(const struct segment *segment) {
        json_t *tokens = json_array();

        for (size_t i = 0; i < segment->n_tokens; i++)
                json_array_append_new(tokens, json_integer(segment->tokens[i]));
        return tokens;
}

static json_t *segment_json(const struct segment *segment, size_t id) {
        json_t *json = json_object();

        json_object_set_new(json, "id", json_integer((json_int_t)id));
        json_object_set_new(json, "seek", json_integer(segment->begin * 100 / AUDIO_RATE));
        json_object_set_new(json, "start", seconds_json(segment->begin));
        json_object_set_new(json, "end", seconds_json(segment->end));
        json_object_set_new(json, "text", string_json(segment->text));
        json_object_set_new(json, "tokens", tokens_json(segment));
        json_object_set_new(json, "temperature", number_json(segment->temperature, 1e4));
        json_object_set_new(json, "avg_logprob", number_json(segment->avg_logprob, 1e4));
        json_object_set_new(json, "compression_ratio",
                            number_json(segment->compression_ratio, 1e4));
        json_object_set_new(json, "no_speech_prob", number_json(segment->no_speech_prob, 1e4));
        return json;
}

// OpenAI's have no blank in front, whisper.cpp's have.
static json_t *word_json(const struct hypothesis_word *word, bool has_blank) {
        json_t *json = json_object();
        const char *text = word->text + (has_blank ? 0 : strspn(word->text, " "));

        json_object_set_new(json, "word", string_json(text));
        json_object_set_new(json, "start", seconds_json(word->begin));
        json_object_set_new(json, "end", seconds_json(word->end));
        return json;
}

static json_t *segments_json(const struct openai_told *told) {
        json_t *segments = json_array();

        for (size_t i = 0; i < told->n_segments; i++)
                json_array_append_new(segments, segment_json(&told->segments[i], i));
        return segments;
}

static json_t *words_json(const struct openai_told *told) {
        json_t *words = json_array();

        for (size_t i = 0; i < told->n_segments; i++) {
                size_t n;
                struct hypothesis_word *written = written_words(&told->segments[i], &n);

                for (size_t word = 0; word < n; word++)
                        json_array_append_new(words, word_json(&written[word], false));
                hypothesis_words_free(written, n);
        }
        return words;
}

// --- OpenAI's forms --------------------------------------------------------------------------

static json_t *verbose_begin(const struct openai_wish *wish, const struct openai_told *told,
                             const char *text) {
        CLEANUP(mem_freep) char *language = language_name(told->language);
        json_t *json = json_object();

        json_object_set_new(json, "task",
                            json_string(wish->is_translation ? "translate" : "transcribe"));
        json_object_set_new(json, "language", language ? json_string(language) : json_null());
        json_object_set_new(json, "duration", seconds_json(told->n_samples));
        json_object_set_new(json, "text", string_json(text));
        return json;
}

static char *verbose_answer(const struct openai_wish *wish, const struct openai_told *told) {
        CLEANUP(mem_freep) char *text = text_of(told);
        json_t *json = verbose_begin(wish, told, text);

        if (wish->wants_segments || !wish->options.wants_words)
                json_object_set_new(json, "segments", segments_json(told));
        if (wish->options.wants_words)
                json_object_set_new(json, "words", words_json(told));
        json_object_set_new(json, "usage", usage_json(told));
        return json_text(json);
}

static char *json_answer(const struct openai_told *told) {
        CLEANUP(mem_freep) char *text = text_of(told);

        return json_text(
                json_pack("{soso}", "text", string_json(text), "usage", usage_json(told)));
}

static char *text_answer(const struct openai_told *told) {
        CLEANUP(mem_freep) char *text = text_of(told);

        return xasprintf("%s\n", text);
}

// Only JSON is to be called JSON: clients go by that.
static const char *const types[] = {
        [OPENAI_JSON] = "application/json",
        [OPENAI_TEXT] = "text/plain; charset=utf-8",
        [OPENAI_SRT] = "application/x-subrip; charset=utf-8",
        [OPENAI_VERBOSE] = "application/json",
        [OPENAI_VTT] = "text/vtt; charset=utf-8",
};

char *openai_answer(const struct openai_wish *wish, const struct openai_told *told,
                    const char **ret_type) {
        *ret_type = types[wish->format];
        switch (wish->format) {
        case OPENAI_TEXT:
                return text_answer(told);
        case OPENAI_SRT:
                return subtitles_of(told, TRANSCRIPT_SRT);
        case OPENAI_VTT:
                return subtitles_of(told, TRANSCRIPT_VTT);
        case OPENAI_VERBOSE:
                return verbose_answer(wish, told);
        case OPENAI_JSON:
                break;
        }
        return json_answer(told);
}

// --- whisper.cpp's ---------------------------------------------------------------------------

static json_t *whispercpp_segment(const struct openai_wish *wish, const struct segment *segment,
                                  size_t id) {
        json_t *json = json_object(), *words = json_array();

        json_object_set_new(json, "id", json_integer((json_int_t)id));
        json_object_set_new(json, "text", string_json(segment->text));
        if (!wish->no_timestamps) {
                json_object_set_new(json, "start", seconds_json(segment->begin));
                json_object_set_new(json, "end", seconds_json(segment->end));
        }
        json_object_set_new(json, "tokens", tokens_json(segment));
        for (size_t i = 0; i < segment->n_words; i++) {
                json_t *word = word_json(&segment->words[i], true);

                json_object_set_new(word, "probability",
                                    number_json(segment->words[i].probability, 1e4));
                json_array_append_new(words, word);
        }
        json_object_set_new(json, "words", words);
        json_object_set_new(json, "temperature", number_json(segment->temperature, 1e4));
        json_object_set_new(json, "avg_logprob", number_json(segment->avg_logprob, 1e4));
        json_object_set_new(json, "no_speech_prob", number_json(segment->no_speech_prob, 1e4));
        return json;
}

static char *whispercpp_verbose(const struct openai_wish *wish, const struct openai_told *told,
                                const char *text) {
        json_t *json = verbose_begin(wish, told, text), *segments = json_array();
        json_t *probabilities = json_object();

        for (size_t i = 0; i < told->n_segments; i++)
                json_array_append_new(segments,
                                      whispercpp_segment(wish, &told->segments[i], i));
        json_object_set_new(json, "segments", segments);
        json_object_set(json, "detected_language", json_object_get(json, "language"));
        json_object_set_new(json, "detected_language_probability",
                            number_json(told->language_probability, 1e4));
        if (told->language[0])
                json_object_set_new(probabilities, told->language,
                                    number_json(told->language_probability, 1e4));
        json_object_set_new(json, "language_probabilities", probabilities);
        return json_text(json);
}

// Each segment is a line of its text, with the blank in front.
char *openai_answer_whispercpp(const struct openai_wish *wish, const struct openai_told *told,
                               const char **ret_type) {
        CLEANUP(mem_freep) char *text = text_join(told, "\n");

        *ret_type = types[wish->format];
        switch (wish->format) {
        case OPENAI_TEXT:
                return utf8_repair(text, strlen(text));
        case OPENAI_SRT:
                return subtitles_of(told, TRANSCRIPT_SRT);
        case OPENAI_VTT:
                return subtitles_of(told, TRANSCRIPT_VTT);
        case OPENAI_VERBOSE:
                return whispercpp_verbose(wish, told, text);
        case OPENAI_JSON:
                break;
        }
        return json_text(json_pack("{so}", "text", string_json(text)));
}

// --- events ----------------------------------------------------------------------------------

// Takes the JSON.
static char *event_text(json_t *json) {
        CLEANUP(mem_freep) char *text = json_text(json);

        return xasprintf("data: %s\n\n", text);
}

// Together they are the text that the end has: the blank in front of all is left out.
char *openai_event_delta(const struct segment *segment, bool is_first) {
        const char *text = segment->text + (is_first ? strspn(segment->text, " ") : 0);

        return event_text(json_pack("{ssso}", "type", "transcript.text.delta", "delta",
                                    string_json(text)));
}

char *openai_event_done(const struct openai_told *told) {
        CLEANUP(mem_freep) char *text = text_of(told);

        return event_text(json_pack("{sssoso}", "type", "transcript.text.done", "text",
                                    string_json(text), "usage", usage_json(told)));
}

// --- errors ----------------------------------------------------------------------------------

static json_t *error_json(int status, const char *field, const char *code, const char *words) {
        const char *type = "invalid_request_error";
        json_t *error = json_object(), *json = json_object();

        if (status == 403)
                type = "permission_error";
        else if (status == 429)
                type = "rate_limit_error";
        else if (status >= 500)
                type = "server_error";
        json_object_set_new(error, "message", string_json(words));
        json_object_set_new(error, "type", json_string(type));
        json_object_set_new(error, "param", field ? string_json(field) : json_null());
        json_object_set_new(error, "code", code ? json_string(code) : json_null());
        json_object_set_new(json, "error", error);
        return json;
}

char *openai_event_error(int status, const char *words) {
        return event_text(error_json(status, NULL, NULL, words));
}

char *openai_error(int status, const char *field, const char *code, const char *words) {
        return json_text(error_json(status, field, code, words));
}

char *openai_error_whispercpp(const char *words) {
        return json_text(json_pack("{so}", "error", string_json(words)));
}

// --- models ----------------------------------------------------------------------------------

static json_t *model_json(const char *name) {
        return json_pack("{sosssIss}", "id", string_json(name), "object", "model", "created",
                         (json_int_t)MODELS_CREATED, "owned_by", "eavesdrop");
}

char *openai_models(const char *const *names) {
        json_t *models = json_array();

        for (; *names; names++)
                json_array_append_new(models, model_json(*names));
        return json_text(json_pack("{ssso}", "object", "list", "data", models));
}

char *openai_model(const char *name) {
        return json_text(model_json(name));
}
