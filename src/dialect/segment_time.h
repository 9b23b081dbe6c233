#pragma once
// Segment time: positions on a stream's clock as milliseconds that readers see, of segments and
// of the words in them.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stdint.h>

#include "dialect/json_text.h"
#include "transcript/segment.h"

struct segment_time {
        int64_t begin_ms;
        int64_t end_ms;
};

// The segment's times from `origin`, never before `previous_end_ms` (0 for the first) and at
// least 1 ms long if the segment is final. Rounding the same way everywhere keeps neighbours
// from overlapping; what rounds to nothing is what the two limits are for.
struct segment_time segment_time_after(const struct segment *segment, int64_t origin,
                                       int64_t previous_end_ms);

// Write the member "words" of a segment with these times, which both dialects have: [{"word",
// "start", "end", "probability"}], times in seconds from `origin` with three decimals, as
// numbers or as strings, none of them outside the segment's. Nothing when the segment has no
// words.
void segment_time_write_words(const struct segment_time *time, struct json_text *text,
                              const struct segment *segment, int64_t origin, bool as_strings);
