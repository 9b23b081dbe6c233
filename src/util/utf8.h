#pragma once
// UTF-8: making any bytes into text that readers and protocols accept.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd"  // U+FFFD

// True for the blanks that words of a text stand between.
static inline bool utf8_is_blank(char byte) {
        return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

// Length of the valid character at `bytes` (1 to 4), or minus the number of bytes (1 to 3) that
// one replacement character stands for: the longest beginning of a character that is there
// (Unicode 15, section 3.9, "maximal subpart"). `n` is at least 1.
int utf8_step(const char *bytes, size_t n);

// The code point of the valid character of `n` bytes (1 to 4) at `bytes`.
uint32_t utf8_point(const char *bytes, int n);

// How many of the first `n` bytes stay when a text was cut there: without what is
// no whole character at the end.
size_t utf8_cut(const char *bytes, size_t n);

// A zero-terminated copy in which broken sequences and zero bytes are U+FFFD. The caller frees
// it. NULL when out of memory.
char *utf8_repair(const char *bytes, size_t n);
