#include "cli/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/complaint.h"
#include "decode/option_table.h"
#include "util/input.h"
#include "util/mem.h"
#include "util/nearest.h"
#include "util/redact.h"

// Where getopt's values of the table's entries begin: past all letters.
#define VALUE_FIRST 256

// The value of a switch that was given without a word.
static const char switch_on[] = "";

// The column at which the help of an option begins.
#define HELP_COLUMN 28

// The verb's table as getopt wants it. The last two entries are --help and the end.
struct getopt_table {
        struct option longs[OPTIONS_MAX + 2];
        char letters[2 * OPTIONS_MAX + 4];
        size_t n;
};

static int argument_need(const struct option_entry *entry) {
        if (!entry->argument)
                return no_argument;
        return entry->argument[0] == '[' ? optional_argument : required_argument;
}

static void table_fill(struct getopt_table *table, const struct options_verb *verb) {
        size_t n_letters = 0;

        // A colon first: a missing argument is told apart from an unknown option.
        table->letters[n_letters++] = ':';
        table->letters[n_letters++] = 'h';
        for (const struct option_entry *entry = verb->entries; entry->name; entry++) {
                assert(table->n < OPTIONS_MAX);
                if (entry->letter)
                        table->letters[n_letters++] = entry->letter;
                if (entry->letter && entry->argument)
                        table->letters[n_letters++] = ':';
                table->longs[table->n] = (struct option){
                        .name = entry->name,
                        .has_arg = argument_need(entry),
                        .val = VALUE_FIRST + (int)table->n,
                };
                table->n++;
        }
        table->longs[table->n] = (struct option){.name = "help", .val = 'h'};
}

static void help_print(const struct options_verb *verb) {
        printf("Usage: eavesdrop %s [OPTION...]%s%s\n\n%s\nOptions:\n", verb->name,
               verb->operands ? " " : "", verb->operands ? verb->operands : "", verb->about);
        for (const struct option_entry *entry = verb->entries; entry->name; entry++) {
                char left[64], letter[8] = "";

                if (entry->letter)
                        snprintf(letter, sizeof(letter), "-%c, ", entry->letter);
                snprintf(left, sizeof(left), "%s--%s%s%s", letter, entry->name,
                         argument_need(entry) == required_argument ? " " : "",
                         entry->argument ? entry->argument : "");
                if (strlen(left) >= HELP_COLUMN) {
                        printf("  %s\n", left);
                        left[0] = '\0';
                }
                printf("  %-*s%s\n", HELP_COLUMN, left, entry->help);
        }
        printf("  %-*s%s\n", HELP_COLUMN, "-h, --help", "print this");
}

static int usage_hint(const struct options_verb *verb) {
        fprintf(stderr, "Try: eavesdrop %s --help\n", verb->name);
        return EXIT_USAGE;
}

static int unknown_tell(const struct options_verb *verb, const struct getopt_table *table,
                        const char *word) {
        const char *names[OPTIONS_MAX + 2] = {0};
        CLEANUP(mem_freep) char *shown = redact_value(word);
        char written[64];
        const char *nearest;

        for (size_t i = 0; i <= table->n; i++)
                names[i] = table->longs[i].name;
        snprintf(written, sizeof(written), "%.*s", (int)strcspn(shown, "="), shown);
        nearest = nearest_find(written + strspn(written, "-"), names);
        if (nearest)
                complaint_print(verb->name, "unknown option %s; did you mean --%s?", written,
                                nearest);
        else
                complaint_print_value(verb->name, "unknown option ", written);
        return usage_hint(verb);
}

// Position in the table of what getopt returned, or -1.
static int entry_find(const struct options_verb *verb, int value) {
        for (int i = 0; verb->entries[i].name; i++)
                if (value == VALUE_FIRST + i ||
                    (value != 0 && value == verb->entries[i].letter))
                        return i;
        return -1;
}

// What getopt did not like.
static int complaint_tell(const struct options_verb *verb, const struct getopt_table *table,
                          int complaint, const char *word) {
        int entry = entry_find(verb, optopt);

        if (complaint == ':' && entry >= 0) {
                fprintf(stderr, "eavesdrop %s: --%s needs %s\n", verb->name,
                        verb->entries[entry].name, verb->entries[entry].argument);
                return usage_hint(verb);
        }
        if (optopt >= VALUE_FIRST && entry >= 0) {
                fprintf(stderr, "eavesdrop %s: --%s takes no value\n", verb->name,
                        verb->entries[entry].name);
                return usage_hint(verb);
        }
        if (optopt != 0 && optopt < VALUE_FIRST) {
                const char letter[] = {'-', (char)optopt, '\0'};

                return unknown_tell(verb, table, letter);
        }
        return unknown_tell(verb, table, word);
}

// Keep a word; the table has room for all of them.
static char *word_keep(struct options_made *made, const char *head, const char *word) {
        char *kept = made->words + made->n_words;
        int n = snprintf(kept, sizeof(made->words) - made->n_words, "%s%s", head, word);

        assert(n > 0 && made->n_words + (size_t)n < sizeof(made->words));
        made->n_words += (size_t)n + 1;
        return kept;
}

void options_make(struct options_made *ret, const struct option_entry *entries) {
        *ret = (struct options_made){0};
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

int options_parse(struct options *ret, const struct options_verb *verb, int argc, char **argv) {
        struct options options = {.verb = verb};
        struct getopt_table table = {0};
        int value;

        table_fill(&table, verb);
        opterr = 0;
        optind = 0;  // GNU: start afresh
        // Options are read before any thread starts.
        // NOLINTNEXTLINE(concurrency-mt-unsafe)
        while ((value = getopt_long(argc, argv, table.letters, table.longs, NULL)) != -1) {
                int entry = entry_find(verb, value);

                if (value == 'h') {
                        help_print(verb);
                        return EXIT_OK;
                }
                if (entry < 0)
                        return complaint_tell(verb, &table, value, argv[optind - 1]);
                options.values[entry] = optarg ? optarg : switch_on;
        }
        options.operands = argv + optind;
        options.n_operands = (size_t)(argc - optind);
        if (!verb->operands && options.n_operands > 0) {
                complaint_print_value(verb->name, "unexpected argument ", options.operands[0]);
                return usage_hint(verb);
        }
        *ret = options;
        return -1;
}

const char *options_get(const struct options *options, const char *name) {
        for (size_t i = 0; options->verb->entries[i].name; i++)
                if (strcmp(options->verb->entries[i].name, name) == 0)
                        return options->values[i];
        return NULL;
}

int options_config(struct config **ret, const struct options *options, const char *path) {
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
                                    options->values[i] == switch_on ? "true"
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
