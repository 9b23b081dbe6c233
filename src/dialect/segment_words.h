#pragma once
// Segment words: the optional member "words" of a segment, which both dialects have.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stdint.h>

#include "dialect/json_text.h"
#include "transcript/segment.h"

// "words": [{"word", "start", "end", "probability"}], times in seconds from `origin` with three
// decimals, as numbers or as strings; nothing when the segment has no words.
void segment_words_write(struct json_text *text, const struct segment *segment, int64_t origin,
                         bool as_strings);
