#pragma once
// Unspaced: which characters are of a script that is written without blanks between its words
// (Han, Hiragana, Katakana, Thai, Lao, Khmer, Myanmar), so that nobody can tell a word from the
// letters around it without a dictionary.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stdint.h>

// A letter or digit of such a script, and no mark.
bool unspaced_is_letter(uint32_t point);
