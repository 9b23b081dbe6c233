#include "config/setting.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/number.h"

static const char *const switch_names[] = {"false", "true", NULL};
static const char *const switch_words[] = {"off", "on", NULL};  // that will do as well

// --- finding ---------------------------------------------------------------------------------

const struct setting *setting_find(unsigned applies, const char *name) {
        for (const struct setting *setting = setting_table; setting->name; setting++)
                if ((setting->applies & applies) && strcmp(setting->name, name) == 0)
                        return setting;
        return NULL;
}

// The key of a setting in a section, as long as *ret_n. NULL when it is not in there, or
// deeper.
static const char *key_in(const struct setting *setting, const char *section) {
        size_t n = strlen(section);
        const char *key = setting->name;

        if (n > 0 && (strncmp(key, section, n) != 0 || key[n] != '.'))
                return NULL;
        key += n > 0 ? n + 1 : 0;
        return strchr(key, '.') ? NULL : key;
}

size_t setting_keys(unsigned applies, const char *section, const char *ret[SETTINGS_MAX]) {
        size_t n = 0;

        for (const struct setting *setting = setting_table; setting->name; setting++) {
                const char *key = key_in(setting, section);

                if (key && (setting->applies & applies) && n < SETTINGS_MAX - 1)
                        ret[n++] = key;
        }
        ret[n] = NULL;
        return n;
}

bool setting_is_named(const struct setting *setting) {
        return setting->kind == SETTING_STREAMS || setting->kind == SETTING_ALERTS ||
               setting->kind == SETTING_SINKS || setting->kind == SETTING_TOKENS;
}

bool setting_is_same(const struct setting *setting, const struct setting *other) {
        return setting->size > 0 && setting->owner == other->owner &&
               setting->offset == other->offset && other->size > 0;
}

// --- values ----------------------------------------------------------------------------------

// Position of the value among the choices, or -1.
static int choice_find(const char *const *choices, const char *value) {
        for (int i = 0; choices[i]; i++)
                if (strcmp(choices[i], value) == 0)
                        return i;
        return -1;
}

static bool number_is_whole(const char *text, const char *end, double number) {
        return number == trunc(number) && !memchr(text, '.', (size_t)(end - text));
}

static bool is_in_range(const struct setting *setting, double number) {
        return number >= setting->least && number <= setting->most;
}

// One number of the setting's kind and range at the beginning of the text; *ret_end is behind.
static bool item_read(const struct setting *setting, const char *text, double *ret,
                      const char **ret_end) {
        bool is_whole = setting->kind == SETTING_COUNT || setting->kind == SETTING_COUNTS;

        *ret_end = number_read(text, ret);
        return *ret_end && is_in_range(setting, *ret) &&
               (!is_whole || number_is_whole(text, *ret_end, *ret));
}

// One number, or the word that stands for one.
static bool number_read_whole(const struct setting *setting, const char *value, double *ret) {
        const char *end = "";
        uint64_t bytes;

        if (setting->word && strcmp(value, setting->word) == 0) {
                *ret = setting->word_value;
                return true;
        }
        if (setting->kind == SETTING_TIME)
                return seconds_read(value, ret) && is_in_range(setting, *ret);
        if (setting->kind != SETTING_SIZE)
                return item_read(setting, value, ret, &end) && *end == '\0';
        // No size is so large that a double would not be exact.
        if (!size_read(value, &bytes))
                return false;
        *ret = (double)bytes;
        return is_in_range(setting, *ret);
}

static bool number_set(const struct setting *setting, void *place, const char *value) {
        double number;

        if (!number_read_whole(setting, value, &number))
                return false;
        if (setting->kind == SETTING_SIZE)
                *(uint64_t *)place = (uint64_t)number;
        else if (setting->kind == SETTING_COUNT)
                *(int *)place = (int)number;
        else if (setting->size == sizeof(float))
                *(float *)place = (float)number;
        else
                *(double *)place = number;
        return true;
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

static bool list_set(const struct setting *setting, void *place, size_t *n_items,
                     const char *value) {
        double items[SETTING_ITEMS_MAX];
        size_t n = 0;

        // A list of counts may be empty; of numbers there is at least one.
        if (value[0] != '\0' || setting->kind == SETTING_NUMBERS) {
                do {
                        if (n == setting->items_max ||
                            !item_read(setting, value, &items[n], &value))
                                return false;
                        n++;
                } while (list_goes_on(&value));
        }
        if (*value != '\0')
                return false;
        for (size_t i = 0; i < n; i++) {
                if (setting->kind == SETTING_NUMBERS)
                        ((float *)place)[i] = (float)items[i];
                else
                        ((int32_t *)place)[i] = (int32_t)items[i];
        }
        *n_items = n;
        return true;
}

static bool choice_set(const struct setting *setting, void *place, const char *value) {
        int choice = choice_find(setting_choices(setting), value);

        if (choice < 0 && setting->kind == SETTING_SWITCH)
                choice = choice_find(switch_words, value);
        if (choice < 0)
                return false;
        if (setting->size == sizeof(bool))
                *(bool *)place = choice == 1;
        else
                *(int *)place = choice;
        return true;
}

static bool text_set(const struct setting *setting, char **place, const char *value) {
        bool is_good = (double)strlen(value) <= setting->most &&
                       (setting->kind != SETTING_PATH || value[0] != '\0') &&
                       (!setting->is_good || setting->is_good(value));

        if (!is_good)
                return false;
        free(*place);
        *place = xstrdup(value);
        return true;
}

// Keep the words with blanks between; commas may stand for blanks.
static bool words_set(const struct setting *setting, char **place, const char *value) {
        CLEANUP(mem_freep) char *copy = xstrdup(value);
        CLEANUP(mem_freep) char *joined = NULL;
        char *rest = copy, *word;

        while ((word = strsep(&rest, ", \t"))) {
                CLEANUP(mem_freep) char *before = TAKE(joined);

                if (word[0] != '\0' && !setting->is_good(word))
                        return false;
                joined = word[0] == '\0' ? TAKE(before)
                         : before        ? xasprintf("%s %s", before, word)
                                         : xstrdup(word);
        }
        if (setting->most > 0 && joined && (double)strlen(joined) > setting->most)
                return false;
        free(*place);
        *place = TAKE(joined);
        return true;
}

static bool code_set(const struct setting *setting, char *place, const char *value) {
        const char *code = setting->resolve(value);

        if (code)
                snprintf(place, setting->size, "%s", code);
        return code;
}

bool setting_set(const struct setting *setting, const struct setting_target *target,
                 const char *value) {
        char *owner = target->owners[setting->owner];
        void *place;

        if (!owner)
                return false;
        place = owner + setting->offset;
        switch (setting->kind) {
        case SETTING_SWITCH:
        case SETTING_CHOICE:
                return choice_set(setting, place, value);
        case SETTING_COUNT:
        case SETTING_NUMBER:
        case SETTING_TIME:
        case SETTING_SIZE:
                return number_set(setting, place, value);
        case SETTING_TEXT:
        case SETTING_PATH:
        case SETTING_URL:
                return text_set(setting, place, value);
        case SETTING_WORDS:
                return words_set(setting, place, value);
        case SETTING_CODE:
                return code_set(setting, place, value);
        case SETTING_NUMBERS:
        case SETTING_COUNTS:
                return list_set(setting, place, (size_t *)(void *)(owner + setting->n_offset),
                                value);
        case SETTING_SECTION:
        case SETTING_STREAMS:
        case SETTING_ALERTS:
        case SETTING_SINKS:
        case SETTING_TOKENS:
                break;
        }
        return false;
}

void setting_presets_apply(unsigned applies, const struct setting_target *target) {
        for (const struct setting *setting = setting_table; setting->name; setting++)
                if ((setting->applies & applies) && setting->preset)
                        setting_set(setting, target, setting->preset);
}

void setting_texts_free(enum setting_owner owner, void *place) {
        for (const struct setting *setting = setting_table; setting->name; setting++)
                if (setting->owner == owner &&
                    (setting->kind == SETTING_TEXT || setting->kind == SETTING_PATH ||
                     setting->kind == SETTING_WORDS || setting->kind == SETTING_URL))
                        free(*(char **)(void *)((char *)place + setting->offset));
}

// --- what changed ----------------------------------------------------------------------------

static bool texts_are_equal(const char *left, const char *right) {
        return left && right ? strcmp(left, right) == 0 : left == right;
}

static bool lists_are_equal(const struct setting *setting, const char *left,
                            const char *right) {
        size_t n = *(const size_t *)(const void *)(left + setting->n_offset);
        size_t item = setting->size / setting->items_max;

        return n == *(const size_t *)(const void *)(right + setting->n_offset) &&
               memcmp(left + setting->offset, right + setting->offset, n * item) == 0;
}

bool setting_is_equal(const struct setting *setting, const struct setting_target *left,
                      const struct setting_target *right) {
        const char *left_owner = left->owners[setting->owner];
        const char *right_owner = right->owners[setting->owner];
        const void *a = left_owner + setting->offset, *b = right_owner + setting->offset;

        switch (setting->kind) {
        case SETTING_TEXT:
        case SETTING_PATH:
        case SETTING_WORDS:
        case SETTING_URL:
                return texts_are_equal(*(char *const *)a, *(char *const *)b);
        case SETTING_CODE:
                return strncmp(a, b, setting->size) == 0;
        case SETTING_NUMBERS:
        case SETTING_COUNTS:
                return lists_are_equal(setting, left_owner, right_owner);
        case SETTING_SWITCH:
        case SETTING_CHOICE:
        case SETTING_COUNT:
        case SETTING_NUMBER:
        case SETTING_TIME:
        case SETTING_SIZE:
                return memcmp(a, b, setting->size) == 0;
        case SETTING_SECTION:
        case SETTING_STREAMS:
        case SETTING_ALERTS:
        case SETTING_SINKS:
        case SETTING_TOKENS:
                break;
        }
        return true;
}

bool setting_needs_restart(const struct setting *setting) {
        if (setting_is_named(setting) && setting->kind != SETTING_STREAMS)
                return !setting->is_live;
        return (setting->applies & SETTING_SERVER) && setting->owner == SETTING_IN_CONFIG &&
               setting->size > 0 && !setting->is_live;
}

// --- words -----------------------------------------------------------------------------------

const char *const *setting_choices(const struct setting *setting) {
        return setting->kind == SETTING_SWITCH ? switch_names : setting->choices;
}

const char *setting_separator(const struct setting *setting) {
        if (setting->kind == SETTING_NUMBERS || setting->kind == SETTING_COUNTS)
                return ",";
        return setting->kind == SETTING_WORDS ? " " : setting->list;
}

// A number of the setting's kind as people write it; the caller frees it.
static char *number_words(const struct setting *setting, double number) {
        if (setting->kind == SETTING_TIME)
                return seconds_words(number);
        if (setting->kind == SETTING_SIZE)
                return size_words((uint64_t)number);
        return xasprintf("%.10g", number);
}

// "NOUN from LEAST to MOST TAIL".
static char *range_words(const struct setting *setting, const char *noun, const char *tail) {
        CLEANUP(mem_freep) char *least = number_words(setting, setting->least);
        CLEANUP(mem_freep) char *most = number_words(setting, setting->most);
        const char *zero = setting->least == 0 ? setting->zero : NULL;

        return xasprintf("%s from %s%s%s%s to %s%s%s%s", noun, least, zero ? " (" : "",
                         zero ? zero : "", zero ? ")" : "", most, tail,
                         setting->word ? ", or " : "", setting->word ? setting->word : "");
}

char *setting_join(const char *const *names, const char *between, const char *last) {
        char *joined = xstrdup("");

        for (size_t i = 0; names[i]; i++) {
                CLEANUP(mem_freep) char *before = joined;
                const char *separator = names[i + 1] ? between : last;

                joined = xasprintf("%s%s%s", before, i > 0 ? separator : "", names[i]);
        }
        return joined;
}

// What a number, or a list of them, is called in mistakes and in --help.
static const struct {
        const char *noun, *argument;
} number_names[] = {
        [SETTING_COUNT] = {"a whole number", "N"}, [SETTING_NUMBER] = {"a number", "NUMBER"},
        [SETTING_TIME] = {"a time", "TIME"},       [SETTING_SIZE] = {"a size", "SIZE"},
        [SETTING_NUMBERS] = {"numbers", "LIST"},   [SETTING_COUNTS] = {"whole numbers", "LIST"},
        [SETTING_TOKENS] = {NULL, NULL},  // the last kind
};

char *setting_expected(const struct setting *setting) {
        const char *noun = number_names[setting->kind].noun;
        CLEANUP(mem_freep) char *nouns = NULL;

        if (setting->expected)
                return xstrdup(setting->expected);
        if (setting->kind == SETTING_SWITCH)
                return xstrdup("true or false");
        if (setting->kind == SETTING_CHOICE)
                return setting_join(setting->choices, ", ", " or ");
        if (!noun)
                return xasprintf("text of at most %.10g bytes", setting->most);
        if (setting->items_max == 0)
                return range_words(setting, noun, "");
        nouns = xasprintf("up to %zu %s", setting->items_max, noun);
        return range_words(setting, nouns, " with commas between them");
}

char *setting_argument(const struct setting *setting) {
        const char *argument = number_names[setting->kind].argument;

        if (setting->argument)
                return xstrdup(setting->argument);
        if (setting->kind == SETTING_SWITCH)
                return xstrdup("[=true|false]");
        if (setting->kind == SETTING_CHOICE)
                return setting_join(setting->choices, "|", "|");
        return xasprintf("%s%s%s", argument ? argument : "TEXT", setting->word ? "|" : "",
                         setting->word ? setting->word : "");
}

char *setting_variable(const struct setting *setting) {
        char *variable;

        if (!(setting->applies & SETTING_SERVER) || setting->kind == SETTING_SECTION ||
            setting_is_named(setting))
                return NULL;
        variable = xasprintf("EAVESDROP_%s", setting->name);
        for (char *place = variable; *place; place++)
                *place = (char)(*place == '.' ? '_' : toupper((unsigned char)*place));
        return variable;
}

char *setting_option(const struct setting *setting) {
        static const char implied[] = "decoding.";  // whoever names beam_size means these
        bool is_implied = strncmp(setting->name, implied, strlen(implied)) == 0;
        char *option = xstrdup(setting->name + (is_implied ? strlen(implied) : 0));

        for (char *place = option; *place; place++)
                if (*place == '.' || *place == '_')
                        *place = '-';
        return option;
}

// --- values to be set later ------------------------------------------------------------------

void setting_values_add(struct setting_values *values, const struct setting *setting,
                        const char *text) {
        values->items = xrealloc_array(values->items, values->n + 1, sizeof(*values->items));
        values->items[values->n++] = (struct setting_value){setting, xstrdup(text)};
}

void setting_values_apply(const struct setting_values *values,
                          const struct setting_target *target) {
        for (size_t i = 0; i < values->n; i++)
                setting_set(values->items[i].setting, target, values->items[i].text);
}

void setting_values_deinit(struct setting_values *values) {
        for (size_t i = 0; i < values->n; i++)
                free(values->items[i].text);
        free(values->items);
        *values = (struct setting_values){0};
}
