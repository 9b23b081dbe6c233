#pragma once
// Seam: where the text of a window that ran out of room is left off, and the next window
// begins.
//
// Threads: any; plain data.

#include <stddef.h>
#include <stdint.h>

#include "whisper/word_timestamps.h"

// Seconds: a window begins at least so long after the one before, so that a text that goes on
// and on comes to an end.
#define SEAM_LEAST 1.0

// A text is left off where its speaker draws breath, behind a sign or so many seconds of
// silence, when no more than one in so many of its words is said again for it.
#define SEAM_PAUSE       0.3
#define SEAM_BREATH_PART 8

struct seam {
        size_t n_tokens;  // that stay
        double position;  // seconds, on the words' clock
};

// After the last whole word, of a text whose last token may have left a word half said; but not
// before `least`, and what begins before that stays. The words are those of the n tokens (text
// below end_of_text, among timestamps). A text of one word keeps it.
struct seam seam_find(const struct timed_words *words, const int32_t *tokens, size_t n,
                      int32_t end_of_text, double least);
