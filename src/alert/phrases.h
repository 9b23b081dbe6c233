#pragma once
// Phrases: many words and phrases looked for in one pass over a text's words (Aho and
// Corasick's automaton): what it costs depends on the text, not on how many there are.
//
// Threads: any one at a time.

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/fold.h"

#define PHRASE_TOKENS_MAX 64  // words of one phrase, or characters in scripts without spaces

struct phrases;

struct phrases *phrases_new(void);

// NULL is fine. Returns NULL.
struct phrases *phrases_free(struct phrases *phrases);

// Add a phrase of that owner. -EINVAL with words when it has no word, or too many.
int phrases_add(struct phrases *phrases, const char *text, size_t n, unsigned owner,
                struct error *error);

// How many were added.
size_t phrases_count(const struct phrases *phrases);

// All have been added.
void phrases_link(struct phrases *phrases);

// How many tokens the longest has; 0: there is none.
size_t phrases_longest(const struct phrases *phrases);

// A token of the text to be searched.
struct phrase_token {
        int64_t begin, end;  // what its finder counts in
        uint32_t word;       // phrases_word(): its number, 0 for one that no phrase has
        uint8_t gap;         // enum fold_gap
};

uint32_t phrases_word(const struct phrases *phrases, const char *folded, size_t n);

typedef void phrases_found(void *context, unsigned owner, const struct phrase_token *first,
                           const struct phrase_token *last);

// Look through `n` tokens for phrases that end at `from` or behind it. Returns how many steps
// it took, of one look-up each.
uint64_t phrases_find(const struct phrases *phrases, const struct phrase_token *tokens,
                      size_t n, size_t from, phrases_found *on_found, void *context);

DEFINE_CLEANUP(struct phrases *, phrases_free);
