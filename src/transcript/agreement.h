#pragma once
// Agreement: which words of the tail stand? Partial hypotheses of one window go in; words
// that two successive ones agree on (LocalAgreement-2: Liu et al., "Low-Latency
// Sequence-to-Sequence Speech Recognition and Translation by Partial Hypothesis Selection",
// 2020) are stable: they stay as they are, whatever later hypotheses say; only what follows
// them changes.
//
// A word is what stands between blanks, with the blanks before it; in scripts that put none
// between words each character counts as one. Words agree when their bytes do.
//
// Threads: loop thread.

#include <stddef.h>

// Zeroed is a new window.
struct agreement {
        char *text;  // the stable words, then the rest of the last hypothesis; NULL before any
        size_t stable_bytes;
        size_t stable_words;
};

// The next hypothesis of the window, as text. `text` and the counts are then those to show.
void agreement_add(struct agreement *agreement, const char *heard);

// Free what it holds and begin a new window.
void agreement_reset(struct agreement *agreement);
