#pragma once
// Resampler: sound of another rate into AUDIO_RATE, as it comes, by libsoxr. Up to 0.92 of what
// both rates have room for it stays as it was within a tenth of a decibel; what one of them has
// no room for is at least 100 dB down. Nothing drifts, however long it goes on
// (docs/decisions/0048).
//
// Threads: one at a time for each resampler.
// Memory:  the caller owns it: about 60 KiB, more for rates above 48000 Hz.

#include <stddef.h>

#include "util/cleanup.h"

#define RESAMPLER_RATE_MIN 8000  // Hz
#define RESAMPLER_RATE_MAX 192000

struct resampler;

// For a rate within the limits.
struct resampler *resampler_new(unsigned rate);

// NULL is fine. Returns NULL.
struct resampler *resampler_free(struct resampler *resampler);

// Take `n` samples, and give on_samples(context, samples, n), maybe several times, all that
// they complete: the last 26 ms, of rates below ours up to 52, stay until more comes.
void resampler_push(struct resampler *resampler, const float *samples, size_t n,
                    void (*on_samples)(void *context, const float *samples, size_t n),
                    void *context);

// No more comes: give what is left. Only resampler_free() may be called after it.
void resampler_finish(struct resampler *resampler,
                      void (*on_samples)(void *context, const float *samples, size_t n),
                      void *context);

DEFINE_CLEANUP(struct resampler *, resampler_free);
