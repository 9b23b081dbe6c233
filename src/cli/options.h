#pragma once
// Options: one verb's command line, from a table that also prints its help.
//
// Threads: main thread.
// Memory:  values are lent from argv.

#include <stddef.h>

#include "server/config.h"

#define OPTIONS_MAX 48  // of one verb

struct option_entry {
        const char *name;  // "model-dir"
        const char
                *argument;  // "DIR"; NULL: a switch; "[=true|false]": a switch that may have it
        const char *help;   // one line
        const char *key;    // the configuration key that it overrides; NULL none
        char letter;        // 'c' for -c; 0 none
};

// The table of a verb.
struct options_verb {
        const char *name;
        const char *operands;                // "FILE..."; NULL: it takes none
        const char *about;                   // what it does, ended by a newline
        const struct option_entry *entries;  // ended by one without a name; --help is implied
};

struct options {
        const struct options_verb *verb;
        const char
                *values[OPTIONS_MAX];  // in the table's order; "" for a switch, NULL not given
        char **operands;
        size_t n_operands;
};

// Entries made of others and of all decoding options (decode/option_table.h), "--beam-size" for
// beam_size, as the configuration's keys "decoding.beam_size". Zeroed is empty.
struct options_made {
        struct option_entry entries[OPTIONS_MAX + 1];
        char words[4096];  // their names and keys
        size_t n, n_words;
};

void options_make(struct options_made *ret, const struct option_entry *entries);

// Parse. Returns -1 to go on, else the exit code: help was printed, or mistakes were told.
int options_parse(struct options *ret, const struct options_verb *verb, int argc, char **argv);

// The value of an option by name ("" for a switch), NULL when it was not given.
const char *options_get(const struct options *options, const char *name);

// The configuration in `path` (NULL: only the environment) with what the command line
// overrides. Mistakes are told on standard error, and -EINVAL returned.
int options_config(struct config **ret, const struct options *options, const char *path);
