#pragma once
// Activity: which parts of half a minute of sound are speech, as the voice activity judged
// them, in steps of 20 ms. Zeroed: none, or not known.
//
// Threads: any; plain data.

#include <stdint.h>

#include "audio/pcm.h"

// Samples of a step, and steps: a little more than the longest job (decode/job.h).
#define ACTIVITY_STEP  (AUDIO_RATE / 50)
#define ACTIVITY_STEPS 1536

struct activity {
        uint64_t bits[ACTIVITY_STEPS / 64];
};

// Samples [begin, end) are speech; what lies outside of the half minute does not count.
void activity_add(struct activity *activity, int64_t begin, int64_t end);

// How many of the samples [begin, end) are speech, to a step.
int64_t activity_within(const struct activity *activity, int64_t begin, int64_t end);

// The activity of what is left when the samples before `begin` are taken away.
struct activity activity_from(const struct activity *activity, int64_t begin);
