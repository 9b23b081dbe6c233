#pragma once
// Bytes: a growing buffer whose contents peers influence, so that growing can fail.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/budget.h"

// An emptied buffer larger than this gives its memory back, and a smaller one is never refused
// its memory by the budget: so much is read at a time (transport.h), has each piece of sound
// (websocket.h), and a few bytes behind it.
#define BYTES_KEEP ((size_t)16 * 1024 + 64)

struct bytes {
        uint8_t *data;
        size_t n;
        size_t capacity;
        size_t most;  // that it will have, as a hint: no more room is made; 0: unknown
        struct budget *budget;  // that its memory is charged to; NULL: none
        enum budget_kind kind;
};

// Make room for `n` more bytes and one final zero. False when there is no memory, or none left
// in the budget; all is as before then.
bool bytes_reserve(struct bytes *bytes, size_t n);

// Append. False when there is no memory; then nothing was appended.
bool bytes_append(struct bytes *bytes, const void *data, size_t n);

// Empty it; a small buffer is kept for reuse.
void bytes_clear(struct bytes *bytes);

// Charge it to its budget no longer: the budget goes.
void bytes_leave_budget(struct bytes *bytes);

// Empty it and free its memory. It may be used again.
void bytes_deinit(struct bytes *bytes);
