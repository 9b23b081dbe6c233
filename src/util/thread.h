#pragma once
// Thread: threads that leave signals to the loop thread.
//
// Threads: any.

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/loop.h"

// As pthread_create(), with all signals held back: 0 or a negative errno. `name` is what tools
// show, at most 15 bytes of it.
int thread_start(pthread_t *ret, const char *name, void *(*run)(void *context), void *context);

// Join `n` threads, each of which posts `ended` as the last thing that it does, unless that
// takes until then (CLOCK_MONOTONIC). False when it does, from a disk that does not answer:
// nobody waits for them any more, and nothing that they have may be freed.
bool thread_join_until(const pthread_t *threads, size_t n, sem_t *ended, nsec_t until);
