#pragma once
// PCM: the one sample format inside the program is mono float at AUDIO_RATE, nominally -1..1.
// These functions bring outside bytes into it.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AUDIO_RATE 16000  // Hz; what Whisper and Silero were trained on

// How long so many samples last, or where a position is, in seconds.
static inline double pcm_seconds(int64_t n_samples) {
        return (double)n_samples / AUDIO_RATE;
}

// Whether none of the samples is NaN or infinite.
bool pcm_is_finite(const float *samples, size_t n);

// How bytes from outside hold samples; all little-endian. Of mu-law and A-law (G.711) each byte
// is a sample, those of S24 are three bytes each.
enum pcm_format { PCM_S16, PCM_F32, PCM_U8, PCM_S32, PCM_S24, PCM_MULAW, PCM_ALAW };

#define PCM_SAMPLE_MAX 4  // bytes

// Bytes per sample.
size_t pcm_sample_size(enum pcm_format format);

// Whether there is a format of that name: "s16", "s24", "s32", "f32", "u8", "mulaw", "alaw".
bool pcm_format_of(const char *name, enum pcm_format *ret);

// Convert `n` samples at `bytes` to floats: s16 / 32768, and s24 and s32 likewise; u8:
// (x - 128) / 128; mu-law and A-law by G.711's table, whose loudest is just below 1; f32 as it
// is, but NaN and infinities become 0 and magnitudes are clipped to 1. Returns how many samples
// were NaN or infinite.
size_t pcm_to_float(enum pcm_format format, const uint8_t *bytes, size_t n, float *ret);
