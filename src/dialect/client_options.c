#include "dialect/client_options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dialect/json_text.h"
#include "util/cleanup.h"
#include "util/mem.h"
#include "util/utf8.h"

void client_options_deinit(struct client_options *options) {
        free(options->prompt);
        free(options->hotwords);
        *options = (struct client_options){0};
}

void client_options_apply(const struct client_options *options, struct request *request) {
        if (options->language)
                request->language = options->language;
        if (options->prompt)
                request->prompt = options->prompt;
        if (options->hotwords)
                request->hotwords = options->hotwords;
        if (options->pause > 0)
                request->pause = options->pause;
        if (options->window_max > 0)
                request->window_max = options->window_max;
        request->has_word_times = request->has_word_times || options->wants_words;
        request->wants_partials = request->wants_partials || options->wants_partials;
}

int client_options_set_language(struct client_options *options, const char *text,
                                struct error *error) {
        const char *code = NULL;
        int r = 0;

        if (strcasecmp(text, "multi") == 0)
                code = "";
        else if (text[0])
                r = language_wish(&code, text, error);
        if (r == 0)
                options->language = code;
        return r;
}

static int text_check(const char *text, size_t n, const char *what, struct error *error) {
        for (size_t at = 0, length = strlen(text); at < length;) {
                int step = utf8_step(text + at, length - at);

                if (step < 0)
                        return error_set(error, -EINVAL, "the %s is no UTF-8", what);
                at += (size_t)step;
        }
        if (n > DECODE_TEXT_MAX)
                return error_set(error, -EINVAL, "the %s: longer than %d bytes", what,
                                 DECODE_TEXT_MAX);
        return 0;
}

int client_options_set_prompt(struct client_options *options, const char *text,
                              struct error *error) {
        int r = text_check(text, strlen(text), "prompt", error);

        if (r < 0)
                return r;
        free(options->prompt);
        options->prompt = text[0] ? xstrdup(text) : NULL;
        return 0;
}

int client_options_add_hotword(struct client_options *options, const char *text,
                               struct error *error) {
        const char *before = options->hotwords ? options->hotwords : "";
        char *joined;
        int r = text_check(text, strlen(before) + 1 + strlen(text), "words to be expected",
                           error);

        if (r < 0 || !text[0])
                return r;
        joined = xasprintf("%s%s%s", before, before[0] ? " " : "", text);
        free(options->hotwords);
        options->hotwords = joined;
        return 0;
}

void client_options_clear_hotwords(struct client_options *options) {
        options->hotwords = mem_free(options->hotwords);
}

static float limited(double value, double least, double most) {
        if (isnan(value) || value <= 0)
                return 0;
        return (float)fmin(fmax(value, least), most);
}

void client_options_set_pause(struct client_options *options, double milliseconds) {
        options->pause = limited(milliseconds / 1000, HEARING_PAUSE_MIN, HEARING_PAUSE_MAX);
}

void client_options_set_window(struct client_options *options, double seconds) {
        options->window_max = limited(seconds, HEARING_WINDOW_MIN, HEARING_WINDOW_MAX);
}
