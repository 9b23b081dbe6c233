#pragma once
// Sink filter: of what a sink hears.
//
// Threads: loop thread.
// Memory:  copies what it needs of the configuration.

#include <stdbool.h>

#include "journal/row.h"
#include "sink/sink.h"
#include "util/error.h"

struct sink_filter {
        unsigned kinds;     // bits 1 << ROW_...; 0: all
        char **streams;     // names or globs, NULL at the end; NULL: all
        char **languages;   // likewise
        bool has_sessions;  // clients' sessions pass, too
};

// -EINVAL with words that name the key. Free what it holds.
int sink_filter_init(struct sink_filter *filter, const struct sink_config *config,
                     struct error *error);
void sink_filter_deinit(struct sink_filter *filter);

// Whether the sink hears of it. That text was removed is for everybody who may have it, and
// what has no language is for all languages.
bool sink_filter_row(const struct sink_filter *filter, const struct row *row);
bool sink_filter_event(const struct sink_filter *filter, const struct sink_event *event);
