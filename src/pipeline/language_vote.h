#pragma once
// Language vote: what several windows of a file are spoken in, by faster-whisper's rule: the
// first that is sure decides, else the language that most were taken for.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>

#include "decode/hypothesis.h"

#define LANGUAGE_VOTES_MAX 4

// Zeroed is empty.
struct language_vote {
        char votes[LANGUAGE_VOTES_MAX][LANGUAGE_CODE_MAX];
        size_t n;
        char language[LANGUAGE_CODE_MAX];  // that leads, or has won; "" while there is none
        bool is_over;
};

// One window's language ("" for one that could not be told) of so many at most, which is sure
// above the threshold.
void language_vote_add(struct language_vote *vote, const char *language, float probability,
                       float threshold, size_t n_max);
