#pragma once
// Unheard: speech in a window that none of its words covers. Of a quiet and a loud voice in one
// window Whisper sometimes tells the loud one only; heard by itself the quiet one is told too.
//
// Threads: any; plain data.

#include <stddef.h>
#include <stdint.h>

#include "audio/activity.h"

// So much speech without a word is not let go: no pause between words is that long.
#define UNHEARD_LEAST (3 * (int64_t)AUDIO_RATE)

// A window has no more such stretches.
#define UNHEARD_MAX 10

// Where a word was looked for in the sound: samples from the job's begin.
struct heard_word {
        int64_t position;
        size_t token;  // where it begins in the window's text
};

// A stretch of unheard speech: samples from the job's begin, and the place in the window's text
// where what is heard in it belongs.
struct unheard {
        int64_t begin, end;
        size_t token;
};

// Find them in [begin, end), by the n words of a text of n_tokens. Their bounds lie where it is
// quietest between the words beside them and their speech. Returns how many.
size_t unheard_find(struct unheard ret[static UNHEARD_MAX], const struct activity *speech,
                    const float *samples, const struct heard_word *words, size_t n,
                    const struct unheard *whole);
