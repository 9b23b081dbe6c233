#pragma once
// Log-mel: sound to what the encoder sees: 100 frames a second of 80 or 128 mel bins. The same
// numbers as faster-whisper's FeatureExtractor: 400 sample Hann window, hop of 160, the sound
// followed by 160 zeros and mirrored at both ends, power spectrum, Slaney's mel scale, log10,
// clamped at 8 below the loudest bin of the whole sound, (x + 4) / 4.
//
// Threads: immutable after log_mel_new(); any thread.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/team.h"

#define LOG_MEL_HOP  160  // samples
#define LOG_MEL_BINS 201  // of the power spectrum of 400 samples

struct log_mel;

// `filters` is [n_mels, LOG_MEL_BINS] and is copied; NULL computes Slaney's.
struct log_mel *log_mel_new(size_t n_mels, const float *filters);
struct log_mel *log_mel_free(struct log_mel *log_mel);

// Frames that log_mel_compute() gives for so many samples: one per started hop.
size_t log_mel_frames(size_t n_samples);

// Fill ret[log_mel_frames(n)][n_mels], time-major, by the team (NULL: alone). `n` is at
// least 1.
void log_mel_compute(const struct log_mel *log_mel, const float *samples, size_t n,
                     struct team *team, float *ret);

DEFINE_CLEANUP(struct log_mel *, log_mel_free);
