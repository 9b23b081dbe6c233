#pragma once
// CLI options: a verb's options as settings: those that the decoding options make, and what the
// command line overrides in the configuration.
//
// Threads: main thread.

#include "server/config.h"
#include "util/options.h"

// Entries made of others and of all decoding options (decode/option_table.h), "--beam-size" for
// beam_size, as the configuration's keys "decoding.beam_size". Zeroed is empty.
struct cli_options {
        struct option_entry entries[OPTIONS_MAX + 1];
        char words[4096];  // their names and keys
        size_t n, n_words;
};

void cli_options_make(struct cli_options *ret, const struct option_entry *entries);

// The configuration in `path` (NULL: only the environment) with what the command line
// overrides. Mistakes are told on standard error, and -EINVAL returned.
int cli_options_config(struct config **ret, const struct options *options, const char *path);
