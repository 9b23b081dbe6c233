#pragma once
// Timeline: from the time stamps of a source to positions on its clock, on which samples are
// counted. Stamps decide where sound is, counting decides how long it is.
//
// All are in samples at 16 kHz. Jitter is ignored. A file's late start and the gaps in it, up
// to an hour each, are silence; so are gaps of live sound up to ten seconds, beyond which its
// clock has jumped, forward or back. Where stamps overlap or go back otherwise (files that were
// joined), sound goes on by count.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stdint.h>

#define MEDIA_TIMELINE_RATE      16000
#define MEDIA_TIMELINE_NONE      INT64_MIN  // no stamp is known
#define MEDIA_TIMELINE_TOLERANCE (MEDIA_TIMELINE_RATE / 10)
#define MEDIA_TIMELINE_BACK      (MEDIA_TIMELINE_RATE)
#define MEDIA_TIMELINE_LIVE_GAP  (10 * (int64_t)MEDIA_TIMELINE_RATE)
#define MEDIA_TIMELINE_FILE_GAP  (3600 * (int64_t)MEDIA_TIMELINE_RATE)

struct media_timeline {
        bool is_live;
        bool has_begun;  // `offset` is known
        int64_t offset;  // from stamps to positions
};

// What stands between the sound so far and the sound that is placed.
struct media_step {
        int64_t silence;   // samples to be put in
        int64_t jump;      // live: by so many the clock jumped; no silence
        int64_t left_out;  // files: so much of a gap is not put in, being longer than an hour
};

// A timeline that begins at position 0 with the stamp `zero`; MEDIA_TIMELINE_NONE: with
// whatever comes first.
void media_timeline_init(struct media_timeline *timeline, bool is_live, int64_t zero);

// From `position` on a new clock is used, which has `zero` there: a file is read again, or the
// next of several joined ones.
void media_timeline_restart(struct media_timeline *timeline, int64_t zero, int64_t position);

// Sound with this stamp follows on what ended at `position`.
struct media_step media_timeline_place(struct media_timeline *timeline, int64_t stamp,
                                       int64_t position);
