#pragma once
// Feed: bytes of a client's sound into samples of its stream.
//
// Threads: loop thread only; plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/pcm.h"
#include "audio/plausibility.h"
#include "pipeline/stream.h"

struct resampler;

// Zeroed but for its format and resampler it is at the beginning.
struct feed {
        enum pcm_format format;
        struct resampler *resampler;       // its owner's; NULL: the sound has AUDIO_RATE
        struct plausibility plausibility;  // of float32
};

// Push the samples into the stream; bytes that make no whole sample are left out. True, once at
// most, when they show that the sound is nothing that can be heard.
bool feed_push(struct feed *feed, struct stream *stream, const uint8_t *bytes, size_t n);
