#pragma once
// Memory: small allocations of fixed size cannot fail (the program aborts), allocations whose
// size a file or a peer can influence are checked against a limit first and can fail.
//
// Threads: any.

#include <stddef.h>

#include "util/cleanup.h"

// Zeroed memory for one object; aborts when there is none. Free with free().
#define xnew(type) ((type *)xcalloc(1, sizeof(type)))

// Zeroed memory for `n` elements of `size` bytes; aborts when there is none.
void *xcalloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));

// The block with room for `n` elements of `size` bytes, moved if need be; new room is not
// zeroed. Aborts when there is none.
void *xrealloc_array(void *block, size_t n, size_t size) __attribute__((returns_nonnull));

// A copy of the string; aborts when there is no memory. NULL gives NULL.
char *xstrdup(const char *text) __attribute__((malloc));

// A formatted string of its own; aborts when there is no memory.
char *xasprintf(const char *format, ...)
        __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

// Zeroed memory for `n` elements of `size` bytes, or NULL: product overflows or no memory.
void *try_calloc(size_t n, size_t size) __attribute__((malloc));

// Zeroed memory of at least `size` bytes on a 64-byte boundary (a cache line, a vector of
// AVX-512), or NULL. From 2 MB on in huge pages where the system has them: what is read from
// end to end costs fewer look-ups of addresses. Free with free().
void *try_aligned(size_t size) __attribute__((malloc));

// To be called once, first thing in main(), before other threads run. Blocks of a megabyte and
// more (the sound of a window, what an engine hears of one) go back to the system when they are
// freed, however long the program runs: by itself malloc() would move them into the heap after
// the first one was freed, where a small block behind them holds all of it resident. When there
// is no memory, `last_words` is called before abort(); it must need none itself.
void mem_setup(void (*last_words)(const char *line));

// Free the block and return NULL, so that it goes with DEFINE_CLEANUP.
void *mem_free(void *block);

DEFINE_CLEANUP(char *, mem_free);

// Free floats, likewise.
static inline float *floats_free(float *floats) {
        return mem_free(floats);
}

DEFINE_CLEANUP(float *, floats_free);
