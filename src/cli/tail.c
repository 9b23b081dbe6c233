// eavesdrop tail: the last that was said, and what is said from now on.
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_options.h"
#include "cli/row_printer.h"
#include "journal/reader.h"
#include "util/complaint.h"
#include "util/mem.h"

#define POLL_MS 200  // how often the database is asked whether there is something new
#define LINES   10   // unless --lines says otherwise

static const struct option_entry entries[] = {
        {"follow", NULL, "go on with what is said from now on, until interrupted", NULL, 'f'},
        {"lines", "N", "how many of the last rows, at most 1000 [10]", NULL, 'n'},
        {"format", "FORMAT", "text, or json (a row per line) [text]", NULL, 0},
        {0},
};

static const struct options_verb verb = {
        .name = "tail",
        .operands = "[STREAM...]",
        .about = "Shows the last that was said in these streams (names or globs; all if none "
                 "is named),\n"
                 "alerts and changes of state.\n",
        .entries = entries,
};

struct tail {
        const char *folder;
        struct reader *reader;
        struct row_printer *printer;
        struct query query;  // the streams are lent
        uint64_t n_damaged;  // by readers that are closed
};

// --- the last rows ---------------------------------------------------------------------------

// Print the last rows in the order in which they were said, and begin behind them.
static int last_print(struct tail *tail, size_t n) {
        struct query query = tail->query;
        struct query_page page;
        int r = EXIT_OK;

        query.is_newest_first = true;
        query.limit = n > 0 ? n : 1;
        reader_read(tail->reader, &query, &page);
        if (page.error[0]) {
                complaint_print("tail", "%s", page.error);
                r = EXIT_TROUBLE;
        }
        for (size_t i = page.n; n > 0 && i-- > 0;)
                row_printer_print(tail->printer, &page.rows[i], NULL);
        tail->query.after = page.n > 0 ? page.rows[0].cursor : page.next;
        query_page_deinit(&page);
        if (!row_printer_flush(tail->printer))
                r = EXIT_TROUBLE;  // cli_main() tells
        return r;
}

// --- new ones --------------------------------------------------------------------------------

// What came since the last time. False when it cannot be written, or read: then *tail waits for
// another file, which the server puts in place of a damaged one.
static bool new_print(struct tail *tail) {
        bool is_end = false;

        while (!is_end) {
                struct query_page page;

                reader_read(tail->reader, &tail->query, &page);
                if (page.error[0]) {
                        complaint_print("tail", "%s", page.error);
                        return page.is_damaged;
                }
                if (page.is_other_epoch)
                        complaint_print("tail", "the journal was begun anew");
                for (size_t i = 0; i < page.n; i++)
                        row_printer_print(tail->printer, &page.rows[i], NULL);
                tail->query.after = page.next;
                is_end = page.is_end;
                query_page_deinit(&page);
                if (!row_printer_flush(tail->printer))
                        return false;
        }
        return true;
}

// Open the file that took the other's place; if there is none yet, there will be.
static void reader_replace(struct tail *tail) {
        struct reader *reader;

        if (reader_open(&reader, tail->folder, NULL) != 0)
                return;
        tail->n_damaged += reader_damaged(tail->reader);
        reader_close(tail->reader);
        tail->reader = reader;
}

// True when it is time to look again; false when whoever read what is printed has left.
static bool time_wait(void) {
        struct pollfd output = {.fd = STDOUT_FILENO};

        return poll(&output, 1, POLL_MS) <= 0 || !(output.revents & (POLLERR | POLLHUP));
}

static int follow(struct tail *tail) {
        int64_t version = -1;

        while (time_wait()) {
                int64_t now;

                if (!reader_is_current(tail->reader)) {
                        reader_replace(tail);
                        version = -1;
                }
                now = reader_version(tail->reader);
                if (now == version)
                        continue;
                version = now;
                if (!new_print(tail))
                        return EXIT_TROUBLE;
        }
        return EXIT_OK;
}

// --- the verb --------------------------------------------------------------------------------

static int tail_run(struct tail *tail, size_t n_lines, bool is_following) {
        uint64_t n_damaged;
        int r = last_print(tail, n_lines);

        if (r == EXIT_OK && is_following)
                r = follow(tail);
        n_damaged = tail->n_damaged + reader_damaged(tail->reader);
        if (n_damaged > 0)
                complaint_print("tail", "%llu rows are damaged and were left out",
                                (unsigned long long)n_damaged);
        return n_damaged > 0 ? EXIT_TROUBLE : r;
}

static int usage_mistake(const char *text, const char *value) {
        complaint_print_value("tail", text, value);
        return EXIT_USAGE;
}

static int lines_read(const struct options *options, size_t *ret) {
        const char *value = options_get(options, "lines");
        char *end;

        *ret = LINES;
        if (!value)
                return -1;
        errno = 0;
        *ret = strtoul(value, &end, 10);
        if (errno == 0 && isdigit((unsigned char)value[0]) && *end == '\0' &&
            *ret <= QUERY_PAGE_MAX)
                return -1;
        return usage_mistake("--lines is a whole number up to 1000, not ", value);
}

static int format_read(const struct options *options, enum transcript_format *ret) {
        const char *format = options_get(options, "format");

        if (format && (!transcript_writer_format(format, ret) || *ret > TRANSCRIPT_JSON))
                return usage_mistake("--format is text or json, not ", format);
        return -1;
}

// The last step: the journal is there, and everything is known.
static int tail_open(struct tail *tail, const struct cli_options *options, size_t n_lines) {
        CLEANUP(config_freep) struct config *config = NULL;
        CLEANUP(mem_freep) char *folder = NULL;
        struct error error = {0};
        int r;

        if (cli_options_config(&config, options, NULL) < 0)
                return EXIT_USAGE;
        tail->folder = folder = config_state_dir(config);
        if (reader_open(&tail->reader, folder, &error) != 0) {
                complaint_print("tail", "%s", error.text);
                return EXIT_TROUBLE;
        }
        r = tail_run(tail, n_lines, options_get(&options->options, "follow") != NULL);
        reader_close(tail->reader);
        return r;
}

int cli_tail(int argc, char **argv) {
        struct cli_options options;
        enum transcript_format format = TRANSCRIPT_TEXT;
        struct tail tail = {.query.kinds =
                                    1U << ROW_SEGMENT | 1U << ROW_ALERT | 1U << ROW_STATUS};
        size_t n_lines;
        int r = cli_options_parse(&options, &verb, SETTING_READ, argc, argv);

        if (r >= 0 || (r = lines_read(&options.options, &n_lines)) >= 0 ||
            (r = format_read(&options.options, &format)) >= 0)
                return r;
        if (options.options.n_operands > 0)  // argv ends with NULL, as the list does
                tail.query.streams = options.options.operands;
        tail.printer = row_printer_new(stdout, format, 0);
        r = tail_open(&tail, &options, n_lines);
        row_printer_free(tail.printer);
        return r;
}
