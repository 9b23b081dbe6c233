#pragma once
// Bare word: a word as it is spoken: in small letters and without the signs around it ("Hello,"
// is "hello", "don't" stays).
//
// Threads: any; no state.

#include <stddef.h>

// The bare word of `text`, or the text without the blanks around it when nothing else is left
// of it. The caller frees it.
char *bare_word(const char *text);

// The text without the blanks around it; the caller frees it.
char *bare_text(const char *text);
