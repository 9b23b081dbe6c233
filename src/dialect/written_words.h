#pragma once
// Written words: the words of a segment as people write them. Whisper's list has "13,000" and
// "well-known" in two, for it takes a sign for the beginning of a word. Clients of services
// whose lists have them whole get them whole.
//
// Threads: any; no state.

#include <stddef.h>

#include "transcript/segment.h"

// A segment's words, each with what follows it without a blank and begins with a sign: its end
// is the last part's and its probability the least of them. NULL and 0 where the segment has no
// words; the caller frees it (hypothesis_words_free).
struct hypothesis_word *written_words(const struct segment *segment, size_t *ret_n);
