#include "config/json_tree.h"

#include <string.h>

#include "util/mem.h"

struct config_node *config_node_new(enum config_node_kind kind, char *text) {
        struct config_node *node = xnew(struct config_node);

        node->kind = kind;
        node->text = text;
        return node;
}

void config_node_add(struct config_node *parent, struct config_node *child) {
        parent->children = xrealloc_array(parent->children, parent->n_children + 1,
                                          sizeof(struct config_node *));
        parent->children[parent->n_children++] = child;
}

// Without an exponent, which the table's numbers do not have.
static char *real_words(double number) {
        char *words = xasprintf("%.9f", number);
        size_t n = strlen(words);

        while (words[n - 1] == '0')
                words[--n] = '\0';
        if (words[n - 1] == '.')
                words[n - 1] = '\0';
        return words;
}

static struct config_node *node_of(json_t *json, int depth);

static struct config_node *object_node(json_t *json, int depth) {
        struct config_node *node = config_node_new(CONFIG_NODE_MAPPING, NULL);
        const char *key;
        json_t *value;

        json_object_foreach(json, key, value) {
                config_node_add(node, config_node_new(CONFIG_NODE_SCALAR, xstrdup(key)));
                config_node_add(node, node_of(value, depth + 1));
        }
        return node;
}

static struct config_node *array_node(json_t *json, int depth) {
        struct config_node *node = config_node_new(CONFIG_NODE_LIST, NULL);
        json_t *item;
        size_t i;

        json_array_foreach(json, i, item) config_node_add(node, node_of(item, depth + 1));
        return node;
}

// What is deeper than any setting is nothing, and refused as that.
static struct config_node *node_of(json_t *json, int depth) {
        if (depth >= CONFIG_DEPTH_MAX)
                return config_node_new(CONFIG_NODE_NULL, NULL);
        switch (json_typeof(json)) {
        case JSON_OBJECT:
                return object_node(json, depth);
        case JSON_ARRAY:
                return array_node(json, depth);
        case JSON_STRING:
                return config_node_new(CONFIG_NODE_SCALAR, xstrdup(json_string_value(json)));
        case JSON_INTEGER:
                return config_node_new(CONFIG_NODE_SCALAR,
                                       xasprintf("%lld", (long long)json_integer_value(json)));
        case JSON_REAL:
                return config_node_new(CONFIG_NODE_SCALAR, real_words(json_real_value(json)));
        case JSON_TRUE:
        case JSON_FALSE:
                return config_node_new(CONFIG_NODE_SCALAR,
                                       xstrdup(json_is_true(json) ? "true" : "false"));
        case JSON_NULL:
                break;
        }
        return config_node_new(CONFIG_NODE_NULL, NULL);
}

struct config_node *config_tree_of_json(json_t *settings) {
        return object_node(settings, 0);
}
