#pragma once
// Columns: how wide text is where a Latin letter takes one cell and a full-width character two.
//
// Widths are libc's (wcwidth() in the locale C.UTF-8, made from Unicode's East Asian Width),
// characters as readers see them (a letter and its accents, an emoji and its parts) PCRE2's:
// both follow Unicode with their next release, and a table of our own would not.
//
// Threads: main thread.

#include <stddef.h>

// Bytes of the first character of `n` bytes (at least one) of text, and its columns: 0 to 2.
// Bytes that are no UTF-8 are characters of their own, one column wide.
size_t columns_step(const char *text, size_t n, size_t *ret_columns);

// Columns of all of it.
size_t columns_of(const char *text, size_t n);
