#pragma once
// Tree: YAML text as nodes that know where they stand. Private to config/.
//
// Only what a configuration needs: mappings, lists, plain and quoted values, one document.
// Aliases, tags and second documents are refused, so a small file stays a small tree.
//
// Threads: main thread.
// Memory:  a tree belongs to whoever parsed it; a node to its tree.

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

enum config_node_kind {
        CONFIG_NODE_NULL,     // nothing written, or ~ or null
        CONFIG_NODE_SCALAR,   // one value
        CONFIG_NODE_LIST,     // children: the items
        CONFIG_NODE_MAPPING,  // children: key, value, key, value, ...
        CONFIG_NODE_REFUSED,  // its mistake was already told
};

struct config_node {
        enum config_node_kind kind;
        int line, column;  // 1-based
        char *text;        // scalars: UTF-8; NULL for other kinds
        struct config_node **children;
        size_t n_children;
};

// Parse. Mistakes are added; *ret is what could be read all the same, NULL if nothing.
void config_tree_parse(struct config_node **ret, const char *text, size_t n,
                       struct config_mistakes *mistakes);

struct config_node *config_tree_free(struct config_node *root);

// "a mapping", "a list", ...
const char *config_node_kind_name(const struct config_node *node);

DEFINE_CLEANUP(struct config_node *, config_tree_free);
