#pragma once
// Search words: what people write to search the journal, made into what FTS5 understands.
//
//   fire alarm        both words, anywhere in a segment's text
//   "fire alarm"      one behind the other
//   -test -"only a"   not with these
//
// Blanks, among them those of other scripts, stand between words. A word that FTS5 cuts into
// several (script without blanks, "e-mail") is found like a phrase. What has no letter or digit
// is left out.
//
// Threads: any; no state.

#include "util/error.h"

#define SEARCH_WORDS_BYTES_MAX 1024  // of all words
#define SEARCH_WORDS_MAX       64    // words and phrases

// The expression of MATCH, which the caller frees. -EINVAL when the words say nothing that can
// be searched for: *error names what is wrong, and at which byte, the first being 1.
int search_words_translate(char **ret, const char *words, struct error *error);
