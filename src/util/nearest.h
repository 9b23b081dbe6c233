#pragma once
// Nearest: which known word did somebody mean who wrote an unknown one?
//
// Threads: any; no state.

// The one of `choices` (NULL at the end) that `word` was probably meant to be; NULL if none is
// near. Insertions, deletions, replacements and swapped neighbours count one each, up to a
// third of the word's letters; letter case does not count.
const char *nearest_find(const char *word, const char *const *choices);
