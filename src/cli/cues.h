#pragma once
// Cues: a segment with words cut into subtitles that can be read: at most two lines, ended
// where a sentence or the speaker pauses.
//
// Threads: any; no state.

#include <stddef.h>
#include <stdint.h>

#include "transcript/segment.h"

// What guides of subtitling agree on: 42 characters a line, two lines, seven seconds.
#define CUE_LINE_MAX    42
#define CUE_SECONDS_MAX 7

struct cue {
        size_t first, n;     // words
        int64_t begin, end;  // positions
};

// The cue that begins with word `first` of a segment that has more.
struct cue cue_next(const struct segment *segment, size_t first);

// Its text in one line or two; the caller frees it.
char *cue_text(const struct segment *segment, const struct cue *cue);
