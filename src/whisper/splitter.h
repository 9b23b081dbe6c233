#pragma once
// Splitter: the tokens of one window cut into segments at its timestamps, and how far they
// reach, as faster-whisper does it.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPLITTER_SEGMENTS_MAX 224  // more than a window has tokens

struct split_segment {
        size_t first, n;     // tokens
        int64_t begin, end;  // log-mel frames from the start of the window
};

struct split {
        struct split_segment segments[SPLITTER_SEGMENTS_MAX];
        size_t n;
        int64_t n_consumed;  // frames: where the next window begins; at least 1
};

// Split n tokens of a window of n_frames; timestamps are tokens from timestamp_begin on.
void splitter_split(const int32_t *tokens, size_t n, int32_t timestamp_begin, int64_t n_frames,
                    struct split *ret);

// What a split left for the next window becomes a segment too, to the window's end.
void splitter_take_rest(const int32_t *tokens, size_t n, int32_t timestamp_begin,
                        int64_t n_frames, struct split *split);
