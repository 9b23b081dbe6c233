#pragma once
// PCM: the one sample format inside the program is mono float at AUDIO_RATE, nominally -1..1.
// These functions bring outside bytes into it.
//
// Threads: any; no state.

#include <stddef.h>
#include <stdint.h>

#define AUDIO_RATE 16000  // Hz; what Whisper and Silero were trained on

// How long so many samples last, or where a position is, in seconds.
static inline double pcm_seconds(int64_t n_samples) {
        return (double)n_samples / AUDIO_RATE;
}

// How bytes from outside hold samples; all little-endian, mono, AUDIO_RATE.
enum pcm_format { PCM_S16, PCM_F32, PCM_U8 };

// Bytes per sample.
size_t pcm_sample_size(enum pcm_format format);

// Convert `n` samples at `bytes` to floats: s16 / 32768; u8: (x - 128) / 128; f32 as it is,
// but NaN and infinities become 0 and magnitudes are clipped to 1. Returns how many samples
// were NaN or infinite.
size_t pcm_to_float(enum pcm_format format, const uint8_t *bytes, size_t n, float *ret);
