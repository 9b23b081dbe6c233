#pragma once
// Sink: who hears about it? One interface for the log, WebSocket readers and tests.
//
// Threads: loop thread.
// Memory:  a sink copies or sends what it is given before it returns.

#include <stdbool.h>
#include <stdint.h>

#include "transcript/assembler.h"
#include "util/loop.h"

// What a stream tells besides its text.
struct stream_notice {
        const char *state;   // "connecting", "online", "stalled", "offline", "failed", "ended"
        const char *reason;  // in words, no secrets; may be ""
};

struct stream_facts {
        const char *name;
        uint32_t generation;  // that the update belongs to, and what anchors it in time:
        int64_t epoch;        // a position on the stream's clock
        nsec_t wall_epoch;    // and the wall-clock time of it
};

// Wall-clock time of a position of that generation.
nsec_t stream_facts_wall(const struct stream_facts *stream, int64_t position);

// --- For implementors: sink_*.c -------------------------------------------------------------
// Calls never overlap. A sink must not free itself inside a call: it marks itself and its owner
// does so later.
struct sink_ops {
        const char *name;
        void (*on_update)(void *state, const struct stream_facts *stream,
                          const struct update *update);  // required
        void (*on_notice)(void *state, const struct stream_facts *stream,
                          const struct stream_notice *notice);  // optional
};

// What was handed to a kind of readers; plain numbers of whoever owns the sinks.
struct sink_counts {
        uint64_t n_updates;
        uint64_t n_bytes;  // of encoded text
};

struct sink {
        const struct sink_ops *ops;
        void *state;
        bool wants_tail;  // false: only final segments matter; no tentative work is done for it
        struct sink_counts *counts;  // of updates; may be NULL
        struct sink *next;           // in the stream's list
};

// --- The sinks of one stream, a list; zeroed (NULL) it is empty ------------------------------
// They belong to whoever added them. During a call a sink may remove itself, no other one.

void sinks_add(struct sink **sinks, struct sink *sink);
// Nothing happens if it is not there.
void sinks_remove(struct sink **sinks, struct sink *sink);

// Whether any of them does.
bool sinks_want_tail(const struct sink *sinks);

// Tell all of them, and count it.
void sinks_on_update(struct sink *sinks, const struct stream_facts *stream,
                     const struct update *update);
// Tell those who want to know.
void sinks_on_notice(struct sink *sinks, const struct stream_facts *stream,
                     const struct stream_notice *notice);

// --- Implementations -------------------------------------------------------------------------

// One line per final segment: wall-clock time, stream, start, end, language, text; as text or
// JSON as the log is configured. State is a struct sink_counts to count the bytes in.
extern const struct sink_ops sink_log;
