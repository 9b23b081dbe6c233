#include "dialect/assemblyai/wish.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net/http_request.h"
#include "util/mem.h"
#include "util/number.h"

#define RATE_MIN 8000
#define RATE_MAX 96000

static int refuse(struct error *error, const char *name, const char *expected) {
        return error_set(error, -EINVAL, "%s: %s", name, expected);
}

// --- values, which are JSON
// -------------------------------------------------------------------

static int rate_set(struct assemblyai_wish *wish, const json_t *value, struct error *error) {
        double rate = json_number_value(value);

        if (rate < RATE_MIN || rate > RATE_MAX || rate != (unsigned)rate)
                return refuse(error, "sample_rate", "a whole number from 8000 to 96000 (Hz)");
        wish->rate = (unsigned)rate;
        return 0;
}

static int encoding_set(struct assemblyai_wish *wish, const json_t *value,
                        struct error *error) {
        const char *text = json_string_value(value);
        bool is_mulaw = text && strcmp(text, "pcm_mulaw") == 0;

        if (!is_mulaw && !(text && strcmp(text, "pcm_s16le") == 0))
                return refuse(error, "encoding", "pcm_s16le or pcm_mulaw is expected");
        wish->format = is_mulaw ? PCM_MULAW : PCM_S16;
        return 0;
}

static int format_turns_set(struct assemblyai_wish *wish, const json_t *value,
                            struct error *error) {
        (void)error;
        wish->formats_turns = json_is_true(value);
        return 0;
}

static int keyterms_set(struct assemblyai_wish *wish, const json_t *value,
                        struct error *error) {
        const json_t *word;
        size_t i;

        if (!json_is_array(value))
                return refuse(error, "keyterms_prompt", "a list of texts is expected");
        client_options_clear_hotwords(&wish->options);
        json_array_foreach(value, i, word) {
                const char *text = json_string_value(word);

                if (!text)
                        return refuse(error, "keyterms_prompt", "a list of texts is expected");
                if (client_options_add_hotword(&wish->options, text, error) < 0)
                        return -EINVAL;
        }
        return 0;
}

static int prompt_set(struct assemblyai_wish *wish, const json_t *value, struct error *error) {
        const char *text = json_string_value(value);

        return client_options_set_prompt(&wish->options, text ? text : "", error);
}

// One, or several: any of them, which is found.
static int language_set(struct assemblyai_wish *wish, const json_t *value,
                        struct error *error) {
        const char *text = json_string_value(value);

        if (json_array_size(value) == 1)
                text = json_string_value(json_array_get(value, 0));
        else if (json_array_size(value) > 1)
                text = "multi";
        return client_options_set_language(&wish->options, text ? text : "", error);
}

static int min_silence_set(struct assemblyai_wish *wish, const json_t *value,
                           struct error *error) {
        (void)error;
        wish->min_silence = json_number_value(value);
        return 0;
}

static int max_silence_set(struct assemblyai_wish *wish, const json_t *value,
                           struct error *error) {
        (void)error;
        wish->max_silence = json_number_value(value);
        return 0;
}

// How a query has it: a list is JSON, a text stays as it is.
enum kind { VALUE, LIST, TEXT };

static const struct parameter {
        const char *name;
        enum kind kind;
        bool is_fixed;  // it cannot be updated
        int (*set)(struct assemblyai_wish *wish, const json_t *value, struct error *error);
} parameters[] = {
        {"sample_rate", VALUE, true, rate_set},
        {"encoding", VALUE, true, encoding_set},
        {"format_turns", VALUE, false, format_turns_set},
        {"keyterms_prompt", LIST, false, keyterms_set},
        {"prompt", TEXT, false, prompt_set},
        {"language", LIST, false, language_set},
        {"language_code", LIST, false, language_set},
        {"language_codes", LIST, false, language_set},
        {"min_turn_silence", VALUE, false, min_silence_set},
        {"min_end_of_turn_silence_when_confident", VALUE, false, min_silence_set},
        {"max_turn_silence", VALUE, false, max_silence_set},
};

static const struct parameter *parameter_find(const char *name) {
        for (size_t i = 0; i < sizeof(parameters) / sizeof(parameters[0]); i++)
                if (strcmp(parameters[i].name, name) == 0)
                        return &parameters[i];
        return NULL;
}

// How sure we are that somebody has finished is not known, so the shorter one holds.
static void silence_settle(struct assemblyai_wish *wish) {
        client_options_set_pause(&wish->options,
                                 wish->min_silence > 0 ? wish->min_silence : wish->max_silence);
}

// --- the query -------------------------------------------------------------------------------

// Numbers are numbers, Python's booleans come in capitals.
static json_t *value_of(const char *text, enum kind kind) {
        double number;
        const char *end;

        if (kind == LIST && text[0] == '[')
                return json_loads(text, 0, NULL);
        if (kind != VALUE)
                return json_string(text);
        if (strcasecmp(text, "true") == 0 || strcasecmp(text, "false") == 0)
                return json_boolean(strcasecmp(text, "true") == 0);
        end = number_read(text, &number);
        if (text[0] && end && *end == '\0')
                return json_real(number);
        return json_string(text);
}

int assemblyai_wish_read(struct assemblyai_wish *ret, const char *query, struct error *error) {
        char *name, *text;
        int r = 0;

        *ret = (struct assemblyai_wish){.format = PCM_S16, .rate = ASSEMBLYAI_RATE};
        client_options_set_window(&ret->options, ASSEMBLYAI_WINDOW);
        ret->options.wants_words = ret->options.wants_partials = true;
        while (r == 0 && http_request_query_next(&query, &name, &text)) {
                const struct parameter *parameter = parameter_find(name);
                json_t *value = parameter ? value_of(text, parameter->kind) : NULL;

                if (parameter)
                        r = value ? parameter->set(ret, value, error)
                                  : refuse(error, name, "this is no JSON, or no UTF-8");
                json_decref(value);
                free(name);
                free(text);
        }
        silence_settle(ret);
        return r;
}

// --- updates ---------------------------------------------------------------------------------

static struct assemblyai_wish wish_copy(const struct assemblyai_wish *wish) {
        struct assemblyai_wish copy = *wish;

        copy.options.prompt = xstrdup(wish->options.prompt);
        copy.options.hotwords = xstrdup(wish->options.hotwords);
        return copy;
}

int assemblyai_wish_update(struct assemblyai_wish *wish, const json_t *message,
                           struct error *error) {
        struct assemblyai_wish updated = wish_copy(wish);
        const json_t *value;
        const char *name;
        int r = 0;

        json_object_foreach((json_t *)(uintptr_t)message, name, value) {
                const struct parameter *parameter = parameter_find(name);

                if (r == 0 && parameter && !parameter->is_fixed && !json_is_null(value))
                        r = parameter->set(&updated, value, error);
        }
        silence_settle(&updated);
        if (r == 0) {
                struct assemblyai_wish before = *wish;

                *wish = updated;
                updated = before;
        }
        assemblyai_wish_deinit(&updated);
        return r;
}

void assemblyai_wish_deinit(struct assemblyai_wish *wish) {
        client_options_deinit(&wish->options);
}

void assemblyai_wish_apply(const struct assemblyai_wish *wish, struct request *request) {
        request->format = wish->format;
        request->rate = wish->rate;
        client_options_apply(&wish->options, request);
}
