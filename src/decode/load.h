#pragma once
// Load: how long live windows wait for an engine, and what is given up for it. One step after
// another, and back in the same order:
//
//     normal        partial text as often as the engine answers; final text by beams while
//                   there is time
//     slowed        longer intervals between partial texts
//     finals only   no partial text
//     full          nor are new sessions taken in
//
// Threads: loop thread. Plain data; zeroed is normal.

#include <stdbool.h>
#include <stddef.h>

#include "util/loop.h"

enum load_level { LOAD_NORMAL, LOAD_SLOWED, LOAD_FINALS_ONLY, LOAD_FULL, LOAD_LEVEL_COUNT };

struct load {
        enum load_level level;
        nsec_t delay;       // as last observed
        nsec_t calm_since;  // when the delay fell below what ends the level; 0: it has not
        nsec_t turnaround;  // from a partial job's submission to its answer, smoothed
};

// Live finals have been waiting for an engine for `delay`. A level is entered at once, and
// left, one step at a time, when the delay has been well below its threshold for LOAD_CALM.
void load_observe(struct load *load, nsec_t now, nsec_t delay);

#define LOAD_CALM (2 * NSEC_PER_SEC)

// A partial job without beams was answered after `turnaround`.
void load_observe_partial(struct load *load, nsec_t turnaround);

// Whether the engine has time for beams, with `n_jobs` others in it or waiting: answers to
// partial jobs come at once, and few are asked for. Beams for what may be final are the first
// thing to be given up.
bool load_has_time(const struct load *load, size_t n_jobs);

// How long to wait from one partial job of a stream to its next.
nsec_t load_interval(const struct load *load);

// "normal", "slowed", "finals_only", "full".
const char *load_level_name(enum load_level level);
