#pragma once
// Levels: at which level of load a server is while it is measured, as it tells itself at
// /metrics (eavesdrop_load_level) twice a second: how long at each, and when it changed.
//
// Threads: loop thread only.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/loop.h"

#define LEVELS_MAX     8
#define LEVEL_NAME_MAX 24

struct level_change {
        double at;     // seconds since the first sample
        size_t level;  // of the names
};

struct level_figures {
        size_t n;  // levels that the server has; 0: it tells none
        char names[LEVELS_MAX][LEVEL_NAME_MAX];
        double seconds[LEVELS_MAX];    // at each, as far as samples tell
        struct level_change *changes;  // the first is where it was at the first sample
        size_t n_changes;
};

struct levels;

// Begin to ask http://HOST:PORT/metrics of the URL's host.
struct levels *levels_open(struct loop *loop, const char *url);
struct levels *levels_close(struct levels *levels);

// What a page of metrics says at that time. Called by the answers; by itself in tests.
void levels_take(struct levels *levels, nsec_t now, const char *page);

// A copy, whose changes the caller frees.
struct level_figures levels_figures(const struct levels *levels);

DEFINE_CLEANUP(struct levels *, levels_close);
