#pragma once
// Line text: any bytes made fit to be shown as part of one line.
//
// What peers, files and models give may hold line breaks that forge a line of the log, escape
// sequences that play with the reader's terminal, and characters that turn the order of
// letters around. Whatever goes into a log line, an error or a line on the terminal passes
// through here:
//
//   C0, DEL, C1, U+2028, U+2029                     become a space
//   bidirectional controls and other invisible
//   characters that reorder or annotate text        become U+FFFD
//   what is not UTF-8                               becomes U+FFFD
//
// U+200B to U+200D (zero-width space and joiners) stay: Thai, Persian and Hindi need them.
//
// Threads: any; no state.

#include <stddef.h>

// Write the first `n` bytes of `text`, made fit, into `ret` with a terminating zero, as many
// whole characters as `size` bytes (at least 1) have room for. Bytes from a zero on are left
// out. Returns the length.
size_t line_text_write(char *ret, size_t size, const char *text, size_t n);

// The whole text, made fit. The caller frees it; aborts when there is no memory: `text` has a
// bounded length.
char *line_text_copy(const char *text);
