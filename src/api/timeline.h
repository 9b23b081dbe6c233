#pragma once
// Timeline: how much was said in a stream, how long it did not work, and how often an alert
// fired, by bins of time (timeline_bins.h).
//
// Threads: loop thread only.

#include "api/reading.h"

// The query's `from` and `to` (a day until now where they are absent) in bins of `step` seconds
// (a hundred bins): {"from", "to", "step", "bins": [{"start", "speech", "outage", "alerts"}]}.
void timeline_answer(struct readings *readings, struct exchange *exchange,
                     const struct reading_place *place, const char *stream);
