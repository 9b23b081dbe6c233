#pragma once
// Windows: from sound to the stretches of it that are worth decoding, and to jobs. What the
// live and the file composition are both built on: sound goes into a ring, a segmenter looks
// for pauses, each window that closes is told once, and any stretch of the ring becomes a job.
// What the engine is told of all jobs is settled here, once.
//
// Threads: loop thread only.
// Memory:  keeps the sound that a window may still need, which is charged to the budget. Jobs
//          belong to the caller.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/job.h"
#include "pipeline/clips.h"
#include "pipeline/services.h"
#include "vad/segmenter.h"

struct windows_settings {
        size_t capacity;                        // samples that are kept at most
        const struct segmenter_config *pauses;  // NULL: none are looked for
        const struct clips *clips;              // what is heard; outlives the windows
        const struct decode_options *options;   // of all jobs; copied
        bool is_many_voices;  // the language may change from one window to the next
        // A window closed, without what of it the ring had no room for.
        void (*on_window)(void *context, const struct window *window);
        void *context;
};

// The hints may be changed between two jobs; the other fields are the windows' own.
struct windows {
        const struct decode_settings *settings;  // of all jobs
        struct job_hints hints;                  // of the next job
        struct stream_services services;
        struct ring *ring;            // keeps the last of the sound on a clock
        struct segmenter *segmenter;  // finds the speech; NULL: somebody seeks
        const struct clips *clips;
        size_t clip;           // the number of the one that is heard, or the next
        int64_t judged_until;  // everything before it lies in a window or was counted silent
        size_t bytes_charged;  // for the ring, at the budget
        uint64_t job_id_last;
        void (*on_window)(void *context, const struct window *window);
        void *context;
};

// What the settings' options leave open becomes what is best where pauses are looked for: no
// timestamps are asked for, and the language is not detected anew for each window, unless it
// is not known and there are many voices. -ENOMEM. Either way windows_deinit() may follow.
int windows_init(struct windows *windows, const struct stream_services *services,
                 const struct windows_settings *settings);
void windows_deinit(struct windows *windows);

// The next samples of the sound.
void windows_feed(struct windows *windows, const float *samples, size_t n);

// Close the open window at the sound there is.
void windows_flush(struct windows *windows);

// No more sound comes, and no further job of what came is made: give its memory back.
void windows_release(struct windows *windows);

// Drop the open window: nothing that was fed up to now is wanted any more.
void windows_forget(struct windows *windows);

// The open window, without what of it the ring had no room for. False when nobody speaks.
bool windows_open_one(const struct windows *windows, struct window *ret);

// So many samples have come since the open window began; 0 when nobody speaks.
int64_t windows_open_samples(const struct windows *windows);

// Position of the next sample.
int64_t windows_end(const struct windows *windows);

// A copy of the samples [begin, end), which the caller frees. NULL when out of memory, or when
// some of the samples are gone.
float *windows_sound(const struct windows *windows, int64_t begin, int64_t end);

// A job with the samples [begin, end), the settings and the hints. NULL when out of memory, or
// when some of the samples are gone.
struct job *windows_job(struct windows *windows, int64_t begin, int64_t end);

// Another job with that one's sound, and the hints as they are now. NULL when out of memory.
struct job *windows_job_again(struct windows *windows, const struct job *job);
