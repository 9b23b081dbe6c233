#pragma once
// Dictionary: numbers for strings of bytes, 1 for the first that was put in, 2 for the second.
//
// Threads: any one at a time; readers together.

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"

struct dictionary;

struct dictionary *dictionary_new(void);

// NULL is fine. Returns NULL.
struct dictionary *dictionary_free(struct dictionary *dictionary);

// The number of these bytes, a new one if they had none.
uint32_t dictionary_put(struct dictionary *dictionary, const void *bytes, size_t n);

// Which number these bytes have; 0: none.
uint32_t dictionary_get(const struct dictionary *dictionary, const void *bytes, size_t n);

// How many there are.
uint32_t dictionary_count(const struct dictionary *dictionary);

DEFINE_CLEANUP(struct dictionary *, dictionary_free);
