#pragma once
// Descriptors: the three standard ones are there, whoever started us.
//
// Threads: main thread, before anything else is opened.

// Open /dev/null in place of each of the descriptors 0 to 2 that is closed. Whatever is opened
// first would get such a number otherwise: a socket that libuv refuses to close, or a file into
// which messages are printed. Reading from standard input then ends at once; writing to
// standard output or error fails as it did before (EBADF), so that nothing is thought to be
// printed that is not. Returns 0 or a negative errno.
int descriptors_open_standard(void);
