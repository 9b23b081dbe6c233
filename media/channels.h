#pragma once
// Channels: one sound out of up to 64 channels, whatever they are called.
//
// Those with sound are averaged. Where the average is 6 dB weaker than the strongest of them
// (its phases are opposed, or only one of many has something to say), the strongest is taken.
// What loudspeaker a channel is meant for plays no role: recorders put microphones anywhere.
//
// It is decided for blocks of 1/64 s, from levels that rise at once and fall slowly; gains move
// over a block, so that nothing clicks. Blocks are counted from the begin, so the result does
// not depend on how the sound is cut into calls.
//
// Threads: any one at a time.

#include <stddef.h>

#include "util/cleanup.h"

struct media_channels;

// For so many channels (1 to MEDIA_CHANNELS_MAX) at so many samples a second (1 or more).
struct media_channels *media_channels_new(unsigned n_channels, unsigned rate);
struct media_channels *media_channels_free(struct media_channels *channels);

// The most samples that one call with `n` samples, or a flush (n = 0), gives back.
size_t media_channels_room(const struct media_channels *channels, size_t n);

// Take `n` samples of each channel (a plane each, lent; finite numbers) and write what is
// ready, at most a block later, to `ret`. Returns how many samples that is.
size_t media_channels_feed(struct media_channels *channels, const float *const *planes,
                           size_t n, float *ret);

// Write what is held back to `ret`: the end, or the sound before a gap.
size_t media_channels_flush(struct media_channels *channels, float *ret);

DEFINE_CLEANUP(struct media_channels *, media_channels_free);
