#pragma once
// Feed: bytes of a client's sound, in any shape and cut anywhere, into samples as streams have
// them.
//
// Threads: one at a time for each feed.
// Memory:  the caller owns it: about 60 KiB where the sound has another rate than ours.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/pcm.h"
#include "audio/plausibility.h"
#include "pipeline/request.h"
#include "util/error.h"

#define FEED_CHANNELS_MAX 8

// A frame is one sample of each channel.
#define FEED_FRAME_MAX (FEED_CHANNELS_MAX * PCM_SAMPLE_MAX)

struct resampler;

// Zeroed it takes s16 of one channel and of AUDIO_RATE.
struct feed {
        enum pcm_format format;
        unsigned channels;            // 0: 1
        unsigned channel;             // the only one that is heard, from 1 on; 0: all, mixed
        struct resampler *resampler;  // NULL: the sound has AUDIO_RATE
        unsigned rate;                // that it is for
        struct plausibility plausibility;  // of float32
        uint8_t cut[FEED_FRAME_MAX];       // the beginning of a frame whose rest is to come
        size_t n_cut;
};

// For sound as the request says it is. -EINVAL, with words, where it has a rate or channels
// that are beyond the limits; *feed is zeroed then.
int feed_init(struct feed *feed, const struct request *request, struct error *error);
void feed_deinit(struct feed *feed);

// Give on_samples(context, samples, n), maybe several times, what the bytes complete: samples
// of AUDIO_RATE. Bytes that make no whole frame yet are kept for those that come next. True,
// once at most, when they show that the sound is nothing that can be heard.
bool feed_push(struct feed *feed, const uint8_t *bytes, size_t n,
               void (*on_samples)(void *context, const float *samples, size_t n),
               void *context);

// No more bytes come, or none for now: give what is still held back, but for a frame that is
// cut. Sound that comes afterwards begins anew.
void feed_finish(struct feed *feed,
                 void (*on_samples)(void *context, const float *samples, size_t n),
                 void *context);
