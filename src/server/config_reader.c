#include "server/config_reader.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config_mistakes.h"
#include "util/mem.h"
#include "util/nearest.h"
#include "util/redact.h"
#include "util/utf8.h"

#define VARIABLE_NAME_MAX 128

// As much of a wrong value as a mistake quotes.
#define QUOTE_MAX 80

// --- telling ---------------------------------------------------------------------------------

void config_refuse_value(struct config_reader *reader, const struct config_node *node,
                         const char *key, const char *expected, const char *const *choices) {
        const char *nearest = choices ? nearest_find(node->text, choices) : NULL;
        // Redacted as a whole: the quoted beginning may not show where a password ends.
        CLEANUP(mem_freep) char *value = redact_value(node->text);
        size_t length = strlen(value);
        int shown = (int)(length > QUOTE_MAX ? utf8_cut(value, QUOTE_MAX) : length);
        const char *dots = length > QUOTE_MAX ? "..." : "";

        if (nearest)
                config_mistake_add(reader->mistakes, node->line, node->column, key,
                                   "\"%.*s%s\" is not %s; did you mean \"%s\"?", shown, value,
                                   dots, expected, nearest);
        else
                config_mistake_add(reader->mistakes, node->line, node->column, key,
                                   "\"%.*s%s\" is not %s", shown, value, dots, expected);
}

void config_refuse_kind(struct config_reader *reader, const struct config_node *node,
                        const char *key, const char *expected) {
        if (node->kind != CONFIG_NODE_REFUSED)
                config_mistake_add(reader->mistakes, node->line, node->column, key,
                                   "expected %s, but this is %s", expected,
                                   config_node_kind_name(node));
}

void config_refuse_key(struct config_reader *reader, const struct config_node *node,
                       const char *key, const char *const *known) {
        const char *nearest = nearest_find(node->text, known);
        char list[256] = "";
        size_t length = 0;

        if (nearest) {
                config_mistake_add(reader->mistakes, node->line, node->column, key,
                                   "unknown key; did you mean \"%s\"?", nearest);
                return;
        }
        for (; *known && length < sizeof(list); known++)
                length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
                                           length > 0 ? ", " : "", *known);
        config_mistake_add(reader->mistakes, node->line, node->column, key,
                           "unknown key; those known here are %s", list);
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
                          const char *key) {
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
                        config_mistake_add(reader->mistakes, node->line, node->column, key,
                                           "%s", problem);
                        is_good = false;
                        break;
                }
                if (value) {
                        fputs(value, stream);
                } else {
                        config_mistake_add(reader->mistakes, node->line, node->column, key,
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
                        const char *key, const char *expected) {
        if (node->kind == CONFIG_NODE_SCALAR)
                return value_expand(reader, node, key);
        config_refuse_kind(reader, node, key, expected);
        return NULL;
}

char *config_resolve_path(const struct config_reader *reader, const char *path) {
        if (!reader->folder || path[0] == '/')
                return xstrdup(path);
        return xasprintf("%s/%s", reader->folder, path);
}

void config_read_key(struct config_reader *reader, const struct config_node *node,
                     const char *place, const struct config_key *key, void *target) {
        CLEANUP(mem_freep)
        char *value = config_read_value(reader, node, place, key->expected);

        if (!value)
                return;
        // A bare word may also be a model's name: only what has a slash is surely a path.
        if (key->is_path && strchr(value, '/')) {
                CLEANUP(mem_freep) char *relative = TAKE(value);

                value = config_resolve_path(reader, relative);
        }
        if (!key->set(target, value))
                config_refuse_value(reader, node, place, key->expected, key->choices);
}

char *config_read_list(struct config_reader *reader, const struct config_node *node,
                       const char *place, const char *expected, const char *separator) {
        CLEANUP(mem_freep) char *all = NULL;

        if (node->kind != CONFIG_NODE_LIST || !separator)
                return config_read_value(reader, node, place, expected);
        all = xstrdup("");
        for (size_t i = 0; i < node->n_children; i++) {
                CLEANUP(mem_freep)
                char *item = config_read_value(reader, node->children[i], place, expected);
                CLEANUP(mem_freep) char *before = TAKE(all);

                if (!item)
                        return NULL;
                all = xasprintf("%s%s%s", before, before[0] ? separator : "", item);
        }
        return TAKE(all);
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
                       const char *prefix) {
        struct config_node **keys = xcalloc(mapping->n_children / 2 + 1, sizeof(*keys));
        size_t n = 0;

        for (size_t i = 0; i < mapping->n_children; i += 2) {
                struct config_node *key = mapping->children[i];

                if (key->kind == CONFIG_NODE_SCALAR)
                        keys[n++] = key;
                else
                        config_refuse_kind(reader, key, prefix, "a key");
        }
        // Sorted, so that a file of nothing but keys costs no quadratic time.
        qsort(keys, n, sizeof(*keys), key_compare);
        for (size_t i = 1, first = 0; i < n; i++) {
                CLEANUP(mem_freep) char *place = NULL;

                if (strcmp(keys[i]->text, keys[first]->text) != 0) {
                        first = i;
                        continue;
                }
                place = xasprintf("%s%s%s", prefix, prefix[0] ? "." : "", keys[i]->text);
                config_mistake_add(reader->mistakes, keys[i]->line, keys[i]->column, place,
                                   "already given at line %d", keys[first]->line);
                keys[i]->kind = CONFIG_NODE_REFUSED;
        }
        free(keys);
}
