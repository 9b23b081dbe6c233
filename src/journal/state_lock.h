#pragma once
// State lock: one process writes in a state folder. A lock on a file in it says which, and is
// given back by the system when that process ends, however it ends.
//
// Threads: any one at a time.

#include <stdbool.h>

#include "util/cleanup.h"
#include "util/error.h"

struct state_lock;

// -EBUSY when another process has it, which the words name; other errors when the file cannot
// be made or locked.
int state_lock_take(struct state_lock **ret, const char *folder, struct error *error);

// NULL is fine. Returns NULL.
struct state_lock *state_lock_release(struct state_lock *lock);

// Whether the file is there no longer, so that another process could take one of its own.
bool state_lock_is_lost(const struct state_lock *lock);

DEFINE_CLEANUP(struct state_lock *, state_lock_release);
