#pragma once
// Capacity: the search for the largest number of streams that a server takes within limits.
//
// Doubles the number while the limits hold, then halves the distance between the largest that
// held and the smallest that broke them.
//
// Threads: any one at a time; no sockets.

#include <stdbool.h>
#include <stddef.h>

#include "load/live.h"

// Above these a measurement does not hold; INFINITY: no limit. A client that is refused or
// broken off never holds.
struct capacity_limits {
        double last_word_p95;  // seconds
        double final_p95;      // seconds
        double lost_percent;
        double wer_percent;
};

// Write into `ret` which limit was broken; false, and "", when all hold.
bool capacity_is_broken(const struct capacity_limits *limits, struct live_result *result,
                        char *ret, size_t n);

struct capacity_search {
        size_t next;   // to measure; 0: found
        size_t most;   // that may be tried
        size_t held;   // the largest that held; 0: none
        size_t broke;  // the smallest that did not; 0: none yet
};

struct capacity_search capacity_begin(size_t from, size_t most);

// What came of measuring `next`; sets the next one. Found is what is sure to within an eighth
// of itself: delays near the limit differ by more than that from run to run.
void capacity_tell(struct capacity_search *search, bool has_held);
