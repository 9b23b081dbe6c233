#pragma once
// Hub reader: a kind of those who are told. Part of hub.h.
//
// Threads: loop thread only.

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "pipeline/services.h"
#include "transcript/observer.h"

// "log", "unknown" (clients that have not said yet what they are), and each dialect.
struct hub_reader {
        const char *name;     // static; the metrics' label
        size_t n_present;     // sessions of that kind
        uint64_t n_sessions;  // that were ever set up
        struct observer_counts observers;
        SLIST_ENTRY(hub_reader) link;
};

#define HUB_READER_LOG     "log"
#define HUB_READER_UNKNOWN "unknown"

// What else is counted; plain numbers that only grow.
struct hub_counts {
        struct stream_counts streams;
        uint64_t n_refused_busy;     // clients sent away because of overload
        uint64_t n_refused_invalid;  // and for what they said
        uint64_t n_warned;           // told that text comes late
};
