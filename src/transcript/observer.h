#pragma once
// Observer: who hears about it? One interface for the log, WebSocket readers and tests.
//
// Threads: loop thread.
// Memory:  an observer copies or sends what it is given before it returns.

#include <stdbool.h>
#include <stdint.h>

#include "audio/level.h"
#include "transcript/assembler.h"
#include "util/loop.h"

// A stretch of speech on the stream's clock.
struct observer_window {
        int64_t begin;
        int64_t end;         // that update.closed_at is when its text is final;
        int64_t speech_end;  // and without what is kept behind it. Both only of closed ones.
        bool is_closed;      // false: it has begun
        bool is_cut;         // it was closed since it is too long: speech goes on
        bool is_flushed;     // it was closed since no more sound came, or somebody asked
};

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
nsec_t observer_wall(const struct stream_facts *stream, int64_t position);

// --- For implementors: observer_*.c
// ------------------------------------------------------------- Calls never overlap. An
// observer must not free itself inside a call: it marks itself and its owner does so later.
struct observer_ops {
        const char *name;
        void (*on_update)(void *state, const struct stream_facts *stream,
                          const struct update *update);  // required
        void (*on_notice)(void *state, const struct stream_facts *stream,
                          const struct stream_notice *notice);  // optional
        // Somebody begins or ends to speak.
        void (*on_speech)(void *state, const struct stream_facts *stream,
                          bool is_speaking);  // optional
        // A stretch of speech begins or is closed, in the order of the sound and before its
        // text. One that is short may be closed without having begun, and one that was
        // forgotten (stream_cancel) is never closed.
        void (*on_window)(void *state, const struct observer_window *window);  // optional
        // Another second of sound has come; so loud it was.
        void (*on_level)(void *state, const struct stream_facts *stream,
                         const struct level_reading *level);  // optional
};

// What was handed to a kind of readers; plain numbers of whoever owns the observers.
struct observer_counts {
        uint64_t n_updates;
        uint64_t n_bytes;  // of encoded text
};

struct observer {
        const struct observer_ops *ops;
        void *state;
        bool wants_tail;  // false: only final segments matter; no partial work is done for it
        struct observer_counts *counts;  // of updates; may be NULL
        struct observer *next;           // in the stream's list
};

// --- The observers of one stream, a list; zeroed (NULL) it is empty
// ------------------------------ They belong to whoever added them. During a call an observer
// may remove itself, no other one.

void observers_add(struct observer **observers, struct observer *observer);
// Nothing happens if it is not there.
void observers_remove(struct observer **observers, struct observer *observer);

// Whether any of them does.
bool observers_want_tail(const struct observer *observers);

// Tell all of them, and count it.
void observers_on_update(struct observer *observers, const struct stream_facts *stream,
                         const struct update *update);
// Tell those who want to know.
void observers_on_notice(struct observer *observers, const struct stream_facts *stream,
                         const struct stream_notice *notice);
void observers_on_speech(struct observer *observers, const struct stream_facts *stream,
                         bool is_speaking);
void observers_on_window(struct observer *observers, const struct observer_window *window);
void observers_on_level(struct observer *observers, const struct stream_facts *stream,
                        const struct level_reading *level);

// --- Implementations -------------------------------------------------------------------------

// One line per final segment: wall-clock time, stream, start, end, language, text; as text or
// JSON as the log is configured. State is a struct observer_counts to count the bytes in.
extern const struct observer_ops observer_log;
