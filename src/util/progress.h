#pragma once
// Progress: one line on a terminal that is rewritten while long work goes on. When standard
// error is no terminal, nothing is written at all.
//
// Threads: main thread.

#include "util/cleanup.h"

struct progress;

// For standard error.
struct progress *progress_new(void);

// Take the line away and free. NULL is fine. Returns NULL.
struct progress *progress_free(struct progress *progress);

// Show this text instead of the last one, cut to the terminal's width; at most ten times a
// second, what comes in between is dropped.
void progress_show(struct progress *progress, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

// Take the line away, so that something else can be written; the next progress_show() comes
// through at once.
void progress_clear(struct progress *progress);

DEFINE_CLEANUP(struct progress *, progress_free);
