#pragma once
// Resampler: sound of another rate into AUDIO_RATE, as it comes. A windowed sinc is laid over
// what came, at exactly the time of each sample that leaves, so that nothing drifts however
// long it goes on. What the other rate has no room for, or ours, is at least 60 dB down.
//
// Threads: one at a time for each resampler.
// Memory:  the caller owns it: 40 KiB, and more for rates above 48000 Hz.

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
// they complete: the last few milliseconds stay until more comes.
void resampler_push(struct resampler *resampler, const float *samples, size_t n,
                    void (*on_samples)(void *context, const float *samples, size_t n),
                    void *context);

DEFINE_CLEANUP(struct resampler *, resampler_free);
