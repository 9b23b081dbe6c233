#pragma once
// Segmenter: which stretches of a stream are worth decoding? Sound goes in, windows come out.
//
// A window opens when speech starts (with padding before it), stays open while speech goes on,
// and closes at a pause of `pause` or, with someone who never pauses, at the best weak pause
// between `window_min` and `window_max`. Windows never overlap and never go backwards; two
// neighbours may touch. Positions are those of the stream's ring.
//
// Threads: loop thread, or any one thread at a time (transcribe).
// Memory:  bounded; keeps half a second of sound for the detector.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "audio/activity.h"
#include "util/loop.h"
#include "vad/silero.h"

struct segmenter;

// A stretch of speech. Samples [begin, end) including padding.
struct window {
        int64_t begin;
        int64_t end;
        bool is_closed;          // false: speech still goes on, `end` is what there is so far
        bool is_cut;             // closed at a weak pause or the limit, not at a real pause
        bool is_paused;          // open, but speech has paused: `end` stays if it closes now
        int64_t speech_end;      // last position judged speech, without padding
        float speech_samples;    // how many of its samples were judged speech
        struct activity speech;  // and which, from its begin on
};

// Windows at the beginning that may be shorter, so that something can be told soon.
#define SEGMENTER_EARLY 3

struct segmenter_config {
        float threshold;       // speech starts at this probability
        float threshold_low;   // and ends below this one
        int64_t pause;         // samples of silence that close a window
        int64_t padding;       // samples kept before and after speech
        int64_t speech_min;    // shorter bursts than this many samples are no speech
        int64_t window_min;    // earliest and
        int64_t window_max;    // latest length for a cut without a pause, in samples
        int64_t window_early;  // that length for the first SEGMENTER_EARLY windows; 0: the same
        bool is_gated;         // do not ask the detector about steady noise (vad/energy_gate.h)
};

// The measured defaults: 0.6 s pause, windows of at most 28 s (docs/benchmarks.md).
struct segmenter_config segmenter_config_default(void);

// The measured defaults for whole files, where nobody waits for a sentence: windows are filled
// up to 28 s over pauses and end at the best of them, which Whisper rewards with fewer errors.
struct segmenter_config segmenter_config_files(void);

// The model must outlive the segmenter.
struct segmenter *segmenter_new(const struct vad_model *model,
                                const struct segmenter_config *config);
struct segmenter *segmenter_free(struct segmenter *segmenter);

// Add the next samples of the stream. Closed windows queue up for segmenter_next().
void segmenter_feed(struct segmenter *segmenter, const float *samples, size_t n);

// Time passed without sound (a gap, or a client that stopped sending): counts as silence and
// moves positions by `n`. `pause` of it closes the open window, in however many calls. Costs
// next to nothing once the gate is closed, after two seconds.
void segmenter_feed_silence(struct segmenter *segmenter, int64_t n);

// Close the open window, if any, at the sound there is: end of stream, flush.
void segmenter_flush(struct segmenter *segmenter);

// Drop the open window and the queue and forget the past (cancel, reconnect). Positions go on.
void segmenter_reset(struct segmenter *segmenter);

// Take the oldest closed window. False when there is none.
bool segmenter_next(struct segmenter *segmenter, struct window *ret);

// Look at the window that is open now. False when nobody speaks.
bool segmenter_open_window(const struct segmenter *segmenter, struct window *ret);

// Position of the next sample to be fed.
int64_t segmenter_position(const struct segmenter *segmenter);

// Oldest position that a later window may still begin at: what the ring must keep.
int64_t segmenter_oldest_needed(const struct segmenter *segmenter);

DEFINE_CLEANUP(struct segmenter *, segmenter_free);
