#pragma once
// Ring: the last seconds of one stream's sound, on a clock of samples.
//
// Every sample has a position: 0 is the first sample ever appended, and positions never
// restart, so that a time computed once stays true after old sound is dropped.
//
// Threads: loop thread only. Decoders get copies (ring_copy).
// Memory:  sized by need: appending makes room for what is kept, up to the capacity, and
//          ring_release() gives back what is no longer needed. Without memory for more the
//          oldest sound makes room, as at the capacity.

#include <stddef.h>
#include <stdint.h>

#include "audio/pcm.h"
#include "util/cleanup.h"

struct ring;

enum {
        RING_E_DROPPED = 1,  // some of the asked-for samples are already gone
        RING_E_AHEAD,        // some of them have not arrived yet
};

// A ring that keeps the last `capacity` samples, or fewer where ring_release() said so. -E2BIG
// above ten minutes, -ENOMEM.
int ring_new(struct ring **ret, size_t capacity);

// Free it. NULL is fine. Returns NULL.
struct ring *ring_free(struct ring *ring);

// Add samples at the end; the oldest make room.
void ring_append(struct ring *ring, const float *samples, size_t n);

// Drop what lies before `from`: nobody will ask for it.
void ring_release(struct ring *ring, int64_t from);

// Copy samples [from, from + n) into `ret`. Writes nothing unless it returns 0.
int ring_copy(const struct ring *ring, int64_t from, size_t n, float *ret);

// Positions of the oldest kept sample and of the next sample to arrive.
int64_t ring_begin(const struct ring *ring);
int64_t ring_end(const struct ring *ring);

// Samples that there is memory for now.
size_t ring_size(const struct ring *ring);

DEFINE_CLEANUP(struct ring *, ring_free);
