#include "decode/option_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/number.h"

_Static_assert(DECODE_TEXT_MAX == 16384, "the words below name it");

#define AT(field) offsetof(struct decode_options, field)

const struct decode_option decode_option_table[] = {
        {"beam_size", DECODE_OPTION_COUNT, AT(beam_size), 0, DECODE_WIDTH_MAX, 0,
         "a whole number from 0 to 32",
         "texts followed side by side; 1 is greedy; 0: of live text 5 while there is time [0]"},
        {"patience", DECODE_OPTION_NUMBER, AT(patience), 0.01, 100, 0,
         "a number from 0.01 to 100", "beams end when beam_size times this have ended [1]"},
        {"length_penalty", DECODE_OPTION_NUMBER, AT(length_penalty), -10, 10, 0,
         "a number from -10 to 10", "above 0 longer texts win more often [1]"},
        {"best_of", DECODE_OPTION_COUNT, AT(best_of), 1, DECODE_WIDTH_MAX, 0,
         "a whole number from 1 to 32", "samples at temperatures above 0 [5]"},
        {"temperature", DECODE_OPTION_TEMPERATURES, 0, 0, 10, 0,
         "up to 8 numbers from 0 to 10 with commas between them",
         "tried in turn while a text is doubtful [0,0.2,0.4,0.6,0.8,1]"},
        {"compression_ratio_threshold", DECODE_OPTION_NUMBER, AT(compression_ratio_threshold),
         1, 100, INFINITY, "a number from 1 to 100, or off",
         "a text that zlib makes smaller repeats itself [2.4]"},
        {"log_prob_threshold", DECODE_OPTION_NUMBER, AT(log_prob_threshold), -10, 0, -INFINITY,
         "a number from -10 to 0, or off", "a text less probable per token is doubtful [-1]"},
        {"no_speech_threshold", DECODE_OPTION_NUMBER, AT(no_speech_threshold), 0, 1, INFINITY,
         "a number from 0 to 1, or off", "more probably silent windows have no text [0.6]"},
        {"condition_on_previous_text", DECODE_OPTION_SWITCH, AT(condition_on_previous_text), 0,
         1, 0, "true or false", "a window is told the text before it [true]"},
        {"prompt_reset_on_temperature", DECODE_OPTION_NUMBER, AT(prompt_reset_on_temperature),
         0, 10, INFINITY, "a number from 0 to 10, or off",
         "but not text of a higher temperature [0.5]"},
        {"initial_prompt", DECODE_OPTION_TEXT, AT(prompt), 0, DECODE_TEXT_MAX, 0,
         "text of at most 16384 bytes", "text to begin from: names, spelling, style"},
        {"prefix", DECODE_OPTION_TEXT, AT(prefix), 0, DECODE_TEXT_MAX, 0,
         "text of at most 16384 bytes", "how the first text begins; not shown"},
        {"hotwords", DECODE_OPTION_TEXT, AT(hotwords), 0, DECODE_TEXT_MAX, 0,
         "words, at most 16384 bytes", "words that are likely to be said"},
        {"suppress_blank", DECODE_OPTION_SWITCH, AT(suppress_blank), 0, 1, 0, "true or false",
         "a text does not begin with a blank [true]"},
        {"suppress_tokens", DECODE_OPTION_TOKENS, 0, -1, 51865, 0,
         "up to 64 whole numbers from -1 to 51865 with commas between them",
         "tokens that are never said; -1: all symbols [-1]"},
        {"without_timestamps", DECODE_OPTION_CHOICE, AT(without_timestamps), 0, 1, 0,
         "true or false", "the model tells no times"},
        {"max_initial_timestamp", DECODE_OPTION_NUMBER, AT(max_initial_timestamp), 0, 30, 0,
         "a number from 0 to 30", "latest beginning of the first segment, seconds [1]"},
        {"max_new_tokens", DECODE_OPTION_COUNT, AT(max_new_tokens), 0, 448, 0,
         "a whole number from 0 to 448", "longest text of a window; 0: as fits [0]"},
        {"repetition_penalty", DECODE_OPTION_NUMBER, AT(repetition_penalty), 0.1, 10, 0,
         "a number from 0.1 to 10", "above 1 what was said is less likely again [1]"},
        {"no_repeat_ngram_size", DECODE_OPTION_COUNT, AT(no_repeat_ngram_size), 0, 448, 0,
         "a whole number from 0 to 448", "so many tokens never come twice; 0: off [0]"},
        {"word_timestamps", DECODE_OPTION_CHOICE, AT(word_timestamps), 0, 1, 0, "true or false",
         "find when each word was said"},
        {"hallucination_silence_threshold", DECODE_OPTION_NUMBER,
         AT(hallucination_silence_threshold), 0, 30, INFINITY, "a number from 0 to 30, or off",
         "skip longer silences around made-up words, seconds [off]"},
        {"prepend_punctuations", DECODE_OPTION_TEXT, AT(prepend_punctuations), 0, 256, 0,
         "signs, at most 256 bytes", "signs that belong to the word after them"},
        {"append_punctuations", DECODE_OPTION_TEXT, AT(append_punctuations), 0, 256, 0,
         "signs, at most 256 bytes", "signs that belong to the word before them"},
        {"multilingual", DECODE_OPTION_CHOICE, AT(multilingual), 0, 1, 0, "true or false",
         "detect the language of each window anew"},
        {"language_detection_segments", DECODE_OPTION_COUNT, AT(language_detection_segments), 1,
         4, 0, "a whole number from 1 to 4", "windows to detect a file's language by [1]"},
        {"language_detection_threshold", DECODE_OPTION_NUMBER, AT(language_detection_threshold),
         0, 1, 0, "a number from 0 to 1", "a more probable language is taken at once [0.5]"},
        {0},
};

const char *const *decode_option_choices(const struct decode_option *option) {
        static const char *const names[] = {"false", "true", NULL};

        return option->kind == DECODE_OPTION_SWITCH || option->kind == DECODE_OPTION_CHOICE
                       ? names
                       : NULL;
}

const char *decode_option_argument(const struct decode_option *option) {
        switch (option->kind) {
        case DECODE_OPTION_COUNT:
                return "N";
        case DECODE_OPTION_NUMBER:
                return option->off != 0 ? "NUMBER|off" : "NUMBER";
        case DECODE_OPTION_TEXT:
                return "TEXT";
        case DECODE_OPTION_TEMPERATURES:
        case DECODE_OPTION_TOKENS:
                return "LIST";
        case DECODE_OPTION_SWITCH:
        case DECODE_OPTION_CHOICE:
                break;
        }
        return "[=true|false]";
}

const char *decode_option_separator(const struct decode_option *option) {
        if (option->kind == DECODE_OPTION_TEMPERATURES || option->kind == DECODE_OPTION_TOKENS)
                return ",";
        return option->offset == AT(hotwords) ? " " : NULL;
}

const struct decode_option *decode_option_find(const char *name) {
        for (const struct decode_option *option = decode_option_table; option->name; option++)
                if (strcmp(option->name, name) == 0)
                        return option;
        return NULL;
}

// --- Values ----------------------------------------------------------------------------------

// A number of the option's range at the beginning of the text; *ret_end is behind it.
static bool value_read(const struct decode_option *option, const char *text, double *ret,
                       const char **ret_end) {
        *ret_end = number_read(text, ret);
        return *ret_end && *ret >= option->least && *ret <= option->most;
}

static bool whole_number_read(const struct decode_option *option, const char *text, double *ret,
                              const char **ret_end) {
        return value_read(option, text, ret, ret_end) && *ret == trunc(*ret) &&
               !memchr(text, '.', (size_t)(*ret_end - text));
}

// Whatever follows a list's item: true when there is another one, which *text is set to.
static bool list_goes_on(const char **text) {
        *text += strspn(*text, " ");
        if (**text != ',')
                return false;
        *text += 1;
        *text += strspn(*text, " ");
        return true;
}

static bool temperatures_set(const struct decode_option *option, struct decode_options *options,
                             const char *value) {
        float temperatures[DECODE_TEMPERATURES_MAX];
        size_t n = 0;

        do {
                double number;

                if (n == DECODE_TEMPERATURES_MAX || !value_read(option, value, &number, &value))
                        return false;
                temperatures[n++] = (float)number;
        } while (list_goes_on(&value));
        if (*value != '\0')
                return false;
        memcpy(options->temperatures, temperatures, n * sizeof(temperatures[0]));
        options->n_temperatures = n;
        return true;
}

static bool tokens_set(const struct decode_option *option, struct decode_options *options,
                       const char *value) {
        int32_t tokens[DECODE_SUPPRESSED_MAX];
        size_t n = 0;

        // An empty list suppresses nothing but what never is text.
        if (value[0] != '\0') {
                do {
                        double number;

                        if (n == DECODE_SUPPRESSED_MAX ||
                            !whole_number_read(option, value, &number, &value))
                                return false;
                        tokens[n++] = (int32_t)number;
                } while (list_goes_on(&value));
        }
        if (*value != '\0')
                return false;
        memcpy(options->suppress_tokens, tokens, n * sizeof(tokens[0]));
        options->n_suppress_tokens = n;
        return true;
}

static bool switch_read(const char *value, bool *ret) {
        *ret = strcmp(value, "true") == 0;
        return *ret || strcmp(value, "false") == 0;
}

static bool text_set(const struct decode_option *option, char **place, const char *value) {
        if ((double)strlen(value) > option->most)
                return false;
        free(*place);
        *place = xstrdup(value);
        return true;
}

static bool float_set(const struct decode_option *option, float *place, const char *value) {
        double number = option->off;
        const char *end = "";

        if (!(number != 0 && strcmp(value, "off") == 0) &&
            (!value_read(option, value, &number, &end) || *end != '\0'))
                return false;
        *place = (float)number;
        return true;
}

static bool count_set(const struct decode_option *option, unsigned *place, const char *value) {
        const char *end;
        double number;

        if (!whole_number_read(option, value, &number, &end) || *end != '\0')
                return false;
        *place = (unsigned)number;
        return true;
}

bool decode_option_set(const struct decode_option *option, struct decode_options *options,
                       const char *value) {
        void *place = (char *)options + option->offset;
        bool is_on;

        switch (option->kind) {
        case DECODE_OPTION_SWITCH:
                if (!switch_read(value, &is_on))
                        return false;
                *(bool *)place = is_on;
                return true;
        case DECODE_OPTION_CHOICE:
                if (!switch_read(value, &is_on))
                        return false;
                *(enum decode_choice *)place = is_on ? DECODE_YES : DECODE_NO;
                return true;
        case DECODE_OPTION_COUNT:
                return count_set(option, place, value);
        case DECODE_OPTION_NUMBER:
                return float_set(option, place, value);
        case DECODE_OPTION_TEXT:
                return text_set(option, place, value);
        case DECODE_OPTION_TEMPERATURES:
                return temperatures_set(option, options, value);
        case DECODE_OPTION_TOKENS:
                return tokens_set(option, options, value);
        }
        return false;
}

// --- Wishes ----------------------------------------------------------------------------------

void decode_wishes_add(struct decode_wishes *wishes, const struct decode_option *option,
                       const char *value) {
        struct decode_wish *grown = xcalloc(wishes->n + 1, sizeof(*grown));

        if (wishes->n > 0)
                memcpy(grown, wishes->items, wishes->n * sizeof(*grown));
        free(wishes->items);
        grown[wishes->n++] = (struct decode_wish){option, xstrdup(value)};
        wishes->items = grown;
}

void decode_wishes_apply(const struct decode_wishes *wishes, struct decode_options *options) {
        for (size_t i = 0; i < wishes->n; i++)
                decode_option_set(wishes->items[i].option, options, wishes->items[i].value);
}

void decode_wishes_deinit(struct decode_wishes *wishes) {
        for (size_t i = 0; i < wishes->n; i++)
                free(wishes->items[i].value);
        free(wishes->items);
        *wishes = (struct decode_wishes){0};
}
