#pragma once
// Cutter: chunks with probabilities in, windows out. The segmenter's decisions without its
// network, so that tests can feed it any probabilities.
//
// Threads: one at a time.
// Memory:  bounded: one entry per chunk of an open window, and CUTTER_QUEUE_MAX windows.

#include <stdbool.h>
#include <stdint.h>

#include "speech/segmenter.h"
#include "util/cleanup.h"

// Closed windows that wait for cutter_next(). A caller who takes none for this long (48 minutes
// of the shortest ones) loses the oldest.
#define CUTTER_QUEUE_MAX 4096

struct cutter;

// Samples [begin, end), at most VAD_CHUNK, that the detector judged as one.
struct chunk {
        int64_t begin;
        int64_t end;
        float probability;  // of speech, 0..1
        float level;        // mean square of the samples
};

struct cutter *cutter_new(const struct segmenter_config *config);
struct cutter *cutter_free(struct cutter *cutter);

// The next chunk. It begins where the one before ended, or later when nobody speaks.
void cutter_add(struct cutter *cutter, struct chunk chunk);

// Close the open window, if any, at `position` at the latest.
void cutter_close(struct cutter *cutter, int64_t position);

// Drop the open window and the queue; no later window begins before `position`.
void cutter_reset(struct cutter *cutter, int64_t position);

// As segmenter_next() and segmenter_open_window(); sound has arrived up to `position`.
bool cutter_next(struct cutter *cutter, struct window *ret);
bool cutter_open_window(const struct cutter *cutter, int64_t position, struct window *ret);

// True while a window is open, be it too short yet to be shown.
bool cutter_is_open(const struct cutter *cutter);

// As segmenter_oldest_needed(), when the next chunk will begin at `position`.
int64_t cutter_oldest_needed(const struct cutter *cutter, int64_t position);

DEFINE_CLEANUP(struct cutter *, cutter_free);
