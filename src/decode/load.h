#pragma once
// Load: how long live windows wait for an engine, how long those at hand will take, and what is
// given up for it. One step after another, and back in the same order:
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
        nsec_t delay;        // as last observed
        nsec_t calm_since;   // when the delay fell below what ends the level; 0: it has not
        nsec_t turnaround;   // from a partial job's submission to its answer, smoothed
        double sound, busy;  // seconds answered lately, and of the engines' work at them
};

// Live finals have been waiting for an engine for `delay`, and what is not answered of them
// will take `drain` (load_drain), half of which one of them waits. The longer wait decides: a
// level is entered at once, and left, one step at a time, when it has been well below its
// threshold for LOAD_CALM.
void load_observe(struct load *load, nsec_t now, nsec_t delay, nsec_t drain);

#define LOAD_CALM (2 * NSEC_PER_SEC)

// A partial job without beams was answered after `turnaround`.
void load_observe_partial(struct load *load, nsec_t turnaround);

// The engines were at work for `busy`, and a job with so many seconds of sound came of it (0:
// none was wanted any more).
void load_observe_answer(struct load *load, double seconds, nsec_t busy);

// How long it takes until finals with so many seconds of sound are answered, as fast as lately.
nsec_t load_drain(const struct load *load, double seconds);

// Whether partial jobs may be given to the engines beside finals that will take `drain`: each
// of them would make these later.
bool load_has_room_for_partials(nsec_t drain);

// Whether the engine has time for beams, with `n_jobs` others in it or waiting: answers to
// partial jobs come at once, and few are asked for. Beams for what may be final are the first
// thing to be given up.
bool load_has_time(const struct load *load, size_t n_jobs);

// How long to wait from one partial job of a stream to its next.
nsec_t load_interval(const struct load *load);

// "normal", "slowed", "finals_only", "full".
const char *load_level_name(enum load_level level);
