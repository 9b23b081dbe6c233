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

// Write one down.
void rig_tell_state(struct states *states, enum source_state state, const char *reason);
