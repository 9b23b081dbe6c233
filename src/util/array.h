#pragma once
// Array: arrays that grow, in twos.
//
// Threads: any one at a time.

#include <stddef.h>

// Room for one element of `size` bytes more than the `n` that `items` has: the block as it is,
// or moved with twice the *capacity (elements). A NULL block with a zeroed capacity is empty.
// New room is not zeroed. Aborts when there is none.
void *array_grow(void *items, size_t n, size_t *capacity, size_t size);
