#pragma once
// Pace: how much one step of a long piece of work does, so that none takes much longer than
// PACE_STEP: whoever waits for the thread is served between the steps.
//
// Threads: any one at a time.

#include <stddef.h>
#include <time.h>

#include "util/loop.h"

#define PACE_STEP (10 * NSEC_PER_MSEC)

// How much the next step is to do, within [least, most].
struct pace {
        size_t n, least, most;
};

// The machine's clock, whatever a loop's is in tests.
static inline nsec_t pace_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_MONOTONIC, &now);
        return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

// A step of `n` took so long.
static inline void pace_adjust(struct pace *pace, nsec_t took) {
        if (took > PACE_STEP)
                pace->n /= 2;
        else if (took < PACE_STEP / 4)
                pace->n *= 2;
        if (pace->n > pace->most)
                pace->n = pace->most;
        if (pace->n < pace->least)
                pace->n = pace->least;
}
