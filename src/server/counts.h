#pragma once
// Counts: what the server did since it was started, in plain numbers that only grow. Each is
// counted where the thing happens. api/metrics_page writes them out.
//
// Threads: loop thread only.

#include <stdint.h>

#include "pipeline/stream.h"
#include "transcript/observer.h"

// Who reads: kinds of clients, by the dialect they speak, and the log.
enum reader {
        READER_UNKNOWN,  // a client that has not said it yet
        READER_WHISPERLIVE,
        READER_EAVESDROP,
        READER_SUBSCRIBER,
        READER_LOG,
        READER_COUNT,
};

struct server_counts {
        struct stream_counts streams;
        struct observer_counts observers[READER_COUNT];
        uint64_t n_sessions[READER_COUNT];  // that were set up
        uint64_t n_refused_busy;            // clients sent away because of overload
        uint64_t n_refused_invalid;         // and for what they said
        uint64_t n_warned;                  // told that text comes late
};
