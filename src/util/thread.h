#pragma once
// Thread: threads that leave signals to the loop thread.
//
// Threads: any.

#include <pthread.h>

// As pthread_create(), with all signals held back: 0 or a negative errno.
int thread_start(pthread_t *ret, void *(*run)(void *context), void *context);
