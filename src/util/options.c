#include "util/options.h"

#include <assert.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "util/complaint.h"
#include "util/mem.h"
#include "util/nearest.h"
#include "util/redact.h"

// Where getopt's values of the table's entries begin: past all letters.
#define VALUE_FIRST 256

const char options_switch_on[] = "";

// The column at which the help of an option begins, and how wide it is.
#define HELP_COLUMN 28
#define HELP_WIDTH  70

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

// Print `left` and beside it the text, broken at blanks.
static void text_print(const char *left, const char *text) {
        while (text) {
                size_t n = strlen(text), end = n;

                if (n > HELP_WIDTH) {
                        for (end = HELP_WIDTH; end > 0 && text[end] != ' '; end--)
                                ;
                        end = end > 0 ? end : strcspn(text, " ");
                }
                printf("  %-*s%.*s\n", HELP_COLUMN, left, (int)end, text);
                text = end < n ? text + end + 1 : NULL;
                left = "";
        }
}

static void entry_print(const struct option_entry *entry) {
        char left[96], letter[8] = "";

        if (entry->letter)
                snprintf(letter, sizeof(letter), "-%c, ", entry->letter);
        snprintf(left, sizeof(left), "%s--%s%s%s", letter, entry->name,
                 argument_need(entry) == required_argument ? " " : "",
                 entry->argument ? entry->argument : "");
        if (strlen(left) >= HELP_COLUMN) {
                printf("  %s\n", left);
                left[0] = '\0';
        }
        text_print(left, entry->help);
}

static void help_print(const struct options_verb *verb) {
        printf("Usage: %s %s [OPTION...]%s%s\n\n%s\nOptions:\n", program_invocation_short_name,
               verb->name, verb->operands ? " " : "", verb->operands ? verb->operands : "",
               verb->about);
        for (const struct option_entry *entry = verb->entries; entry->name; entry++)
                entry_print(entry);
        text_print("-h, --help", "print this");
}

static int usage_hint(const struct options_verb *verb) {
        fprintf(stderr, "Try: %s %s --help\n", program_invocation_short_name, verb->name);
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
                fprintf(stderr, "%s %s: --%s needs %s\n", program_invocation_short_name,
                        verb->name, verb->entries[entry].name, verb->entries[entry].argument);
                return usage_hint(verb);
        }
        if (optopt >= VALUE_FIRST && entry >= 0) {
                fprintf(stderr, "%s %s: --%s takes no value\n", program_invocation_short_name,
                        verb->name, verb->entries[entry].name);
                return usage_hint(verb);
        }
        if (optopt != 0 && optopt < VALUE_FIRST) {
                const char letter[] = {'-', (char)optopt, '\0'};

                return unknown_tell(verb, table, letter);
        }
        return unknown_tell(verb, table, word);
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
                if (options.n_given == OPTIONS_GIVEN_MAX) {
                        complaint_print(verb->name, "more than %d options", OPTIONS_GIVEN_MAX);
                        return usage_hint(verb);
                }
                options.values[entry] = optarg ? optarg : options_switch_on;
                options.given[options.n_given].entry = (size_t)entry;
                options.given[options.n_given++].value = options.values[entry];
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

const char *options_next(const struct options *options, const char *name, size_t *at) {
        while (*at < options->n_given) {
                size_t i = (*at)++;

                if (strcmp(options->verb->entries[options->given[i].entry].name, name) == 0)
                        return options->given[i].value;
        }
        return NULL;
}
