#pragma once
// Cues: a segment cut into subtitles that can be read: at most two lines of 42 columns, ended
// where a sentence or the speaker pauses, and between words (what is written without blanks:
// where a reader would pause) where neither is near.
//
// Threads: main thread.

#include <stdbool.h>
#include <stdint.h>

#include "transcript/segment.h"
#include "util/cleanup.h"

// What guides of subtitling agree on: 42 columns a line (21 full-width characters), two lines,
// seven seconds.
#define CUE_LINE_MAX    42
#define CUE_SECONDS_MAX 7

struct cue {
        int64_t begin, end;  // positions
        char *text;          // in lines; the taker frees it
};

struct cues;

// The cues of a segment, which is lent as long. One without words has one cue, of as many lines
// as it takes, since nobody knows when which part of it was said.
struct cues *cues_new(const struct segment *segment);
struct cues *cues_free(struct cues *cues);

// The next one. False when there is none.
bool cues_next(struct cues *cues, struct cue *ret);

DEFINE_CLEANUP(struct cues *, cues_free);
