#pragma once
// JSON tree: settings that came as JSON, as the nodes that a file's would be. Private to
// config/.
//
// Threads: any; no state.
// Memory:  as of all trees (tree.h).

#include <jansson.h>

#include "config/tree.h"

// The settings, an object. What is deeper than any setting is nothing, and refused as that.
struct config_node *config_tree_of_json(json_t *settings);

// A node, which takes the text; and put one behind the others of a mapping or a list.
struct config_node *config_node_new(enum config_node_kind kind, char *text);
void config_node_add(struct config_node *parent, struct config_node *child);
