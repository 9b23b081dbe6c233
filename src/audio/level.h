#pragma once
// Level: how loud the last second of a sound was, kept while it passes by.
//
// Threads: any one at a time.
// Memory:  no pointers; zeroed is one that has heard nothing.

#include <stddef.h>

#include "audio/pcm.h"

// The last second is kept in steps of 100 ms, of which the oldest goes as a whole.
#define LEVEL_STEP  (AUDIO_RATE / 10)
#define LEVEL_STEPS 10

// What is told of silence: less than the smallest that 16 bits can say.
#define LEVEL_FLOOR (-100.0)

struct level_step {
        double squares;  // their sum
        float peak;
        size_t n;  // samples
};

struct level {
        struct level_step steps[LEVEL_STEPS + 1];
        size_t at;  // the one that is being filled
};

// In dBFS: 0 is a square wave of full scale, a full sine -3.
struct level_reading {
        double rms;
        double peak;
};

// `n` samples (mono, AUDIO_RATE, float) follow those before.
void level_feed(struct level *level, const float *samples, size_t n);

// Of the last second to 1.1 s; both are NAN where nothing was heard yet, and LEVEL_FLOOR at
// least otherwise.
struct level_reading level_read(const struct level *level);
