#pragma once
// Archive codec: samples to Opus packets and back.
//
// Threads: any one at a time.

#include <stddef.h>
#include <stdint.h>

#include "journal/archive_window.h"
#include "util/cleanup.h"

// Measured with two minutes of LibriSpeech (bench/archive_bench): complexity 1 takes 0.24 % of
// a core for a stream that talks all the time, 2 takes 0.37 %, 3 takes 0.41 %, 5 takes 0.55 %,
// 10 takes 1.2 %; the bit rate makes no difference to that.
#define ARCHIVE_COMPLEXITY 1
#define ARCHIVE_BIT_RATE   20000

struct archive_codec;

// NULL when libopus refuses.
struct archive_codec *archive_codec_new(void);

// NULL is fine. Returns NULL.
struct archive_codec *archive_codec_free(struct archive_codec *codec);

// Encode `n` samples into the window, whose start is its owner's. The same samples give the
// same bytes, whatever came before. Negative errno.
int archive_codec_encode(struct archive_codec *codec, const float *samples, size_t n,
                         struct archive_window *ret);

// Decode the window: n_samples of them. Negative errno.
int archive_codec_decode(struct archive_codec *codec, const struct archive_window *window,
                         int16_t *ret);

// A packet of silence, and how many granules a decoder makes too many at the beginning.
const uint8_t *archive_codec_silence(const struct archive_codec *codec, size_t *ret_n);
uint32_t archive_codec_pre_skip(const struct archive_codec *codec);

DEFINE_CLEANUP(struct archive_codec *, archive_codec_free);
