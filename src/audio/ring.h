#pragma once
// Ring: the last seconds of one stream's sound, on a clock of samples.
//
// Every sample has a position: 0 is the first sample ever appended, and positions never
// restart, so that a time computed once stays true after old sound is dropped.
//
// Threads: loop thread only. Decoders get copies (ring_copy).
// Memory:  one allocation in ring_new(); appending never allocates.

#include <stddef.h>
#include <stdint.h>

#include "audio/pcm.h"
#include "util/cleanup.h"

struct ring;

enum {
        RING_E_DROPPED = 1,  // some of the asked-for samples are already gone
        RING_E_AHEAD,        // some of them have not arrived yet
};

// A ring that keeps at least `capacity` samples. -E2BIG above ten minutes, -ENOMEM.
int ring_new(struct ring **ret, size_t capacity);

// Free it. NULL is fine. Returns NULL.
struct ring *ring_free(struct ring *ring);

// Add samples at the end; the oldest make room.
void ring_append(struct ring *ring, const float *samples, size_t n);

// Let `n` samples' worth of time pass without sound: they read as zeros.
void ring_append_silence(struct ring *ring, int64_t n);

// Copy samples [from, from + n) into `ret`. Writes nothing unless it returns 0.
int ring_copy(const struct ring *ring, int64_t from, size_t n, float *ret);

// Positions of the oldest kept sample and of the next sample to arrive.
int64_t ring_begin(const struct ring *ring);
int64_t ring_end(const struct ring *ring);

DEFINE_CLEANUP(struct ring *, ring_free);
