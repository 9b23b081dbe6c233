#pragma once
// Stream clock: when was the sound at this position heard? A stream's positions count samples;
// the wall clock is anchored to them once per generation.
//
// A camera's own clock is a few dozen parts per million off, which makes seconds in a day;
// sound can be lost without a reconnect; and the machine's clock can be set. So the arrival of
// samples is compared with the anchor: the least lag of a minute tells them apart from jitter.
// When it is off by more than CLOCK_TOLERANCE, a new generation begins, with an anchor of its
// own; what was said before keeps its times.
//
// Threads: loop thread. Plain data; zeroed is generation 0, not anchored.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/loop.h"

#define CLOCK_TOLERANCE (20 * NSEC_PER_MSEC)

#define CLOCK_GENERATIONS 8  // anchors kept

struct clock_anchor {
        uint32_t generation;
        int64_t epoch;      // position
        nsec_t wall_epoch;  // when that was heard
};

struct stream_clock {
        uint32_t generation;
        bool is_anchored;  // the present generation has heard its first sample
        bool is_followed;  // anchors are corrected; else the first one of a generation stays
        struct clock_anchor anchors[CLOCK_GENERATIONS];  // of generation g at g % that
        nsec_t heard_at;                                 // loop_now() of the last samples
        nsec_t lag_least;                                // since the last look
        nsec_t look_at;                                  // loop_now() of the next one
};

// A new generation, whose first sample will have `position`. Until it comes, answers find an
// anchor all the same.
void stream_clock_begin(struct stream_clock *clock, int64_t position, nsec_t wall);

// `n` samples from `position` on just arrived.
void stream_clock_hear(struct stream_clock *clock, int64_t position, size_t n, nsec_t wall,
                       nsec_t now);

// The anchor of that generation; of one that is forgotten, the oldest that is not.
struct clock_anchor stream_clock_anchor(const struct stream_clock *clock, uint32_t generation);
