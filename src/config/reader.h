#pragma once
// Reader: from nodes of the file to values of settings. Private to config/.
//
// Every function tells its mistakes itself and goes on, so that all are found in one pass.
//
// Threads: main thread.

#include <stdbool.h>

#include "config/config.h"
#include "config/setting.h"
#include "config/tree.h"

struct config_reader {
        struct config *config;  // to fill
        const char *folder;     // that relative paths start from; NULL: they stay as they are
        struct config_mistakes *mistakes;
        unsigned applies;               // the settings that are known here: SETTING_SERVER, ...
        struct setting_target target;   // where their values go
        struct setting_values *values;  // what was set is kept here as well; NULL: it is not
        enum config_origin origin;      // of what is read
        bool is_plain;                  // values are what they say: "${NAME}" is no variable
};

// Things of one kind that users name, as they are in a configuration; lent.
struct config_named {
        unsigned applies;  // the settings of one
        enum setting_owner owner;
        const char *items;
        size_t size, n;  // of one, whose name is its first member; and their number
};

// All of such a setting (setting_is_named()).
struct config_named config_named_items(const struct config *config,
                                       const struct setting *setting);

// Read a mapping of settings. `path` is its dotted path, "" for the file as a whole; `section`
// is what the names of its settings begin with, "" for nothing.
void config_read_mapping(struct config_reader *reader, const struct config_node *mapping,
                         const char *path, const char *section);

// Note where the setting's value is from, if it is one of the server's.
void config_origin_note(const struct config_reader *reader, const struct setting *setting);

// Read the URL of a stream (SETTING_URL).
void config_read_url(struct config_reader *reader, const struct config_node *node,
                     const char *path);

// Read the value of one setting into the reader's target.
void config_read_setting(struct config_reader *reader, const struct config_node *node,
                         const char *path, const struct setting *setting);

// Set one setting from the environment or the command line; `origin` is the variable or option.
// False after telling a mistake.
bool config_read_word(struct config_reader *reader, const struct setting *setting,
                      const char *word, const char *origin);

// The text of a single value with ${NAME} and $$ filled in; the caller frees it. NULL when the
// node is no single value or a variable is missing; `expected` is for the mistake then.
char *config_read_value(struct config_reader *reader, const struct config_node *node,
                        const char *path, const char *expected);

// What a value is refused for: told at the node, and quoted as it stands in the file, so that
// what a variable held is never shown.
void config_refuse_value(struct config_reader *reader, const struct config_node *node,
                         const char *path, const struct setting *setting);

// Tell that the node has the wrong kind.
void config_refuse_kind(struct config_reader *reader, const struct config_node *node,
                        const char *path, const char *expected);

// Tell which keys of the mapping are there twice or are no names at all. The first of equal
// ones counts; the others' nodes become CONFIG_NODE_REFUSED.
void config_check_keys(struct config_reader *reader, const struct config_node *mapping,
                       const char *path);

// Tell what is wrong with the name that users gave a thing of that kind ("stream").
void config_check_name(struct config_reader *reader, const char *noun,
                       const struct config_node *name, const char *path);

// Whether the mapping has that key.
bool config_mapping_has(const struct config_node *mapping, const char *key);

// The path with the reader's folder in front when it is relative; the caller frees it.
char *config_resolve_path(const struct config_reader *reader, const char *path);
