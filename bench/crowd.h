#pragma once
// Crowd: talkers without a voice, for bench/queue_simulation. They pause as readers do; their
// streams are cut, and ask for passes, as those of pipeline/live do; and how long their readers
// wait for text is measured. What they say depends on nothing but how many they are.
//
// Threads: the loop's.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/scheduler.h"
#include "util/loop.h"

// What readers wait for, counted from when it was said.
enum delay_kind {
        DELAY_WORD,   // each word, in partial text or final
        DELAY_LAST,   // the last word of an utterance, likewise
        DELAY_FINAL,  // the utterance's final text
        DELAY_KIND_COUNT,
};

struct crowd_counts {
        uint64_t n_windows;   // closed
        uint64_t n_promoted;  // of them, those that a pass at a pause was good for
        uint64_t n_final;     // answers to them
        uint64_t n_speculative, n_speculative_answered;  // passes at a pause
        uint64_t n_partial, n_partial_answered;          // other passes
};

struct crowd;

// So many talkers, with a flow each; they begin within the next five seconds, and no utterance
// begins at `silent_from` (seconds of the clock) or later. Loop and scheduler are lent.
struct crowd *crowd_new(struct loop *loop, struct scheduler *scheduler, size_t n_talkers,
                        double silent_from);

// Close the flows, and free it. NULL is fine. Returns NULL.
struct crowd *crowd_free(struct crowd *crowd);

// Each talker looks around once in so many turns: some do at each, as on the real loop.
#define CROWD_TURNS 100
void crowd_look(struct crowd *crowd, size_t turn);

// Whether an utterance or a window has not ended.
bool crowd_is_talking(const struct crowd *crowd);

// Lent; always up to date.
const struct crowd_counts *crowd_counts(const struct crowd *crowd);

// The delays measured up to now, in seconds, the smallest first; lent until the next look.
const double *crowd_delays(struct crowd *crowd, enum delay_kind kind, size_t *ret_n);
