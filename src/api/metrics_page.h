#pragma once
// Metrics page: all that GET /metrics tells.
//
// Labels carry names of streams, dialects and causes, never a URL.
//
// Threads: loop thread only.

#include <stddef.h>

#include "pipeline/hub.h"

// Where the figures are that the page shows; all lent.
struct metrics_sources {
        struct hub *hub;
        size_t n_connections;
};

// Write the page; the caller frees it. Its length in *ret_n.
char *metrics_page(const struct metrics_sources *sources, size_t *ret_n);
