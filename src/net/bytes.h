#pragma once
// Bytes: a growing buffer whose contents peers influence, so that growing can fail.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BYTES_KEEP (16 * 1024)  // an emptied buffer larger than this gives its memory back

struct bytes {
        uint8_t *data;
        size_t n;
        size_t capacity;
};

// Make room for `n` more bytes and one final zero. False when there is no memory.
bool bytes_reserve(struct bytes *bytes, size_t n);

// Append. False when there is no memory; then nothing was appended.
bool bytes_append(struct bytes *bytes, const void *data, size_t n);

// Empty it; a small buffer is kept for reuse.
void bytes_clear(struct bytes *bytes);
void bytes_deinit(struct bytes *bytes);
