#pragma once
// Clips: the parts of a file that are to be transcribed, as faster-whisper's clip_timestamps
// names them: "start,end,start,end,..." in seconds, the last end left out for the file's.
//
// Threads: any; plain data.

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

// Where a clip ends that lasts until the end of the file.
#define CLIP_OPEN INT64_MAX

// Samples [begin, end).
struct clip {
        int64_t begin;
        int64_t end;
};

// At least one, in order, without overlaps; two neighbours may touch.
struct clips {
        struct clip *items;
        size_t n;
};

// One clip: the whole file.
extern const struct clips clips_whole;

// Read such a list; an empty one is the whole file. -EINVAL, and *error says which clip is
// wrong and why: no number, a negative one, not in order, empty. The caller deinitialises.
int clips_parse(struct clips *ret, const char *text, struct error *error);
void clips_deinit(struct clips *clips);

// Of a file with so many samples: -ERANGE, and words, when a clip begins behind its end. (One
// that only ends there is cut short.)
int clips_check(const struct clips *clips, int64_t n_samples, struct error *error);
