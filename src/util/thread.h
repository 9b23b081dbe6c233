#pragma once
// Thread: threads that leave signals to the loop thread.
//
// Threads: any.

#include <pthread.h>
#include <stdbool.h>

#include "util/loop.h"

// As pthread_create(), with all signals held back: 0 or a negative errno. `name` is what tools
// show, at most 15 bytes of it.
int thread_start(pthread_t *ret, const char *name, void *(*run)(void *context), void *context);

// Wait for its end until then (CLOCK_MONOTONIC). False when it has not come, from a disk that
// does not answer: nobody waits for it any more, and nothing that it has may be freed.
bool thread_join_until(pthread_t thread, nsec_t until);
