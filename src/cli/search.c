// eavesdrop search, eavesdrop export: what is in the journal, found by its words or all of it.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/row_printer.h"
#include "cli/selection.h"
#include "journal/reader.h"
#include "util/complaint.h"
#include "util/mem.h"

#define SEARCH_LIMIT 100  // of rows, unless --limit says otherwise

static const struct options_verb search_verb = {
        .name = "search",
        .operands = "WORDS",
        .about = "Finds what was said, newest first, with the words of one argument:\n"
                 "  'fire alarm'          both words\n"
                 "  '\"fire alarm\" -test'  one behind the other, without that one\n"
                 "Subtitles come oldest first.\n",
        .entries = selection_entries,
};

static const struct options_verb export_verb = {
        .name = "export",
        .operands = "[WORDS]",
        .about = "Writes what was said, oldest first; as JSON, alerts and changes of state as "
                 "well.\n",
        .entries = selection_entries,
};

// --- reading ---------------------------------------------------------------------------------

static int page_mistake(const char *verb, const struct query_page *page) {
        complaint_print(verb, "%s", page->error);
        return page->is_query_wrong ? EXIT_USAGE : EXIT_TROUBLE;
}

// Rows of the next page: no more than are still wanted.
static size_t page_limit(uint64_t limit, uint64_t n) {
        return limit == 0 || limit - n > QUERY_PAGE_MAX ? QUERY_PAGE_MAX : (size_t)(limit - n);
}

// Print the selection's rows, a page at a time, or only go through them (no printer);
// query.after ends behind the last. *ret_more: there are more than were wanted.
static int pages_print(struct reader *reader, const char *verb, struct selection *selection,
                       struct row_printer *printer, bool *ret_more) {
        struct query *query = &selection->query;
        uint64_t n = 0;
        bool is_end = false;

        *ret_more = false;
        while (!is_end && (selection->limit == 0 || n < selection->limit)) {
                struct query_page page;
                int r = EXIT_OK;

                query->limit = page_limit(selection->limit, n);
                reader_read(reader, query, &page);
                if (page.error[0])
                        r = page_mistake(verb, &page);
                for (size_t i = 0; printer && i < page.n; i++)
                        row_printer_print(printer, &page.rows[i],
                                          page.marked ? page.marked[i] : NULL);
                n += page.n;
                is_end = page.is_end;
                query->after = page.next;
                query_page_deinit(&page);
                if (r != EXIT_OK)
                        return r;
                if (printer && !row_printer_flush(printer))
                        return EXIT_TROUBLE;  // cli_main() tells
        }
        *ret_more = !is_end;
        return EXIT_OK;
}

// Subtitles have to be in order: of the newest rows so many as are wanted, oldest first.
static int order_turn(struct reader *reader, const char *verb, struct selection *selection) {
        struct query *query = &selection->query;
        bool has_more = false;
        int r;

        if (selection->limit > 0) {
                r = pages_print(reader, verb, selection, NULL, &has_more);
                if (r != EXIT_OK)
                        return r;
        }
        if (has_more)
                query->after.row--;  // the first to be shown is behind it
        else
                query->after = (struct row_cursor){0};
        query->is_newest_first = false;
        return EXIT_OK;
}

static int selection_print(struct reader *reader, const char *verb,
                           struct selection *selection) {
        bool is_subtitle =
                selection->format == TRANSCRIPT_SRT || selection->format == TRANSCRIPT_VTT;
        CLEANUP(row_printer_freep)
        struct row_printer *printer =
                row_printer_new(stdout, selection->format, selection->query.since);
        uint64_t limit = selection->limit;
        bool has_more;
        int r = EXIT_OK;

        if (selection->query.is_newest_first && is_subtitle)
                r = order_turn(reader, verb, selection);
        if (r == EXIT_OK)
                r = pages_print(reader, verb, selection, printer, &has_more);
        if (r == EXIT_OK && has_more && strcmp(verb, "search") == 0)
                complaint_print(verb, "there are more than these %llu: see --limit",
                                (unsigned long long)limit);
        if (reader_damaged(reader) > 0) {
                complaint_print(verb, "%llu rows are damaged and were left out",
                                (unsigned long long)reader_damaged(reader));
                return EXIT_TROUBLE;
        }
        return r;
}

// --- verbs -----------------------------------------------------------------------------------

static int64_t now_ms(void) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int verb_run(const struct cli_options *options, struct selection *selection) {
        const char *verb = options->verb.name;
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(mem_freep) char *folder = NULL;
        CLEANUP(reader_closep) struct reader *reader = NULL;
        struct error error = {0};

        if (cli_options_config(&config, options, NULL) < 0)
                return EXIT_USAGE;
        folder = config_state_dir(config);
        if (reader_open(&reader, folder, &error) != 0) {
                complaint_print(verb, "%s", error.text);
                return EXIT_TROUBLE;
        }
        return selection_print(reader, verb, selection);
}

int cli_search(int argc, char **argv) {
        struct cli_options options;
        struct selection selection;
        int r = cli_options_parse(&options, &search_verb, SETTING_READ, argc, argv);

        if (r < 0)
                r = selection_read(&selection, &options.options, SEARCH_LIMIT, now_ms());
        if (r >= 0)
                return r;
        if (!selection.query.words) {
                complaint_print("search",
                                "no words to search for; try: eavesdrop search --help");
                selection_deinit(&selection);
                return EXIT_USAGE;
        }
        selection.query.kinds = 1U << ROW_SEGMENT;
        selection.query.is_newest_first = true;
        selection.query.has_marks = true;
        r = verb_run(&options, &selection);
        selection_deinit(&selection);
        return r;
}

int cli_export(int argc, char **argv) {
        struct cli_options options;
        struct selection selection;
        int r = cli_options_parse(&options, &export_verb, SETTING_READ, argc, argv);

        if (r < 0)
                r = selection_read(&selection, &options.options, 0, now_ms());
        if (r >= 0)
                return r;
        if (selection.format != TRANSCRIPT_JSON)
                selection.query.kinds = 1U << ROW_SEGMENT;
        r = verb_run(&options, &selection);
        selection_deinit(&selection);
        return r;
}
