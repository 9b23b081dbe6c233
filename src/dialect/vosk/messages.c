#include "dialect/vosk/messages.h"

#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "dialect/json_text.h"
#include "dialect/written_words.h"
#include "util/mem.h"

// --- what clients say ------------------------------------------------------------------------

// "[unk]" stands for all other words in Vosk's lists, which are no limit here.
static int phrases_read(const json_t *object, struct client_options *options,
                        struct error *error) {
        const json_t *phrases = json_object_get(object, "phrase_list");
        int r = 0;

        if (phrases && !json_is_array(phrases) && !json_is_null(phrases))
                return error_set(error, DIALECT_E_TYPE,
                                 "'phrase_list': expected a list of strings");
        if (json_is_array(phrases))
                client_options_clear_hotwords(options);
        for (size_t i = 0; i < json_array_size(phrases) && r == 0; i++) {
                const char *word = json_string_value(json_array_get(phrases, i));

                if (!word)
                        return error_set(error, DIALECT_E_TYPE,
                                         "'phrase_list': expected a list of strings");
                if (strcmp(word, "[unk]") != 0)
                        r = client_options_add_hotword(options, word, error);
        }
        return r;
}

static int config_read(struct vosk_config *config, const json_t *object, struct error *error) {
        double rate = config->rate;
        int64_t alternatives = config->wants_list;
        int r = json_read_number(object, "sample_rate", VOSK_RATE_MIN, VOSK_RATE_MAX, &rate,
                                 error);

        if (r == 0)
                r = json_read_bool(object, "words", &config->options.wants_words, error);
        if (r == 0)
                r = json_read_integer(object, "max_alternatives", 0, VOSK_ALTERNATIVES_MAX,
                                      &alternatives, error);
        if (r == 0)
                r = phrases_read(object, &config->options, error);
        config->rate = (unsigned)rate;
        config->wants_list = alternatives > 0;
        return r;
}

// Stock clients say 1, others true.
static bool is_asked(const json_t *object, const char *key) {
        const json_t *value = json_object_get(object, key);

        return json_is_number(value) ? json_number_value(value) != 0 : json_is_true(value);
}

static int message_read(enum vosk_type *ret, struct vosk_config *config, const json_t *object,
                        struct error *error) {
        const json_t *inner = json_object_get(object, "config");

        *ret = VOSK_OTHER;
        if (is_asked(object, "eof")) {
                *ret = VOSK_EOF;
        } else if (is_asked(object, "reset")) {
                *ret = VOSK_RESET;
        } else if (inner) {
                *ret = VOSK_CONFIG;
                if (!json_is_object(inner))
                        return error_set(error, DIALECT_E_TYPE, "'config': expected an object");
                return config_read(config, inner, error);
        }
        return 0;
}

int vosk_message_parse(enum vosk_type *ret, struct vosk_config *config, const char *text,
                       size_t n, struct error *error) {
        json_t *object = NULL;
        int r = json_object_parse(&object, text, n, error);

        if (r == 0)
                r = message_read(ret, config, object, error);
        json_decref(object);
        return r;
}

void vosk_config_deinit(struct vosk_config *config) {
        client_options_deinit(&config->options);
        *config = (struct vosk_config){0};
}

// --- what we say -----------------------------------------------------------------------------

// Vosk's text has no blank in front.
static const char *trimmed(const char *text) {
        return text + strspn(text, " ");
}

static char *text_finish(struct json_text *text, size_t *ret_n) {
        json_text_close(text, '}');
        return json_text_finish(text, ret_n);
}

char *vosk_encode_partial(const char *text, size_t *ret_n) {
        struct json_text answer = {0};

        json_text_open(&answer, NULL, '{');
        json_text_string(&answer, "partial", trimmed(text));
        return text_finish(&answer, ret_n);
}

static int64_t milliseconds(int64_t position) {
        return position <= 0 ? 0 : (position * 1000 + AUDIO_RATE / 2) / AUDIO_RATE;
}

static void word_write(struct json_text *answer, const struct hypothesis_word *word,
                       int64_t origin) {
        json_text_open(answer, NULL, '{');
        json_text_real(answer, "conf", word->probability);
        json_text_seconds(answer, "start", milliseconds(word->begin - origin));
        json_text_seconds(answer, "end", milliseconds(word->end - origin));
        json_text_string(answer, "word", trimmed(word->text));
        json_text_close(answer, '}');
}

static void words_write(struct json_text *answer, const struct segment *const *finals,
                        size_t n_finals, int64_t origin) {
        json_text_open(answer, "result", '[');
        for (size_t i = 0; i < n_finals; i++) {
                size_t n;
                struct hypothesis_word *words = written_words(finals[i], &n);

                for (size_t j = 0; j < n; j++)
                        word_write(answer, &words[j], origin);
                hypothesis_words_free(words, n);
        }
        json_text_close(answer, ']');
}

// The segments' text behind one another.
static char *text_join(const struct segment *const *finals, size_t n_finals) {
        size_t n = 0;
        char *joined;

        for (size_t i = 0; i < n_finals; i++)
                n += strlen(finals[i]->text);
        joined = xcalloc(n + 1, 1);
        n = 0;
        for (size_t i = 0; i < n_finals; i++) {
                size_t length = strlen(finals[i]->text);

                memcpy(joined + n, finals[i]->text, length);
                n += length;
        }
        return joined;
}

char *vosk_encode_result(const struct vosk_config *config, const struct segment *const *finals,
                         size_t n_finals, int64_t origin, size_t *ret_n) {
        CLEANUP(mem_freep) char *text = text_join(finals, n_finals);
        struct json_text answer = {0};

        json_text_open(&answer, NULL, '{');
        if (config->wants_list) {
                json_text_open(&answer, "alternatives", '[');
                json_text_open(&answer, NULL, '{');
                json_text_real(&answer, "confidence", 1);
        }
        // As Vosk: no list where there is nothing to list.
        if (config->options.wants_words && n_finals > 0)
                words_write(&answer, finals, n_finals, origin);
        json_text_string(&answer, "text", trimmed(text));
        if (config->wants_list) {
                json_text_close(&answer, '}');
                json_text_close(&answer, ']');
        }
        return text_finish(&answer, ret_n);
}
