#pragma once
// What /metrics tells of what is kept and handed on. Private to api/.
//
// Threads: loop thread only.

#include "api/metrics_page.h"
#include "util/metrics.h"

// The families of the journal, its sound, alerts and sinks; none of what is not there.
void metrics_kept_write(struct metrics *metrics, const struct metrics_sources *sources);
