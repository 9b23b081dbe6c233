#pragma once
// Vocabulary: text as a scorer sees it: words as numbers, the same number for the same word.
//
// The normaliser is called "plain": letters become small (ASCII and Latin-1), apostrophes
// vanish (don't is dont), all other ASCII and general punctuation separates words. Numbers stay
// as they are written, spellings are not unified: whoever wants OpenAI's normaliser scores the
// texts that `eavesdrop-bench live --transcripts-out` writes.
//
// Threads: any one at a time.
// Memory:  a number stays valid as long as the vocabulary.

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

struct vocabulary;

// A word of a text, and the token (what stands between spaces) that it came from; a token such
// as "would-be" has two words.
struct word {
        uint32_t id;
        uint32_t token_begin;  // bytes from the text's beginning
        uint32_t token_n;
};

// A growing list. Zeroed is empty.
struct words {
        struct word *items;
        size_t n;
        size_t capacity;
};

struct vocabulary *vocabulary_new(void);
struct vocabulary *vocabulary_free(struct vocabulary *vocabulary);

// Append the text's words (UTF-8; broken sequences separate words) to *ret. Positions of tokens
// are counted from `base`.
void vocabulary_split(struct vocabulary *vocabulary, const char *text, size_t base,
                      struct words *ret);

void words_append(struct words *words, struct word word);
void words_deinit(struct words *words);

DEFINE_CLEANUP(struct vocabulary *, vocabulary_free);
