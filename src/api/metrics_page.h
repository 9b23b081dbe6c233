#pragma once
// Metrics page: all that GET /metrics tells.
//
// Labels carry names of streams, dialects and causes, never a URL.
//
// Threads: loop thread only.

#include <stddef.h>
#include <stdint.h>

#include "pipeline/hub.h"

struct alerts;
struct archive;
struct journal;
struct sinks;

// Where the figures are that the page shows; all lent.
struct metrics_sources {
        struct hub *hub;
        size_t n_connections;
        int64_t certificate_expiry;  // of new connections, Unix time in seconds; 0: none
        // What is kept and handed on; NULL: nothing is.
        const struct journal *journal;
        const struct archive *archive;
        const struct alerts *alerts;
        const struct sinks *sinks;
        const struct transcriptions *transcriptions;  // files that clients bring
};

// Write the page; the caller frees it. Its length in *ret_n.
char *metrics_page(const struct metrics_sources *sources, size_t *ret_n);
