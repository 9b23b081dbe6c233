#pragma once
// Endpointer: chunks with probabilities in, windows out. The segmenter's decisions without its
// network, so that tests can feed it any probabilities.
//
// Threads: one at a time.
// Memory:  bounded: one entry per chunk of an open window, and ENDPOINTER_QUEUE_MAX windows.

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "vad/segmenter.h"

// Closed windows that wait for endpointer_next(). A caller who takes none for this long (48
// minutes of the shortest ones) loses the oldest.
#define ENDPOINTER_QUEUE_MAX 4096

struct endpointer;

// Samples [begin, end), at most VAD_CHUNK, that the detector judged as one.
struct chunk {
        int64_t begin;
        int64_t end;
        float probability;  // of speech, 0..1
        float level;        // mean square of the samples
};

struct endpointer *endpointer_new(const struct segmenter_config *config);
struct endpointer *endpointer_free(struct endpointer *endpointer);

// The next chunk. It begins where the one before ended, or later when nobody speaks.
void endpointer_add(struct endpointer *endpointer, struct chunk chunk);

// Close the open window, if any, at `position` at the latest.
void endpointer_close(struct endpointer *endpointer, int64_t position);

// Drop the open window and the queue; no later window begins before `position`.
void endpointer_reset(struct endpointer *endpointer, int64_t position);

// As segmenter_next() and segmenter_open_window(); sound has arrived up to `position`.
bool endpointer_next(struct endpointer *endpointer, struct window *ret);
bool endpointer_open_window(const struct endpointer *endpointer, int64_t position,
                            struct window *ret);

// True while a window is open, be it too short yet to be shown.
bool endpointer_is_open(const struct endpointer *endpointer);

// As segmenter_oldest_needed(), when the next chunk will begin at `position`.
int64_t endpointer_oldest_needed(const struct endpointer *endpointer, int64_t position);

DEFINE_CLEANUP(struct endpointer *, endpointer_free);
