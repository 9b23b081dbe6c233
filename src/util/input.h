#pragma once
// Input: what the path of something to read may mean besides a file: standard input ("-"), or a
// descriptor that a shell has opened for us ("<(...)").
//
// Threads: main thread.

#include <stddef.h>

// The descriptor that the path means: 0 for "-" and /dev/stdin, N for /dev/fd/N and
// /proc/self/fd/N. -1 for any other path. It need not be open.
int input_descriptor(const char *path);

// What to call it in outputs: "standard input", or the path itself.
const char *input_name(const char *path);

// What to call it in messages: "standard input", or the path in quotes. The caller frees it.
char *input_label(const char *path);

// Read all of it, at most `n_max` bytes: more is cut, and *ret_n is then n_max. Descriptors are
// read from where they are. A named pipe is given `patience` milliseconds until somebody
// writes. *ret, with a zero behind its end, is the caller's. 0, or a negative errno; -ETIMEDOUT
// when nobody wrote.
int input_read(const char *path, size_t n_max, int patience, char **ret, size_t *ret_n);
