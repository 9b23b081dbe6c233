#include "config/schema.h"

#include <float.h>
#include <jansson.h>
#include <string.h>

#include "config/config.h"
#include "util/mem.h"
#include "util/number.h"

#define DIALECT "https://json-schema.org/draft/2020-12/schema"

#define VARIABLE   "\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}"
#define AMOUNT     "^([0-9]+\\.?[0-9]*|\\.[0-9]+)"
#define TIME_WORDS AMOUNT "(ms|s|m|h|d)?$"
#define SIZE_WORDS AMOUNT "([KMGT]i?B)?$"

// As CONFIG_NAME_MAX and the reader have it.
#define STREAM_NAME "^(?=.*[A-Za-z0-9])[A-Za-z0-9._-]{1,64}$"
_Static_assert(CONFIG_NAME_MAX == 64, "the pattern names it");

// --- types -----------------------------------------------------------------------------------

static json_t *type_new(const char *type) {
        return json_pack("{s:s}", "type", type);
}

static json_t *pattern_new(const char *pattern) {
        return json_pack("{s:s, s:s}", "type", "string", "pattern", pattern);
}

static json_t *word_new(const char *word) {
        return json_pack("{s:s}", "const", word);
}

static json_t *number_new(double number) {
        return number == (double)(json_int_t)number ? json_integer((json_int_t)number)
                                                    : json_real(number);
}

// A number of the setting's range; of sizes, which are in bytes, a number alone is MB.
static json_t *range_new(const struct setting *setting) {
        bool is_whole = setting->kind == SETTING_COUNT || setting->kind == SETTING_COUNTS;
        double unit = setting->kind == SETTING_SIZE ? 1e6 : 1;
        json_t *type = type_new(is_whole ? "integer" : "number");

        json_object_set_new(type, "minimum", number_new(setting->least / unit));
        json_object_set_new(type, "maximum", number_new(setting->most / unit));
        return type;
}

static json_t *list_new(json_t *items) {
        return json_pack("{s:s, s:o}", "type", "array", "items", items);
}

static void numbers_add(json_t *types, const struct setting *setting) {
        // Each item is a number or a variable that holds one.
        json_t *list = list_new(json_pack("{s:[o, {s:s}]}", "anyOf", range_new(setting), "$ref",
                                          "#/$defs/variable"));

        json_object_set_new(list, "maxItems", json_integer((json_int_t)setting->items_max));
        if (setting->kind == SETTING_NUMBERS)
                json_object_set_new(list, "minItems", json_integer(1));
        json_array_append_new(types, range_new(setting));
        json_array_append_new(types, list);
        json_array_append_new(types, pattern_new("^[-0-9., ]*$"));
}

static json_t *choices_new(const char *const *choices) {
        json_t *names = json_array();

        for (; *choices; choices++)
                json_array_append_new(names, json_string(*choices));
        return json_pack("{s:o}", "enum", names);
}

// Text, also such that YAML reads as a number.
static json_t *text_new(const struct setting *setting) {
        json_t *text = json_pack("{s:[s,s]}", "type", "string", "number");

        if (setting->most > 0 && setting->most < DBL_MAX)
                json_object_set_new(text, "maxLength", number_new(setting->most));
        return text;
}

// YAML 1.1 has these for true and false, YAML 1.2 has them as texts.
static const char *const switch_words[] = {"on", "off", NULL};

// What a value may be, each of which will do.
static json_t *types_new(const struct setting *setting) {
        json_t *types = json_array();

        switch (setting->kind) {
        case SETTING_SWITCH:
                json_array_append_new(types, type_new("boolean"));
                json_array_append_new(types, choices_new(switch_words));
                break;
        case SETTING_CHOICE:
                json_array_append_new(types, choices_new(setting->choices));
                break;
        case SETTING_COUNT:
        case SETTING_NUMBER:
                json_array_append_new(types, range_new(setting));
                break;
        case SETTING_TIME:
                json_array_append_new(types, range_new(setting));
                json_array_append_new(types, pattern_new(TIME_WORDS));
                break;
        case SETTING_SIZE:
                json_array_append_new(types, range_new(setting));
                json_array_append_new(types, pattern_new(SIZE_WORDS));
                break;
        case SETTING_NUMBERS:
        case SETTING_COUNTS:
                numbers_add(types, setting);
                break;
        default:
                json_array_append_new(types, text_new(setting));
                if (setting_separator(setting))
                        json_array_append_new(types, list_new(text_new(setting)));
                return types;
        }
        if (setting->word)
                json_array_append_new(types, word_new(setting->word));
        json_array_append_new(types, json_pack("{s:s}", "$ref", "#/$defs/variable"));
        return types;
}

// --- settings --------------------------------------------------------------------------------

// The default as the file's own type.
static json_t *preset_new(const struct setting *setting) {
        json_t *list;
        double number;
        const char *rest = setting->preset, *end;

        if (!rest)
                return json_null();
        if (setting->kind == SETTING_SWITCH)
                return json_boolean(strcmp(rest, "true") == 0);
        end = number_read(rest, &number);
        if (end && *end == '\0' && setting->kind != SETTING_NUMBERS &&
            setting->kind != SETTING_COUNTS)
                return number_new(number);
        if (setting->kind != SETTING_NUMBERS && setting->kind != SETTING_COUNTS)
                return json_string(rest);
        list = json_array();
        while ((end = number_read(rest, &number))) {
                json_array_append_new(list, number_new(number));
                rest = *end == ',' ? end + 1 : end;
        }
        return list;
}

// Set a member to the text, which is freed; NULL leaves it out.
static void member_set(json_t *object, const char *name, char *text) {
        CLEANUP(mem_freep) char *taken = text;

        if (taken)
                json_object_set_new(object, name, json_string(taken));
}

static json_t *flags_new(unsigned flags, const char *const *names, const char *tail) {
        json_t *list = json_array();

        for (unsigned bit = 0; names[bit]; bit++)
                if (flags & (1U << bit))
                        json_array_append_new(list, json_sprintf("%s%s", names[bit], tail));
        return list;
}

static void restart_set(json_t *object, const struct setting *setting) {
        if (setting_needs_restart(setting))
                json_object_set_new(object, "x-restart", json_true());
}

static void origins_set(json_t *object, const struct setting *setting) {
        static const char *const applies[] = {"server", "stream", "client", "alert",
                                              "sink",   "token",  NULL};
        static const char *const verbs[] = {"serve",  "transcribe", "check", "model",
                                            "search", "token",      NULL};
        CLEANUP(mem_freep) char *option = setting_option(setting);
        CLEANUP(mem_freep) char *tail = xasprintf(" --%s", option);

        json_object_set_new(object, "x-applies", flags_new(setting->applies, applies, ""));
        member_set(object, "x-environment", setting_variable(setting));
        json_object_set_new(object, "x-options", flags_new(setting->verbs, verbs, tail));
        restart_set(object, setting);
}

static json_t *setting_new(const struct setting *setting) {
        json_t *object = json_pack("{s:s}", "description", setting->help);

        json_t *types = types_new(setting);

        json_object_set_new(object, "default", preset_new(setting));
        if (json_array_size(types) == 1)
                json_object_update(object, json_array_get(types, 0));
        else
                json_object_set(object, "anyOf", types);
        json_decref(types);
        member_set(object, "x-expected", setting_expected(setting));
        if (setting->preset_words)
                json_object_set_new(object, "x-default", json_string(setting->preset_words));
        if (setting->zero)
                json_object_set_new(object, "x-zero", json_string(setting->zero));
        origins_set(object, setting);
        return object;
}

static json_t *tokens_new(const struct setting *setting) {
        return json_pack("{s:s, s:n, s:s, s:s, s:i, s:{s:s}}", "description", setting->help,
                         "default", "x-default", setting->preset_words, "type", "array",
                         "maxItems", TOKENS_MAX, "items", "$ref", "#/$defs/token");
}

// A mapping of names to what is defined as `definition`, or, of streams, to a URL.
static json_t *names_new(const struct setting *setting) {
        bool is_stream = setting->kind == SETTING_STREAMS;
        int most = is_stream                         ? CONFIG_STREAMS_MAX
                   : setting->kind == SETTING_ALERTS ? CONFIG_ALERTS_MAX
                                                     : CONFIG_SINKS_MAX;
        const char *definition = is_stream                         ? "#/$defs/stream"
                                 : setting->kind == SETTING_ALERTS ? "#/$defs/alert"
                                                                   : "#/$defs/sink";
        json_t *types = json_pack("[{s:s}]", "$ref", definition);

        if (is_stream)
                json_array_append_new(types, type_new("string"));
        return json_pack("{s:s, s:n, s:s, s:s, s:i, s:{s:{s:o}}, s:b}", "description",
                         setting->help, "default", "x-default", setting->preset_words, "type",
                         "object", "maxProperties", most, "patternProperties", STREAM_NAME,
                         "anyOf", types, "additionalProperties", 0);
}

static json_t *named_new(const struct setting *setting) {
        json_t *object =
                setting->kind == SETTING_TOKENS ? tokens_new(setting) : names_new(setting);

        restart_set(object, setting);
        return object;
}

static json_t *mapping_new(unsigned applies, const char *section);

static json_t *section_new(unsigned applies, const struct setting *setting) {
        json_t *mapping = mapping_new(applies, setting->name);
        json_t *object = json_pack("{s:s, s:{}}", "description", setting->help, "default");
        json_t *types = json_pack("[o]", mapping);

        if (setting->stands_for)
                json_array_append_new(types,
                                      setting_new(setting_find(applies, setting->stands_for)));
        json_object_set_new(object, "anyOf", types);
        return object;
}

// The settings of a section ("" for none); as deep as the table's names have dots.
// NOLINTNEXTLINE(misc-no-recursion)
static json_t *mapping_new(unsigned applies, const char *section) {
        const char *keys[SETTINGS_MAX];
        size_t n = setting_keys(applies, section, keys);
        json_t *members = json_object();

        for (size_t i = 0; i < n; i++) {
                CLEANUP(mem_freep)
                char *name = xasprintf("%s%s%s", section, section[0] ? "." : "", keys[i]);
                const struct setting *setting = setting_find(applies, name);

                json_object_set_new(members, keys[i],
                                    setting->kind == SETTING_SECTION
                                            ? section_new(applies, setting)
                                    : setting_is_named(setting) ? named_new(setting)
                                                                : setting_new(setting));
        }
        return json_pack("{s:s, s:o, s:b}", "type", "object", "properties", members,
                         "additionalProperties", 0);
}

char *config_schema(void) {
        json_t *root = json_pack("{s:s, s:s}", "$schema", DIALECT, "title",
                                 "Configuration of eavesdrop");
        json_t *stream = mapping_new(SETTING_STREAM, "");
        CLEANUP(mem_freep) char *text = NULL;
        json_t *server = mapping_new(SETTING_SERVER, "");

        json_t *sink = mapping_new(SETTING_SINK, "");
        json_t *token = mapping_new(SETTING_TOKEN, "");

        json_object_set_new(stream, "required", json_pack("[s]", "url"));
        json_object_set_new(sink, "required", json_pack("[s]", "type"));
        json_object_set_new(token, "required", json_pack("[s,s,s]", "name", "hash", "scopes"));
        json_object_update_new(root, server);
        json_object_set_new(root, "$defs",
                            json_pack("{s:o, s:o, s:o, s:o, s:o}", "stream", stream, "alert",
                                      mapping_new(SETTING_ALERT, ""), "sink", sink, "token",
                                      token, "variable", pattern_new(VARIABLE)));
        text = json_dumps(root, JSON_INDENT(2));
        json_decref(root);
        return xasprintf("%s\n", text);
}
