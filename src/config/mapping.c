// Mappings of the file: sections of settings, and the URLs of streams.
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "config/mistakes.h"
#include "config/reader.h"
#include "util/mem.h"
#include "util/nearest.h"

// --- the URL ---------------------------------------------------------------------------------

// "rtsp:", "file:": letters, digits, "+", "-" and "." up to a colon, letter first (RFC 3986).
static bool url_has_scheme(const char *url) {
        size_t length = 0;

        if (!isalpha((unsigned char)url[0]))
                return false;
        while (isalnum((unsigned char)url[length]) ||
               (url[length] != '\0' && strchr("+-.", url[length])))
                length++;
        return url[length] == ':';
}

// What a user name or password may not hold as it is: it would end there, and the rest of the
// URL would be something else.
static const char user_info_ends[] = "#/? \t\r\n";

#define USER_INFO_HINT                                                                         \
        "in a user name or password write '#', '/', '?' and ' ' as %%23, %%2F, %%3F and %%20 " \
        "(percent-encoding)"

// The name of a variable (its length in *ret_n) that stands in the user name or password of the
// URL as it is written in the file, and holds what may not stand there. NULL if none does.
static const char *user_info_variable(const char *text, size_t *ret_n) {
        const char *place = strstr(text, "://"), *last;

        if (!place)
                return NULL;
        place += 3;
        last = memrchr(place, '@', strcspn(place, "/?#"));
        while (last && (place = strstr(place, "${")) && place < last) {
                CLEANUP(mem_freep) char *name = NULL;
                const char *value;

                place += 2;
                *ret_n = strcspn(place, "}");
                name = xasprintf("%.*s", (int)*ret_n, place);
                value = getenv(name);
                if (value && strpbrk(value, user_info_ends))
                        return place;
        }
        return NULL;
}

// What variables hold may be secret: what is wrong with them is not shown.
static void url_refuse_variables(struct config_reader *reader, const struct config_node *node,
                                 const char *path) {
        size_t n = 0;
        const char *name = user_info_variable(node->text, &n);

        if (name)
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "what the variable %.*s holds does not fit into a URL as it "
                                   "is: " USER_INFO_HINT,
                                   (int)n, name);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "wrong once its variables are filled in; expected "  //
                                   CONFIG_URL_EXPECTED "; " USER_INFO_HINT);
}

void config_read_url(struct config_reader *reader, const struct config_node *node,
                     const char *path) {
        struct stream_config *stream = reader->target.owners[SETTING_IN_STREAM];
        CLEANUP(mem_freep)
        char *value = config_read_value(reader, node, path, CONFIG_URL_EXPECTED);
        struct error error = {0};
        size_t n;

        if (!value)
                return;
        if (value[0] == '\0') {
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "empty; expected " CONFIG_URL_EXPECTED);
                return;
        }
        stream->url =
                url_has_scheme(value) ? xstrdup(value) : config_resolve_path(reader, value);
        // "12#x" as a password would make a URL without a mistake, of another host.
        if (user_info_variable(node->text, &n)) {
                url_refuse_variables(reader, node, path);
                return;
        }
        if (source_url_check(stream->url, &error) == 0)
                return;
        if (strcmp(value, node->text) != 0)
                url_refuse_variables(reader, node, path);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, path, "%s",
                                   error.text);
}

// --- sections and keys -----------------------------------------------------------------------

// So many keys are named where a mapping of them is expected.
#define KEYS_NAMED_MAX 5
static void section_refuse(struct config_reader *reader, const struct config_node *node,
                           const char *path, const struct setting *section) {
        const char *keys[SETTINGS_MAX];
        size_t n = setting_keys(reader->applies, section->name, keys);
        CLEANUP(mem_freep) char *names = setting_join(keys, ", ", " and ");
        CLEANUP(mem_freep) char *single = NULL;
        CLEANUP(mem_freep) char *expected = NULL;

        if (section->stands_for)
                single = setting_expected(setting_find(reader->applies, section->stands_for));
        if (n <= KEYS_NAMED_MAX)
                expected = xasprintf("%s%sa mapping with the keys %s", single ? single : "",
                                     single ? ", or " : "", names);
        else
                expected = xasprintf("a mapping with keys such as %s", keys[0]);
        config_refuse_kind(reader, node, path, expected);
}

// Whoever says how a thing is to be done wants it done: the switch that the section stands for
// is on, unless the mapping has it.
static void section_switch_on(struct config_reader *reader, const struct config_node *mapping,
                              const struct setting *section) {
        const struct setting *setting = setting_find(reader->applies, section->stands_for);
        const char *key = strrchr(setting->name, '.') + 1;

        if (setting->kind != SETTING_SWITCH || config_mapping_has(mapping, key))
                return;
        setting_set(setting, &reader->target, "true");
        if (reader->values)
                setting_values_add(reader->values, setting, "true");
}

static void section_read(struct config_reader *reader, const struct config_node *node,
                         const char *path, const struct setting *section) {
        if (node->kind == CONFIG_NODE_MAPPING) {
                if (section->stands_for)
                        section_switch_on(reader, node, section);
                config_read_mapping(reader, node, path, section->name);
        } else if (node->kind == CONFIG_NODE_SCALAR && section->stands_for) {
                config_read_setting(reader, node, path,
                                    setting_find(reader->applies, section->stands_for));
        } else {
                section_refuse(reader, node, path, section);
        }
}

static void key_refuse(struct config_reader *reader, const struct config_node *node,
                       const char *path, const char *section) {
        const char *keys[SETTINGS_MAX];
        const char *nearest;

        setting_keys(reader->applies, section, keys);
        nearest = nearest_find(node->text, keys);
        if (nearest) {
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "unknown key; did you mean \"%s\"?", nearest);
        } else {
                CLEANUP(mem_freep) char *known = setting_join(keys, ", ", ", ");

                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "unknown key; those known here are %s", known);
        }
}

// One key and its value. Names with a dot are those of a section's settings, never of keys.
static void member_read(struct config_reader *reader, const struct config_node *key,
                        const struct config_node *node, const char *path, const char *section) {
        CLEANUP(mem_freep)
        char *place = xasprintf("%s%s%s", path, path[0] ? "." : "", key->text);
        CLEANUP(mem_freep)
        char *name = xasprintf("%s%s%s", section, section[0] ? "." : "", key->text);
        const struct setting *setting =
                strchr(key->text, '.') ? NULL : setting_find(reader->applies, name);

        if (!setting)
                key_refuse(reader, key, place, section);
        else if (setting->kind == SETTING_SECTION)
                section_read(reader, node, place, setting);
        else if (setting_is_named(setting))
                config_read_named(reader, node, place, setting);
        else if (setting->kind == SETTING_URL)
                config_read_url(reader, node, place);
        else
                config_read_setting(reader, node, place, setting);
}

void config_read_mapping(struct config_reader *reader, const struct config_node *mapping,
                         const char *path, const char *section) {
        config_check_keys(reader, mapping, path);
        for (size_t i = 0; i < mapping->n_children; i += 2)
                if (mapping->children[i]->kind == CONFIG_NODE_SCALAR)
                        member_read(reader, mapping->children[i], mapping->children[i + 1],
                                    path, section);
}
