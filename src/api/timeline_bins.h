#pragma once
// Timeline bins: a stretch of a stream's time in bins of equal length, and of each how long
// there was speech, how long the stream did not work, and how many alerts fired. Made of the
// journal's rows, in any order but that of states.
//
// Threads: any one at a time.
// Memory:  TIMELINE_BINS_MAX bins.

#include <stddef.h>
#include <stdint.h>

#include "journal/row.h"
#include "util/cleanup.h"

#define TIMELINE_BINS_MAX 2000

struct timeline_bin {
        int64_t start, end;      // Unix ms; the last bin may be shorter than the others
        int64_t speech, outage;  // ms of it
        unsigned n_alerts;
};

struct timeline_bins {
        int64_t from, to, step;  // ms
        struct timeline_bin *bins;
        size_t n;
        int64_t out_since;  // when the stream ceased to work; INT64_MAX: it works
};

// How many bins that makes. `to` is behind `from`, `step` is positive.
size_t timeline_bins_count(int64_t from, int64_t to, int64_t step);

// Of [from, to), which is at most TIMELINE_BINS_MAX bins. A stream works until a row says that
// it does not.
void timeline_bins_init(struct timeline_bins *ret, int64_t from, int64_t to, int64_t step);
void timeline_bins_deinit(struct timeline_bins *bins);

// A row of the stream; those of its states in their order, with the last before `from` first.
void timeline_bins_add(struct timeline_bins *bins, const struct row *row);

// There are no more: an outage that goes on lasts until `now`.
void timeline_bins_end(struct timeline_bins *bins, int64_t now);
