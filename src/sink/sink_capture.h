#pragma once
// A sink for tests: remembers all that it hears.
//
// Threads: loop thread.

#include <stddef.h>

#include "sink/sink.h"

struct sink_capture {
        struct segment *finals;
        size_t n_finals;
        char *tail;           // text of the last tail
        size_t stable_bytes;  // of it
        size_t n_updates;
        char states[256];  // first letters of the states noticed, in order
        size_t n_states;
        char language[LANGUAGE_CODE_MAX];
};

// state is a zeroed struct sink_capture.
extern const struct sink_ops sink_capture;

// All final text, joined as it came; the caller frees it.
char *sink_capture_text(const struct sink_capture *capture);

void sink_capture_deinit(struct sink_capture *capture);
