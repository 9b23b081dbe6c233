#pragma once
// Word timestamps: the text's tokens as words, with the times of their tokens, and with the
// limits that faster-whisper puts on what alignment gets wrong: words that seem to last through
// a pause. Punctuation belongs to a word.
//
// Threads: any; plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "whisper/tokenizer.h"

#define WORD_TIMESTAMPS_FRAME 0.02  // seconds: one row of the encoder

struct timed_word {
        char *text;         // with the space before it; "" when it became part of a neighbour
        size_t n_tokens;    // 0 then
        double begin, end;  // seconds
        float probability;  // mean of its tokens'
};

struct timed_words {
        struct timed_word *items;
        size_t n;
        double median;  // seconds that words last, at most 0.7
};

// Languages that put no spaces between words: each character counts as one.
bool word_timestamps_by_character(const char *language);

// Split text tokens (no timestamps) into words without times. The caller deinitialises.
void word_timestamps_split(struct timed_words *ret, const struct tokenizer *tokenizer,
                           const int32_t *tokens, size_t n, bool by_character);

// Give them the times and probabilities of their n tokens: begins[n + 1] in frames from
// `offset` (seconds), the last one where the text ends; probabilities[n]. Then cut what lasts
// too long at the ends of sentences, and merge the punctuation.
void word_timestamps_place(struct timed_words *words, const uint32_t *begins,
                           const float *probabilities, double offset, const char *prepended,
                           const char *appended);

// Fit the n words of one segment and its times to each other: the word after a pause, which
// began after `last_speech`, and those at the segment's ends, may not be too long.
void word_timestamps_fit(const struct timed_words *all, struct timed_word *words, size_t n,
                         double last_speech, double *begin, double *end);

void word_timestamps_deinit(struct timed_words *words);
