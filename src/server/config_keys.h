#pragma once
// Keys: which keys there are and what their values must look like. Private to server/config*.c.
//
// Threads: main thread.

#include <stdbool.h>

#include "server/config.h"

// A key with a single value.
struct config_key {
        const char *name;            // "language"; of the log mapping "log.level"
        const char *environment;     // the variable that overrides it; NULL none
        const char *expected;        // in words, for mistakes
        const char *const *choices;  // all it can be, NULL at the end; NULL when it is free
        bool is_path;                // relative ones are the configuration file's
        // Check the value and put a copy into the struct config or stream_config at `target`.
        // False when it is not what is expected; `target` is then as before.
        bool (*set)(void *target, const char *value);
};

// The keys of the file as a whole (target: struct config) and of one stream (target: struct
// stream_config), each ended by an entry without a name.
extern const struct config_key config_server_keys[];
extern const struct config_key config_stream_keys[];

// A key of the file as a whole that has gone to another place: whoever still has it there is
// told.
struct config_moved_key {
        const char *name, *environment;          // before
        const char *new_name, *new_environment;  // now
};

// Ended by an entry without a name.
extern const struct config_moved_key config_moved_keys[];

// What `memory: auto` is on this machine.
size_t config_memory_auto(void);

// The entry with that name, or NULL.
const struct config_key *config_key_find(const struct config_key *keys, const char *name);
