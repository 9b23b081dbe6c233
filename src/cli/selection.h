#pragma once
// Selection: which rows of the journal a command line asks for, and how they are written.
//
// Threads: main thread.

#include <stdint.h>

#include "cli/cli_options.h"
#include "journal/query.h"
#include "transcript/transcript_writer.h"

// The options of search and export, which selection_read() reads.
extern const struct option_entry selection_entries[];

struct selection {
        struct query query;  // owned
        uint64_t limit;      // rows; 0: all
        enum transcript_format format;
};

// Of the options and operands (words to search for). `limit` holds where none is given, times
// back from `now` (Unix ms). Returns -1 to go on, else the exit code: a mistake was told.
int selection_read(struct selection *ret, const struct options *options, uint64_t limit,
                   int64_t now);

// A point in time as people write it: a date (util/date.h), or how long before `now` (Unix ms).
// Returns -1 to go on, *ret being as it was where the option was not given; else the exit code.
int selection_time(const struct options *options, const char *name, int64_t now, int64_t *ret);

void selection_deinit(struct selection *selection);

// The only stream that is asked for, as subtitles need it; NULL when there may be several.
const char *selection_stream(const struct selection *selection);
