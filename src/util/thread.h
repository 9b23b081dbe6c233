#pragma once
// Thread: threads that leave signals to the loop thread.
//
// Threads: any.

#include <pthread.h>

// As pthread_create(), with all signals held back: 0 or a negative errno. `name` is what tools
// show, at most 15 bytes of it.
int thread_start(pthread_t *ret, const char *name, void *(*run)(void *context), void *context);
