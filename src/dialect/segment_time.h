#pragma once
// Segment time: positions on a stream's clock as milliseconds that readers see.
//
// Threads: any; no state.

#include <stdint.h>

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
