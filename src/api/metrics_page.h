#pragma once
// Metrics page: all that GET /metrics tells.
//
// Labels carry names of streams, dialects and causes, never a URL.
//
// Threads: loop thread only.

#include <stddef.h>

#include "decode/scheduler.h"
#include "pipeline/stream.h"
#include "server/counts.h"
#include "server/session.h"

// Where the figures are that the page shows; all lent.
struct metrics_sources {
        const struct loop *loop;
        const struct server_counts *counts;
        const struct budget *budget;
        const struct upload_slots *upload_slots;
        struct scheduler *scheduler;
        struct stream *const *streams;  // the pulled ones
        size_t n_streams;
        const struct session *sessions;  // first of the list
        size_t n_connections;
};

// Write the page; the caller frees it. Its length in *ret_n.
char *metrics_page(const struct metrics_sources *sources, size_t *ret_n);
