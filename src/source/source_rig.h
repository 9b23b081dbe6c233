#pragma once
// Source rig: what a source told of its states. Only in tests.
//
// Threads: main thread.

#include "source/source.h"

#define RIG_PASSWORD "s3cr3t"  // in the URLs of the tests; never told

struct states {
        char told[4096];   // "connecting online offline "
        char reason[512];  // the latest
        enum source_state last;
        unsigned n;
};

// The ways of reading media (media_backend.h), NULL at the end.
extern const char *const rig_media[];

// Make a program of that path, which stands in for eavesdrop-media (tests/e2e/fake_nursery.py).
void rig_nursery_write(const char *path, const char *mode);

// The process id of the only child that this process has; and of that of another process.
int rig_only_child(void);
int rig_only_child_of(int process_id);

// Write one down.
void rig_tell_state(struct states *states, enum source_state state, const char *reason);
