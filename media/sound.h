#pragma once
// Sound: one track's decoded frames as s16 at 16 kHz on the source's clock: placed by their
// time stamps (timeline), mixed or kept apart (channels), resampled.
//
// Threads: any one at a time.

#include <libavutil/frame.h>
#include <libavutil/rational.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media/timeline.h"
#include "util/cleanup.h"

// Sample rates that are read; beyond is nobody's sound.
#define MEDIA_SOUND_RATE_MIN 1000
#define MEDIA_SOUND_RATE_MAX 3000000

struct media_sound;

// Who gets it. Both return 0, or a negative errno that ends all and is handed through.
struct media_sink {
        // `n` samples of each channel, interleaved.
        int (*on_samples)(void *context, const int16_t *samples, size_t n);
        // Before what comes next: silence is to be put in, or the clock jumped.
        int (*on_step)(void *context, const struct media_step *step);
        void *context;
};

// `n_channels`: 1 for a mix, else so many kept apart. `zero`: of the timeline, in samples at
// 16 kHz, MEDIA_TIMELINE_NONE for the first stamp.
struct media_sound *media_sound_new(unsigned n_channels, bool is_live, int64_t zero,
                                    const struct media_sink *sink);
struct media_sound *media_sound_free(struct media_sound *sound);

// Hand on what a frame holds, whose stamps are in `time_base`. 0; -ERANGE for a rate or a
// number of channels that is not read; -ENOMEM; or what the sink returned.
int media_sound_feed(struct media_sound *sound, const AVFrame *frame, AVRational time_base);

// Hand on what the filters hold back: the end.
int media_sound_flush(struct media_sound *sound);

// After a flush: a new clock, on which `zero` is now.
void media_sound_restart(struct media_sound *sound, int64_t zero);

// Samples handed on so far, the silence that was asked for included.
int64_t media_sound_position(const struct media_sound *sound);

// Of the last frame; 0 before the first.
unsigned media_sound_rate(const struct media_sound *sound);
unsigned media_sound_channels(const struct media_sound *sound);

DEFINE_CLEANUP(struct media_sound *, media_sound_free);
