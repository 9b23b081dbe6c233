#include "config/effective.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/reader.h"
#include "util/mem.h"
#include "util/number.h"
#include "util/redact.h"
#include "util/utf8.h"

// --- values ----------------------------------------------------------------------------------

static json_t *text_json(const char *text) {
        CLEANUP(mem_freep) char *repaired = NULL;
        json_t *json = json_string(text);

        if (json)
                return json;
        repaired = utf8_repair(text, strlen(text));
        return json_string(repaired ? repaired : UTF8_REPLACEMENT);
}

// A list's items, which have that separator between them.
static json_t *list_json(const char *text, const char *separator) {
        CLEANUP(mem_freep) char *copy = xstrdup(text);
        json_t *list = json_array();
        char *rest = copy, *item;

        while ((item = strsep(&rest, separator)))
                json_array_append_new(list, text_json(item));
        return list;
}

// A text without its secrets. NULL: nothing is set.
static json_t *words_json(const struct setting *setting, const char *text) {
        const char *separator = setting_separator(setting);
        CLEANUP(mem_freep) char *redacted = NULL;

        if (!text)
                return NULL;
        if (setting->is_secret)
                return json_string(EFFECTIVE_SECRET);
        redacted = setting->kind == SETTING_URL ? redact_value(text) : redact_urls(text);
        return separator && strcmp(separator, "\n") == 0 ? list_json(redacted, separator)
                                                         : text_json(redacted);
}

static json_t *switch_json(const struct setting *setting, const void *place) {
        int choice = setting->size == sizeof(bool) ? *(const bool *)place : *(const int *)place;

        return choice < 0 ? NULL : json_boolean(choice == DECODE_YES);
}

static json_t *choice_json(const struct setting *setting, const void *place) {
        int choice = *(const int *)place;

        return choice < 0 ? NULL : json_string(setting->choices[choice]);
}

// A float as the shortest decimal that is it.
static double float_widen(float value) {
        char text[32];

        snprintf(text, sizeof(text), "%.7g", (double)value);
        return strtod(text, NULL);
}

static double number_at(const struct setting *setting, const void *place) {
        if (setting->kind == SETTING_SIZE)
                return (double)*(const uint64_t *)place;
        if (setting->kind == SETTING_COUNT)
                return *(const int *)place;
        return setting->size == sizeof(float) ? float_widen(*(const float *)place)
                                              : *(const double *)place;
}

static json_t *real_json(double number) {
        return number == (double)(json_int_t)number ? json_integer((json_int_t)number)
                                                    : json_real(number);
}

static json_t *number_json(const struct setting *setting, const void *place) {
        double number = number_at(setting, place);
        CLEANUP(mem_freep) char *words = NULL;

        if (setting->word && number == setting->word_value)
                return json_string(setting->word);
        if (setting->kind == SETTING_COUNT || setting->kind == SETTING_NUMBER)
                return real_json(number);
        words = setting->kind == SETTING_SIZE ? size_words((uint64_t)number)
                                              : seconds_words(number);
        return json_string(words);
}

static json_t *numbers_json(const struct setting *setting, const void *place, size_t n) {
        json_t *list = json_array();

        for (size_t i = 0; i < n; i++)
                json_array_append_new(
                        list, setting->kind == SETTING_NUMBERS
                                      ? real_json(float_widen(((const float *)place)[i]))
                                      : json_integer(((const int32_t *)place)[i]));
        return list;
}

// An empty code is what the default stands for.
static json_t *code_json(const struct setting *setting, const char *code) {
        return text_json(code[0] || !setting->preset ? code : setting->preset);
}

// The value of a setting whose owner is there. NULL: it has none.
static json_t *value_json(const struct setting *setting, const char *owner) {
        const void *place = owner + setting->offset;

        switch (setting->kind) {
        case SETTING_SWITCH:
                return switch_json(setting, place);
        case SETTING_CHOICE:
                return choice_json(setting, place);
        case SETTING_COUNT:
        case SETTING_NUMBER:
        case SETTING_TIME:
        case SETTING_SIZE:
                return number_json(setting, place);
        case SETTING_TEXT:
        case SETTING_PATH:
        case SETTING_URL:
        case SETTING_WORDS:
                return words_json(setting, *(char *const *)place);
        case SETTING_CODE:
                return code_json(setting, place);
        case SETTING_NUMBERS:
        case SETTING_COUNTS:
                return numbers_json(setting, place,
                                    *(const size_t *)(const void *)(owner + setting->n_offset));
        default:
                return NULL;
        }
}

// --- mappings --------------------------------------------------------------------------------

// Where the settings' values are; owners that are NULL have none here.
struct places {
        const char *owners[SETTING_OWNERS];
        const struct setting_values *given;  // settings in a request that count; NULL: all
};

static bool is_given(const struct places *places, const struct setting *setting) {
        const struct setting_values *given = places->given;

        if (!given || setting->owner != SETTING_IN_REQUEST)
                return true;
        for (size_t i = 0; i < given->n; i++)
                if (given->items[i].setting == setting)
                        return true;
        return false;
}

static json_t *mapping_json(const struct config *config, unsigned applies, const char *section,
                            const struct places *places);

static json_t *item_json(const struct config *config, const struct config_named *named,
                         const char *item) {
        CLEANUP(request_defaults_deinit) struct request_defaults defaults = {0};
        struct places places = {{[0] = NULL}, NULL};
        json_t *json;

        places.owners[named->owner] = item;
        if (named->applies == SETTING_STREAM) {
                const struct stream_config *stream = (const void *)item;

                defaults = config_stream_defaults(config, stream);
                places.owners[SETTING_IN_REQUEST] = (const char *)&defaults;
                places.given = &stream->values;
        }
        json = mapping_json(config, named->applies, "", &places);
        // Whoever says it says that there are such; the default is silent.
        if (named->applies == SETTING_SINK &&
            !((const struct sink_config *)(const void *)item)->names_sessions)
                json_object_del(json, "sessions");
        return json;
}

static json_t *named_json(const struct config *config, const struct setting *setting) {
        struct config_named named = config_named_items(config, setting);
        json_t *json = json_object();

        for (size_t i = 0; i < named.n; i++) {
                const char *item = named.items + i * named.size;

                json_object_set_new(json, *(char *const *)(const void *)item,
                                    item_json(config, &named, item));
        }
        return json;
}

// Tokens are a list: their names are values like others.
static json_t *tokens_json(const struct config *config) {
        json_t *list = json_array();

        for (size_t i = 0; i < config->auth.n_tokens; i++) {
                struct places places = {
                        {[SETTING_IN_TOKEN] = (const char *)&config->auth.tokens[i]}, NULL};

                json_array_append_new(list, mapping_json(config, SETTING_TOKEN, "", &places));
        }
        return list;
}

// One key; NULL: there is nothing in it. NOLINTNEXTLINE(misc-no-recursion)
static json_t *key_json(const struct config *config, unsigned applies,
                        const struct setting *setting, const struct places *places) {
        json_t *json;

        if (setting->kind == SETTING_TOKENS)
                return config->auth.n_tokens ? tokens_json(config) : NULL;
        if (setting_is_named(setting))
                json = named_json(config, setting);
        else if (setting->kind == SETTING_SECTION)
                json = mapping_json(config, applies, setting->name, places);
        else if (places->owners[setting->owner] && is_given(places, setting))
                return value_json(setting, places->owners[setting->owner]);
        else
                return NULL;
        if (json_object_size(json) > 0)
                return json;
        json_decref(json);
        return NULL;
}

// The settings of a section ("" for none); as deep as the table's names have dots.
// NOLINTNEXTLINE(misc-no-recursion)
static json_t *mapping_json(const struct config *config, unsigned applies, const char *section,
                            const struct places *places) {
        const char *keys[SETTINGS_MAX];
        size_t n = setting_keys(applies, section, keys);
        json_t *json = json_object();

        for (size_t i = 0; i < n; i++) {
                CLEANUP(mem_freep)
                char *name = xasprintf("%s%s%s", section, section[0] ? "." : "", keys[i]);
                json_t *value = key_json(config, applies, setting_find(applies, name), places);

                if (value)
                        json_object_set_new(json, keys[i], value);
        }
        return json;
}

json_t *config_effective(const struct config *config) {
        struct places places = {{[SETTING_IN_CONFIG] = (const char *)config,
                                 [SETTING_IN_REQUEST] = (const char *)&config->defaults},
                                NULL};

        return mapping_json(config, SETTING_SERVER, "", &places);
}

json_t *config_came_from(const struct config *config) {
        static const char *const names[] = {
                [CONFIG_FROM_FILE] = "file",
                [CONFIG_FROM_ENVIRONMENT] = "environment",
                [CONFIG_FROM_OPTION] = "option",
        };
        json_t *json = json_object();

        for (size_t i = 0; setting_table[i].name; i++)
                if (config->came_from[i] != CONFIG_FROM_DEFAULT)
                        json_object_set_new(json, setting_table[i].name,
                                            json_string(names[config->came_from[i]]));
        return json;
}

json_t *config_effective_alert(const struct alert_config *alert) {
        struct places places = {{[SETTING_IN_ALERT] = (const char *)alert}, NULL};

        return mapping_json(NULL, SETTING_ALERT, "", &places);
}

// --- after a reload --------------------------------------------------------------------------

// The object that has the setting's key, which is made where it is wanted; NULL: there is none.
static json_t *section_of(json_t *json, const char *name, bool is_wanted,
                          const char **ret_key) {
        const char *dot;

        while (json && (dot = strchr(name, '.'))) {
                CLEANUP(mem_freep) char *section = xasprintf("%.*s", (int)(dot - name), name);

                if (is_wanted && !json_object_get(json, section))
                        json_object_set_new(json, section, json_object());
                json = json_object_get(json, section);
                name = dot + 1;
        }
        *ret_key = name;
        return json;
}

// The setting is in the one as it is in the other.
static void setting_carry(json_t *json, json_t *from, const char *name) {
        const char *key;
        json_t *section = section_of(from, name, false, &key);
        json_t *value = json_object_get(section, key);

        section = section_of(json, name, value != NULL, &key);
        if (value)
                json_object_set(section, key, value);
        else if (section)
                json_object_del(section, key);
}

json_t *config_in_force(const struct config *started, const struct config *read) {
        json_t *config = config_effective(read), *before = config_effective(started);
        json_t *from = config_came_from(read), *came_from = config_came_from(started);

        for (const struct setting *setting = setting_table; setting->name; setting++) {
                json_t *origin = json_object_get(came_from, setting->name);

                if (!setting_needs_restart(setting))
                        continue;
                setting_carry(config, before, setting->name);
                if (origin)
                        json_object_set(from, setting->name, origin);
                else
                        json_object_del(from, setting->name);
        }
        json_decref(before);
        json_decref(came_from);
        return json_pack("{s:o, s:o}", "config", config, "from", from);
}
