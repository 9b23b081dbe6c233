#pragma once
// Scripted sinks: they take rows, or do not, as a test tells them. Only in tests.
//
// Threads: loop thread.

#include "sink/sink_ops.h"

// What one of them is told and what it saw; a test has one for each name of a sink.
struct sink_script {
        const char *name;  // of the sink
        struct loop *loop;
        struct sink *sink;  // NULL while it is not open

        // What it says to each send.
        enum sink_outcome outcome;
        size_t n_taken;
        const char *trouble;
        nsec_t retry;
        const char *poison;  // a row with this text is refused, whatever else is to be said
        bool is_held;        // it says nothing until sink_script_release()

        uint8_t (*ids)[ROW_ID_BYTES];  // of the rows it took, into this list; NULL: none
        size_t n_ids;
        char sends[4096];  // "[one two][three]": the texts of what it was sent
        unsigned n_sends, n_events, n_reopened;
        nsec_t sent;  // when it was last sent something
        // The send that is out; NULL: none.
        const struct row *rows;
        size_t n_rows;
        struct sink_script *next;
};

// Let sinks of that name be this script's, or no longer.
void sink_script_add(struct sink_script *script);
void sink_script_remove(struct sink_script *script);

// Say what is to be said to the send that is out.
void sink_script_release(struct sink_script *script);

// SINK_LINES is the scripted one, whose sends have at most SINK_SCRIPT_BATCH rows. It cannot be
// opened with the path "nowhere", and does not want the path "wrong".
#define SINK_SCRIPT_BATCH 4
extern const struct sink_ops *const sink_scripted_types[SINK_TYPES];
