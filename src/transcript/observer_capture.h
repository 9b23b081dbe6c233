#pragma once
// An observer for tests: remembers all that it hears.
//
// Threads: loop thread.

#include <stddef.h>

#include "transcript/observer.h"

struct observer_capture {
        struct segment *finals;
        size_t n_finals;
        char *tail;           // text of the last tail
        size_t stable_bytes;  // of it
        size_t n_updates;
        char states[256];  // first letters of the states noticed, in order
        size_t n_states;
        char language[LANGUAGE_CODE_MAX];
};

// state is a zeroed struct observer_capture.
extern const struct observer_ops observer_capture;

// All final text, joined as it came; the caller frees it.
char *observer_capture_text(const struct observer_capture *capture);

void observer_capture_deinit(struct observer_capture *capture);
