#pragma once
// Reader: from nodes of the file to values of the configuration. Private to server/config*.c.
//
// Every function tells its mistakes itself and goes on, so that all are found in one pass.
//
// Threads: main thread.

#include <stdbool.h>

#include "server/config.h"
#include "server/config_keys.h"
#include "server/config_tree.h"

struct config_reader {
        struct config *config;  // to fill
        const char *folder;     // that relative paths start from; NULL: they stay as they are
        struct config_mistakes *mistakes;
};

// The text of a single value with ${NAME} and $$ filled in; the caller frees it. NULL when the
// node is no single value or a variable is missing; `expected` is for the mistake then.
char *config_read_value(struct config_reader *reader, const struct config_node *node,
                        const char *key, const char *expected);

// Put the node's value where the key wants it. `place` is the key's dotted path.
void config_read_key(struct config_reader *reader, const struct config_node *node,
                     const char *place, const struct config_key *key, void *target);

// What a value is refused for: told at the node, and quoted as it stands in the file, so that
// what a variable held is never shown.
void config_refuse_value(struct config_reader *reader, const struct config_node *node,
                         const char *key, const char *expected, const char *const *choices);

// Tell that the node has the wrong kind.
void config_refuse_kind(struct config_reader *reader, const struct config_node *node,
                        const char *key, const char *expected);

// Tell that there is no such key; `known` (NULL at the end) are those that there are.
void config_refuse_key(struct config_reader *reader, const struct config_node *node,
                       const char *key, const char *const *known);

// Tell which keys of the mapping are there twice or are no names at all. The first of equal
// ones counts; the others' nodes become CONFIG_NODE_REFUSED.
void config_check_keys(struct config_reader *reader, const struct config_node *mapping,
                       const char *prefix);

// The path with the reader's folder in front when it is relative; the caller frees it.
char *config_resolve_path(const struct config_reader *reader, const char *path);

// Read a mapping of decoding options into `options`; where there are `wishes`, each is added to
// them as well. `place` is the mapping's dotted path.
void config_read_decoding(struct config_reader *reader, const struct config_node *node,
                          const char *place, struct decode_options *options,
                          struct decode_wishes *wishes);

// Set one decoding option, named without "decoding.", from the environment or the command line;
// `origin` is the variable or option. False after telling a mistake, and for an unknown name.
bool config_override_decoding(struct config_reader *reader, const char *name, const char *value,
                              const char *origin);

// Set those that the environment has.
void config_read_decoding_environment(struct config_reader *reader);

// The text of a value, or of a list's, joined with `separator`; the caller frees it. NULL after
// telling a mistake. NULL as separator: lists are none.
char *config_read_list(struct config_reader *reader, const struct config_node *node,
                       const char *place, const char *expected, const char *separator);

// Read `streams:`.
void config_read_streams(struct config_reader *reader, const struct config_node *node);
