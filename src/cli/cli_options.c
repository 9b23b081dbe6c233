#include "cli/cli_options.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "decode/option_table.h"
#include "util/input.h"
#include "util/mem.h"

// Keep a word; the table has room for all of them.
static char *word_keep(struct cli_options *options, const char *head, const char *word) {
        char *kept = options->words + options->n_words;
        int n = snprintf(kept, sizeof(options->words) - options->n_words, "%s%s", head, word);

        assert(n > 0 && options->n_words + (size_t)n < sizeof(options->words));
        options->n_words += (size_t)n + 1;
        return kept;
}

void cli_options_make(struct cli_options *ret, const struct option_entry *entries) {
        *ret = (struct cli_options){0};
        for (; entries->name; entries++)
                ret->entries[ret->n++] = *entries;
        for (const struct decode_option *option = decode_option_table; option->name; option++) {
                char *name = word_keep(ret, "", option->name);

                assert(ret->n < OPTIONS_MAX);
                for (char *place = name; (place = strchr(place, '_'));)
                        *place = '-';
                ret->entries[ret->n++] = (struct option_entry){
                        .name = name,
                        .argument = decode_option_argument(option),
                        .help = option->help,
                        .key = word_keep(ret, "decoding.", option->name),
                };
        }
}

int cli_options_config(struct config **ret, const struct options *options, const char *path) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct config_mistakes mistakes = {0};
        int r = config_load(&config, path, &mistakes);

        for (size_t i = 0; options->verb->entries[i].name && config; i++) {
                const struct option_entry *entry = &options->verb->entries[i];
                char name[64];

                if (!entry->key || !options->values[i])
                        continue;
                snprintf(name, sizeof(name), "--%s", entry->name);
                // A switch without a word is on.
                if (config_override(config, entry->key,
                                    options->values[i] == options_switch_on
                                            ? "true"
                                            : options->values[i],
                                    name, &mistakes) < 0)
                        r = -EINVAL;
        }
        for (size_t i = 0; i < mistakes.n; i++) {
                CLEANUP(mem_freep)
                char *line =
                        config_mistake_format(&mistakes.items[i], path ? input_name(path) : "");

                fprintf(stderr, "%s\n", line);
        }
        config_mistakes_deinit(&mistakes);
        if (r == 0)
                *ret = TAKE(config);
        return r;
}
