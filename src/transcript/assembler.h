#pragma once
// Assembler: what should a reader believe? Hypotheses go in, updates come out.
//
// Invariants: final segments never change, never overlap (not even after rounding to
// milliseconds) and never go backwards; there is exactly one tail, maybe empty; its stable
// words stay as they are until its window is final or another one begins.
//
// Threads: loop thread.
// Memory:  an update and all in it is lent until the next call on the assembler.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "transcript/segment.h"

struct assembler;

struct update {
        const struct segment *finals;  // new since the last update, in order
        size_t n_finals;
        const struct segment *tail;  // partial text so far; text "" when there is none
        size_t stable_bytes;         // of the tail's text: words that will not change before
        size_t stable_words;         // it is final
        const char *language;        // "" while unknown
        float language_probability;
        bool language_is_new;  // detected for the first time, or changed, on final text and
                               // surely
        // Of live sound, the answer to a closed window: where that ended (all text before it is
        // final), and whether somebody paused there, or was cut short. 0: to no closed window.
        int64_t closed_at;
        bool is_pause;
};

struct assembler *assembler_new(void);
struct assembler *assembler_free(struct assembler *assembler);

// A new recording: ids start again, the tail is empty. `position` is the stream's now.
void assembler_restart(struct assembler *assembler, int64_t position);

// The answer to a partial job whose samples began at `begin`, which tells its window from
// others: becomes the tail, behind the words that are stable already.
const struct update *assembler_on_partial(struct assembler *assembler, int64_t begin,
                                          const struct hypothesis *hypothesis);

// The answer to a final job for [begin, end): its segments, which are taken out of it, become
// final; the tail is emptied unless it belongs to a window behind that.
const struct update *assembler_on_final(struct assembler *assembler, int64_t begin, int64_t end,
                                        struct hypothesis *hypothesis);

// Nothing new, just what stands: for a goodbye.
const struct update *assembler_current(struct assembler *assembler);

DEFINE_CLEANUP(struct assembler *, assembler_free);
