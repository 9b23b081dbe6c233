#pragma once
// Filters: text that nobody said is not told. Each has a name, a limit, which turns it off when
// it is infinite, and counters. The limits are the engine's settings (decode_options) where it
// tries again what would be refused, else filter_limits: no engine is told those.
//
// The first three work inside the engine, the last three judge what it answered: a segment that
// one of them refuses yields no text.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"

enum filter {
        FILTER_NO_SPEECH,  // a window in which probably nobody speaks and nothing is sure
        FILTER_LOG_PROB,   // improbable text: tried again at a higher temperature
        FILTER_COMPRESSION_RATIO,  // text that repeats itself: likewise, then refused if it
                                   // goes round in circles or faster than people speak
        FILTER_REPETITION,         // the same words over and over
        FILTER_WORDS_PER_SECOND,   // more words than can be said in that time
        FILTER_COUNT,
};

// "no_speech", ... as in the configuration.
const char *filter_name(enum filter filter);

struct filter_limits {
        float words_per_second_max;  // 8: more is not said
};

struct filter_limits filter_limits_default(void);

struct filter_counts {
        uint64_t n_refused[FILTER_COUNT];  // windows (no_speech), else segments
        uint64_t n_retried[FILTER_COUNT];  // attempts of the engine
};

// True when the same words stand there more often in a row than people say them: such text is
// refused.
bool filter_goes_in_circles(const struct decode_options *options, const int32_t *tokens,
                            size_t n);

// Take out of the job's hypothesis what the filters refuse; count it, and what the engine says
// of its own.
void filters_apply(const struct filter_limits *limits, const struct job *job,
                   struct hypothesis *hypothesis, struct filter_counts *counts);
