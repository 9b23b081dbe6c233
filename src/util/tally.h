#pragma once
// Tally: how many there are of each name.
//
// Threads: any one at a time.

#include <stddef.h>

// Zeroed is empty.
struct tally {
        void *root;
};

// One more, or one less, of that name. Return how many there are now.
size_t tally_add(struct tally *tally, const char *name);
size_t tally_remove(struct tally *tally, const char *name);

// How many there are of that name.
size_t tally_count(const struct tally *tally, const char *name);

void tally_deinit(struct tally *tally);
