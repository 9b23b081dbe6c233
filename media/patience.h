#pragma once
// Patience: how long the libraries may wait for a far end, and whether we were told to stop.
// What they ask again and again while they wait (AVIOInterruptCB).
//
// Threads: one; the signal is the process's.

#include <stdbool.h>
#include <stdint.h>

#define MEDIA_SECOND 1000000000LL  // in ns, as all times here

struct media_patience {
        int64_t deadline;  // on media_patience_now()'s clock; 0: none
        bool is_leaving;   // we were told to stop, and are saying goodbye
        // While there is nothing to do but wait; may be NULL.
        void (*on_wait)(void *context);
        void *context;
};

int64_t media_patience_now(void);

// From now on SIGTERM ends what waits instead of the process.
void media_patience_catch_signal(void);

// Were we told to stop?
bool media_patience_is_stopped(void);

// For AVIOInterruptCB: `context` is a struct media_patience. 1: no longer.
int media_patience_is_over(void *context);

// Sleep until then, or until we are told to stop.
void media_patience_sleep(int64_t until);
