#include "config/reader.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/mistakes.h"
#include "util/mem.h"
#include "util/nearest.h"
#include "util/redact.h"
#include "util/utf8.h"

#define VARIABLE_NAME_MAX 128

// As much of a wrong value as a mistake quotes.
#define QUOTE_MAX 80

// --- telling ---------------------------------------------------------------------------------

// The beginning of a value, quoted; the caller frees it.
static char *value_quote(const char *text) {
        // Redacted as a whole: the quoted beginning may not show where a password ends.
        CLEANUP(mem_freep) char *value = redact_value(text);
        size_t length = strlen(value);
        int shown = (int)(length > QUOTE_MAX ? utf8_cut(value, QUOTE_MAX) : length);

        return xasprintf("\"%.*s%s\"", shown, value, length > QUOTE_MAX ? "..." : "");
}

void config_refuse_value(struct config_reader *reader, const struct config_node *node,
                         const char *path, const struct setting *setting) {
        const char *const *choices = setting_choices(setting);
        const char *nearest = choices ? nearest_find(node->text, choices) : NULL;
        CLEANUP(mem_freep) char *expected = setting_expected(setting);
        CLEANUP(mem_freep)
        char *value = setting->is_secret ? xstrdup("this value") : value_quote(node->text);

        if (setting->gone && strcmp(node->text, setting->gone) == 0)
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "%s is gone: %s", value, setting->instead);
        else if (nearest)
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "%s is not %s; did you mean \"%s\"?", value, expected,
                                   nearest);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "%s is not %s", value, expected);
}

void config_refuse_kind(struct config_reader *reader, const struct config_node *node,
                        const char *path, const char *expected) {
        if (node->kind != CONFIG_NODE_REFUSED)
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "expected %s, but this is %s", expected,
                                   config_node_kind_name(node));
}

// --- values ----------------------------------------------------------------------------------

// Read "${NAME}" at `text` up to its brace. Returns what is wrong with it, NULL if nothing.
static const char *variable_read(const char *text, char name[static VARIABLE_NAME_MAX],
                                 const char **ret_end, const char **ret_value) {
        size_t length = 0;

        for (text += 2; isalnum((unsigned char)text[length]) || text[length] == '_'; length++)
                ;
        if (text[length] != '}' || length == 0 || length >= VARIABLE_NAME_MAX ||
            isdigit((unsigned char)text[0]))
                return "\"${\" must be followed by a variable's name and \"}\"; "
                       "a dollar sign itself is written $$";
        memcpy(name, text, length);
        name[length] = '\0';
        *ret_value = getenv(name);
        *ret_end = text + length + 1;
        return NULL;
}

// Fill in the variables. NULL after telling what is wrong.
static char *value_expand(struct config_reader *reader, const struct config_node *node,
                          const char *path) {
        CLEANUP(mem_freep) char *filled = NULL;
        size_t n_filled = 0;
        FILE *stream = open_memstream(&filled, &n_filled);
        bool is_good = true;

        for (const char *text = node->text; stream && *text;) {
                char name[VARIABLE_NAME_MAX];
                const char *value = NULL, *end = NULL, *problem;

                if (text[0] != '$' || (text[1] != '$' && text[1] != '{')) {
                        fputc(*text++, stream);
                        continue;
                }
                if (text[1] == '$') {
                        fputc('$', stream);
                        text += 2;
                        continue;
                }
                problem = variable_read(text, name, &end, &value);
                if (problem) {
                        config_mistake_add(reader->mistakes, node->line, node->column, path,
                                           "%s", problem);
                        is_good = false;
                        break;
                }
                if (value) {
                        fputs(value, stream);
                } else {
                        config_mistake_add(reader->mistakes, node->line, node->column, path,
                                           "the environment has no variable %s", name);
                        is_good = false;
                }
                text = end;
        }
        if (!stream || fclose(stream) != 0 || !is_good)
                return NULL;
        return TAKE(filled);
}

char *config_read_value(struct config_reader *reader, const struct config_node *node,
                        const char *path, const char *expected) {
        if (node->kind == CONFIG_NODE_SCALAR)
                return reader->is_plain ? xstrdup(node->text)
                                        : value_expand(reader, node, path);
        config_refuse_kind(reader, node, path, expected);
        return NULL;
}

char *config_resolve_path(const struct config_reader *reader, const char *path) {
        if (!reader->folder || path[0] == '/')
                return xstrdup(path);
        return xasprintf("%s/%s", reader->folder, path);
}

// --- keys ------------------------------------------------------------------------------------

static int key_compare(const void *left, const void *right) {
        const struct config_node *a = *(const struct config_node *const *)left;
        const struct config_node *b = *(const struct config_node *const *)right;
        int order = strcmp(a->text, b->text);

        if (order != 0)
                return order;
        if (a->line != b->line)
                return a->line < b->line ? -1 : 1;
        return (a->column > b->column) - (a->column < b->column);
}

void config_check_keys(struct config_reader *reader, const struct config_node *mapping,
                       const char *path) {
        struct config_node **keys = xcalloc(mapping->n_children / 2 + 1, sizeof(*keys));
        size_t n = 0;

        for (size_t i = 0; i < mapping->n_children; i += 2) {
                struct config_node *key = mapping->children[i];

                if (key->kind == CONFIG_NODE_SCALAR)
                        keys[n++] = key;
                else
                        config_refuse_kind(reader, key, path, "a key");
        }
        // Sorted, so that a file of nothing but keys costs no quadratic time.
        qsort(keys, n, sizeof(*keys), key_compare);
        for (size_t i = 1, first = 0; i < n; i++) {
                CLEANUP(mem_freep) char *place = NULL;

                if (strcmp(keys[i]->text, keys[first]->text) != 0) {
                        first = i;
                        continue;
                }
                place = xasprintf("%s%s%s", path, path[0] ? "." : "", keys[i]->text);
                config_mistake_add(reader->mistakes, keys[i]->line, keys[i]->column, place,
                                   "already given at line %d", keys[first]->line);
                keys[i]->kind = CONFIG_NODE_REFUSED;
        }
        free(keys);
}

bool config_mapping_has(const struct config_node *mapping, const char *key) {
        for (size_t i = 0; i < mapping->n_children; i += 2)
                if (mapping->children[i]->kind == CONFIG_NODE_SCALAR &&
                    strcmp(mapping->children[i]->text, key) == 0)
                        return true;
        return false;
}

// --- settings --------------------------------------------------------------------------------

// The text of a value, or of a list's, joined as the setting wants it; the caller frees it.
// NULL after telling a mistake.
static char *words_read(struct config_reader *reader, const struct config_node *node,
                        const char *path, const struct setting *setting) {
        CLEANUP(mem_freep) char *expected = setting_expected(setting);
        const char *separator = setting_separator(setting);
        CLEANUP(mem_freep) char *all = NULL;

        if (node->kind != CONFIG_NODE_LIST || !separator)
                return config_read_value(reader, node, path, expected);
        all = xstrdup("");
        for (size_t i = 0; i < node->n_children; i++) {
                CLEANUP(mem_freep)
                char *item = config_read_value(reader, node->children[i], path, expected);
                CLEANUP(mem_freep) char *before = TAKE(all);

                if (!item)
                        return NULL;
                all = xasprintf("%s%s%s", before, before[0] ? separator : "", item);
        }
        return TAKE(all);
}

// A list that was refused: words are checked one by one, so that each is told where it stands.
static void list_refuse(struct config_reader *reader, const struct config_node *node,
                        const char *path, const struct setting *setting) {
        CLEANUP(mem_freep) char *expected = setting_expected(setting);

        if (setting->kind == SETTING_WORDS)
                for (size_t i = 0; i < node->n_children; i++)
                        config_read_setting(reader, node->children[i], path, setting);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "wrong list; expected %s", expected);
}

// Under which other name the setting was given already; NULL under none.
static const char *given_as(const struct config_reader *reader, const struct setting *setting) {
        const struct setting_values *values = reader->values;

        for (size_t i = 0; values && i < values->n; i++) {
                const struct setting *given = values->items[i].setting;

                if (given != setting && setting_is_same(setting, given))
                        return given->name;
        }
        return NULL;
}

void config_origin_note(const struct config_reader *reader, const struct setting *setting) {
        if (reader->applies == SETTING_SERVER)
                reader->config->came_from[setting - setting_table] = reader->origin;
}

void config_read_setting(struct config_reader *reader, const struct config_node *node,
                         const char *path, const struct setting *setting) {
        CLEANUP(mem_freep) char *value = words_read(reader, node, path, setting);
        const char *given = given_as(reader, setting);

        if (!value)
                return;
        if (given) {
                config_mistake_add(reader->mistakes, node->line, node->column, path,
                                   "already given as %s, which is another name for it: leave "
                                   "one of the two out",
                                   given);
                return;
        }
        if (setting->kind == SETTING_PATH && (!setting->may_be_name || strchr(value, '/'))) {
                CLEANUP(mem_freep) char *relative = TAKE(value);

                value = config_resolve_path(reader, relative);
        }
        if (setting_set(setting, &reader->target, value)) {
                config_origin_note(reader, setting);
                if (reader->values)
                        setting_values_add(reader->values, setting, value);
        } else if (node->kind == CONFIG_NODE_LIST) {
                list_refuse(reader, node, path, setting);
        } else {
                config_refuse_value(reader, node, path, setting);
        }
}

bool config_read_word(struct config_reader *reader, const struct setting *setting,
                      const char *word, const char *origin) {
        struct config_node node = {.kind = CONFIG_NODE_SCALAR};

        if (setting_set(setting, &reader->target, word)) {
                config_origin_note(reader, setting);
                return true;
        }
        node.text = xstrdup(word);
        config_refuse_value(reader, &node, origin, setting);
        free(node.text);
        return false;
}
