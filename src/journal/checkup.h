#pragma once
// Checkup: is the database whole? SQLite's quick check, on a thread and with a connection of
// its own, while the journal is in use.
//
// Threads: loop thread; on_damage is called on the checkup's.

#include <stdbool.h>

#include "util/loop.h"

struct checkup;

// Check the database in that folder once. on_damage(context, generation, words) is called if it
// is damaged, with the number that is given here. NULL when there is no thread to be had.
struct checkup *checkup_start(const char *folder, unsigned generation,
                              void (*on_damage)(void *context, unsigned generation,
                                                const char *words),
                              void *context);

// Give up what is not checked yet, and free it. False when its thread has not ended until then
// (CLOCK_MONOTONIC), from a disk that does not answer: then on_damage may still be called. NULL
// is fine.
bool checkup_stop(struct checkup *checkup, nsec_t until);
