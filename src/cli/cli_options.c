#include "cli/cli_options.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/input.h"
#include "util/mem.h"

// Keep a word, of which there is room for all settings'. The word is taken.
static const char *word_keep(struct cli_options *options, char *word) {
        char *kept = options->words + options->n_words;
        size_t size = strlen(word) + 1;

        assert(options->n_words + size <= sizeof(options->words));
        memcpy(kept, word, size);
        options->n_words += size;
        free(word);
        return kept;
}

static char *setting_help(const struct setting *setting) {
        const char *preset = setting->preset ? setting->preset : setting->preset_words;

        if (setting->zero && preset && strcmp(preset, "0") == 0)
                return xasprintf("%s [0: %s]", setting->help, setting->zero);
        return preset ? xasprintf("%s [%s]", setting->help, preset) : xstrdup(setting->help);
}

static void entry_add(struct cli_options *options, struct option_entry entry) {
        assert(options->n < OPTIONS_MAX);
        options->entries[options->n++] = entry;
}

static void entries_make(struct cli_options *options, const struct option_entry *own,
                         unsigned settings) {
        for (; own->name; own++)
                entry_add(options, *own);
        for (const struct setting *setting = setting_table; setting->name; setting++)
                if (setting->verbs & settings)
                        entry_add(options,
                                  (struct option_entry){
                                          word_keep(options, setting_option(setting)),
                                          word_keep(options, setting_argument(setting)),
                                          word_keep(options, setting_help(setting)),
                                          setting->name, 0});
}

int cli_options_parse(struct cli_options *ret, const struct options_verb *verb,
                      unsigned settings, int argc, char **argv) {
        *ret = (struct cli_options){.verb = *verb};
        entries_make(ret, verb->entries, settings);
        ret->verb.entries = ret->entries;
        return options_parse(&ret->options, &ret->verb, argc, argv);
}

// The entry before this one that was given too, and is another name for the same setting.
static const struct option_entry *other_name(const struct cli_options *options, size_t i) {
        const struct setting *setting = setting_find(~0U, options->entries[i].key);

        for (size_t k = 0; k < i; k++) {
                const struct option_entry *other = &options->entries[k];

                if (options->options.values[k] && other->key &&
                    setting_is_same(setting, setting_find(~0U, other->key)))
                        return other;
        }
        return NULL;
}

static void line_add(char **lines, char *line) {
        char *before = *lines;

        *lines = xasprintf("%s%s%s", before ? before : "", before ? "\n" : "", line);
        free(before);
        free(line);
}

// What the command line says goes over it.
static int options_apply(struct config *config, const struct cli_options *options,
                         struct config_mistakes *mistakes, char **lines) {
        int r = 0;

        for (size_t i = 0; i < options->n; i++) {
                const struct option_entry *entry = &options->entries[i];
                const char *value = options->options.values[i];
                CLEANUP(mem_freep) char *name = xasprintf("--%s", entry->name);
                const struct option_entry *other;

                if (!entry->key || !value)
                        continue;
                other = other_name(options, i);
                if (other) {
                        line_add(lines,
                                 xasprintf("%s: --%s is another name for it: leave one of the "
                                           "two out",
                                           name, other->name));
                        r = -EINVAL;
                }
                // A switch without a word is on.
                if (config_override(config, entry->key,
                                    value == options_switch_on ? "true" : value, name,
                                    mistakes) < 0)
                        r = -EINVAL;
        }
        return r;
}

int cli_options_load(struct config **ret, const struct cli_options *options, const char *path,
                     char **ret_mistakes) {
        CLEANUP(config_freep) struct config *config = NULL;
        struct config_mistakes mistakes = {0};
        int r = config_load(&config, path, &mistakes);

        *ret_mistakes = NULL;
        if (config)
                r = options_apply(config, options, &mistakes, ret_mistakes);
        for (size_t i = 0; i < mistakes.n; i++)
                line_add(ret_mistakes, config_mistake_format(&mistakes.items[i],
                                                             path ? input_name(path) : ""));
        config_mistakes_deinit(&mistakes);
        if (r == 0)
                *ret = TAKE(config);
        return r;
}

int cli_options_config(struct config **ret, const struct cli_options *options,
                       const char *path) {
        CLEANUP(mem_freep) char *mistakes = NULL;
        int r = cli_options_load(ret, options, path, &mistakes);

        if (mistakes)
                fprintf(stderr, "%s\n", mistakes);
        return r;
}
