#pragma once
// Alignment: which word of one text stands for which word of another, by the fewest edits
// (Levenshtein; an insertion, a deletion and a substitution count one each).
//
// Threads: any; no state.
// Memory:  a byte for each pair of words, while it computes.

#include <stddef.h>
#include <stdint.h>

#include "load/vocabulary.h"

#define ALIGNMENT_NONE SIZE_MAX

enum alignment_mode {
        ALIGNMENT_WHOLE,   // both texts from end to end
        ALIGNMENT_PREFIX,  // the hypothesis is only the beginning: the rest of the reference is
                           // free
};

struct alignment {
        size_t n_correct;
        size_t n_substituted;
        size_t n_deleted;   // in the reference only
        size_t n_inserted;  // in the hypothesis only
};

// Align. `ret` (may be NULL) gets, for each word of the reference, the position of its
// counterpart in the hypothesis, equal or not, or ALIGNMENT_NONE.
struct alignment alignment_compute(const struct word *reference, size_t n,
                                   const struct word *hypothesis, size_t m,
                                   enum alignment_mode mode, size_t *ret);
