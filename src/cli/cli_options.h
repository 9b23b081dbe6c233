#pragma once
// CLI options: the command line of a verb that has settings (config/setting.h) as options
// beside its own.
//
// Threads: main thread.

#include "config/config.h"
#include "util/options.h"

struct cli_options {
        struct options options;                        // what was given
        struct options_verb verb;                      // with all entries
        struct option_entry entries[OPTIONS_MAX + 1];  // the verb's own, and its settings'
        size_t n;
        char words[16384];  // of the settings' entries
        size_t n_words;
};

// Parse the command line of a verb and of `settings` (SETTING_SERVE, ...), as options_parse().
int cli_options_parse(struct cli_options *ret, const struct options_verb *verb,
                      unsigned settings, int argc, char **argv);

// As cli_options_config(), but the mistakes, a line each, are the caller's to tell and to free.
// On any thread: nothing is printed, and nothing of the options changed.
int cli_options_load(struct config **ret, const struct cli_options *options, const char *path,
                     char **ret_mistakes);

// The configuration in `path` (NULL: only the environment) with what the command line
// overrides. Mistakes are told on standard error, and -EINVAL returned.
int cli_options_config(struct config **ret, const struct cli_options *options,
                       const char *path);
