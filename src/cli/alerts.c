// eavesdrop alerts test: what would have fired, had there been such an alert?
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/alerts.h"
#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/row_printer.h"
#include "cli/selection.h"
#include "journal/reader.h"
#include "util/complaint.h"
#include "util/mem.h"
#include "util/number.h"

static const struct option_entry own_entries[] = {
        {"words", NULL, "they are words or phrases, as under `words`, and no patterns", NULL,
         'w'},
        {"cooldown", "TIME", "in which it does not fire again on the same stream [0]", NULL, 0},
};

#define N_OWN       (sizeof(own_entries) / sizeof(own_entries[0]))
#define ENTRIES_MAX 16

struct alerts_trial {
        struct row_printer *printer;
        struct row_ids ids;
        uint64_t limit;  // of what fires; 0: any
        uint64_t n_fired, n_segments;
};

static int usage_mistake(const char *words, const char *argument) {
        complaint_print_value("alerts", words, argument);
        fputs("Try: eavesdrop alerts --help\n", stderr);
        return EXIT_USAGE;
}

// --- firing ----------------------------------------------------------------------------------

// The text around what was found, with that marked as search does it (query.h). The caller
// frees it.
static char *text_mark(const struct row *row) {
        const char *there = strstr(row->text, row->found);

        return there ? xasprintf("%.*s\x01%s\x02%s", (int)(there - row->text), row->text,
                                 row->found, there + strlen(row->found))
                     : NULL;
}

static void on_alert(void *context, struct row *row, uint8_t ret_id[ROW_ID_BYTES]) {
        struct alerts_trial *trial = context;
        CLEANUP(mem_freep) char *marked = text_mark(row);

        row_id_make(&trial->ids, row->start, row->id);
        memcpy(ret_id, row->id, ROW_ID_BYTES);
        if (trial->limit == 0 || trial->n_fired < trial->limit) {
                trial->n_fired++;
                row_printer_print(trial->printer, row, marked);
        }
        row_free(row);
}

// Give the alert all segments that the query selects, the oldest first.
static int journal_hear(struct alerts_trial *trial, struct alerts *alerts,
                        struct reader *reader, struct query *query) {
        bool is_end = false;

        while (!is_end && (trial->limit == 0 || trial->n_fired < trial->limit)) {
                struct query_page page;

                reader_read(reader, query, &page);
                if (page.error[0]) {
                        complaint_print("alerts", "%s", page.error);
                        query_page_deinit(&page);
                        return EXIT_TROUBLE;
                }
                for (size_t i = 0; i < page.n; i++)
                        alerts_on_segment(alerts, &page.rows[i]);
                trial->n_segments += page.n;
                query->after = page.next;
                is_end = page.is_end;
                query_page_deinit(&page);
                if (!row_printer_flush(trial->printer))
                        return EXIT_TROUBLE;  // cli_main() tells
        }
        return EXIT_OK;
}

static int trial_run(struct alerts_trial *trial, struct alerts *alerts, struct reader *reader,
                     struct query *query) {
        int r = journal_hear(trial, alerts, reader, query);

        if (r != EXIT_OK)
                return r;
        fprintf(stderr, "%llu firing%s in %llu segment%s\n", (unsigned long long)trial->n_fired,
                trial->n_fired == 1 ? "" : "s", (unsigned long long)trial->n_segments,
                trial->n_segments == 1 ? "" : "s");
        if (alerts_limited(alerts) > 0)
                complaint_print("alerts",
                                "patterns took too long on %llu texts, and did not "
                                "match them",
                                (unsigned long long)alerts_limited(alerts));
        if (reader_damaged(reader) > 0) {
                complaint_print("alerts", "%llu rows are damaged and were left out",
                                (unsigned long long)reader_damaged(reader));
                return EXIT_TROUBLE;
        }
        return EXIT_OK;
}

// --- the command line ------------------------------------------------------------------------

// The alert that the operands behind "test" make. Its texts are the caller's to free.
static int config_read(const struct options *options, struct alert_config *ret) {
        const char *cooldown = options_get(options, "cooldown");
        char *lines = NULL;

        if (cooldown && (!seconds_read(cooldown, &ret->cooldown) || ret->cooldown < 0))
                return usage_mistake("--cooldown is a time such as 30s, not ", cooldown);
        for (size_t i = 1; i < options->n_operands; i++) {
                CLEANUP(mem_freep) char *before = lines;

                lines = xasprintf("%s%s\n", before ? before : "", options->operands[i]);
        }
        if (options_get(options, "words"))
                ret->words = lines;
        else
                ret->patterns = lines;
        return -1;
}

static int verb_run(const struct cli_options *options, struct selection *selection,
                    const struct alert_config *alert) {
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(mem_freep) char *folder = NULL;
        CLEANUP(alerts_freep) struct alerts *alerts = NULL;
        CLEANUP(reader_closep) struct reader *reader = NULL;
        struct alerts_trial trial = {.limit = selection->limit};
        struct error error = {0};
        const char *key;
        int r;

        if (alert_check(alert, &key, &error) < 0 ||
            alerts_new(&alerts, alert, 1, on_alert, &trial, &error) < 0) {
                complaint_print("alerts", "%s", error.text);
                return EXIT_USAGE;
        }
        if (cli_options_config(&config, options, NULL) < 0)
                return EXIT_USAGE;
        folder = config_state_dir(config);
        if (reader_open(&reader, folder, &error) != 0) {
                complaint_print("alerts", "%s", error.text);
                return EXIT_TROUBLE;
        }
        trial.printer = row_printer_new(stdout, selection->format, 0);
        r = trial_run(&trial, alerts, reader, &selection->query);
        row_printer_free(trial.printer);
        return r;
}

// With the options of search beside the verb's own.
static void entries_fill(struct option_entry entries[ENTRIES_MAX]) {
        size_t n = N_OWN;

        memcpy(entries, own_entries, sizeof(own_entries));
        for (const struct option_entry *entry = selection_entries; entry->name; entry++)
                if (n + 1 < ENTRIES_MAX)
                        entries[n++] = *entry;
}

int cli_alerts(int argc, char **argv) {
        static struct option_entry entries[ENTRIES_MAX];
        static const struct options_verb verb = {
                .name = "alerts",
                .operands = "test PATTERN...",
                .about =
                        "Says what would have fired in what the journal has, had there been an "
                        "alert with\n"
                        "these patterns (regular expressions), or words (--words).\n",
                .entries = entries,
        };
        struct cli_options options;
        struct selection selection;
        struct alert_config alert = {.name = (char[]){"test"}, .wants_sessions = true};
        struct timespec now;
        int r;

        entries_fill(entries);
        r = cli_options_parse(&options, &verb, SETTING_READ, argc, argv);
        if (r >= 0)
                return r;
        if (options.options.n_operands < 2 || strcmp(options.options.operands[0], "test") != 0)
                return usage_mistake("what is to be done? alerts test PATTERN...", "");
        clock_gettime(CLOCK_REALTIME, &now);
        r = selection_read(&selection, &options.options, 0,
                           (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
        if (r >= 0)
                return r;
        // The words are for the alert to find, not for the index.
        selection.query.words = mem_free(selection.query.words);
        selection.query.kinds = 1U << ROW_SEGMENT;
        if (selection.format > TRANSCRIPT_JSON)
                r = usage_mistake("--format is text or json, not ",
                                  options_get(&options.options, "format"));
        else
                r = config_read(&options.options, &alert);
        if (r < 0)
                r = verb_run(&options, &selection, &alert);
        selection_deinit(&selection);
        free(alert.words);
        free(alert.patterns);
        return r;
}
