#pragma once
// Breaks: how good a place between two pieces of text is to end a line or a subtitle, also
// where no blanks are written.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>

enum break_quality {
        BREAK_NEVER,   // within a word, or where a sign must not be parted from its word
        BREAK_PARTS,   // within a run of one script (Han, Hiragana): maybe within a word
        BREAK_WORDS,   // where one script follows another: mostly between words
        BREAK_BLANK,   // at a blank
        BREAK_CLAUSE,  // behind a comma, colon, or the end of a sentence
};

// The place between two pieces (n bytes each; neither empty).
enum break_quality break_judge(const char *before, size_t n_before, const char *after,
                               size_t n_after);

// True when the piece ends a sentence, maybe within quotes.
bool break_ends_sentence(const char *text, size_t n);
