#pragma once
// Options: one verb's command line, from a table that also prints its help.
//
// Threads: main thread.
// Memory:  values are lent from argv.

#include <stddef.h>

#define OPTIONS_MAX       48   // of one verb
#define OPTIONS_GIVEN_MAX 256  // on one command line

struct option_entry {
        const char *name;  // "model-dir"
        // "DIR"; NULL: a switch; "[=true|false]": a switch that may have it
        const char *argument;
        const char *help;  // one line
        const char *key;   // the configuration key that it overrides; NULL none
        char letter;       // 'c' for -c; 0 none
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
        const char *values[OPTIONS_MAX];  // in the table's order; NULL: not given; the last
        // As they were given, one behind the other.
        struct {
                size_t entry;
                const char *value;
        } given[OPTIONS_GIVEN_MAX];
        size_t n_given;
        char **operands;
        size_t n_operands;
};

// Parse. Returns -1 to go on, else the exit code: help was printed, or mistakes were told.
int options_parse(struct options *ret, const struct options_verb *verb, int argc, char **argv);

// The value of a switch that was given without a word, which is told apart by its address.
extern const char options_switch_on[];

// The value of an option by name ("" for a switch), NULL when it was not given.
const char *options_get(const struct options *options, const char *name);

// The values of an option that may be given several times, in order: the next one from *at on,
// which begins at 0 and is moved behind it. NULL: no more.
const char *options_next(const struct options *options, const char *name, size_t *at);
