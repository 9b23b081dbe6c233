#pragma once
// Wake: the way from a thread to its owner on the loop, who may be gone before a post arrives.
//
// Threads: loop thread, except wake_up(), which any thread may call.

#include "util/cleanup.h"
#include "util/loop.h"

struct wake;

// function(context) is called on the loop after wake_up(), once for all calls before it.
struct wake *wake_new(struct loop *loop, void (*function)(void *context), void *context);

void wake_up(struct wake *wake);

// No further calls of its function. Nobody calls wake_up() any more. NULL is fine. Returns
// NULL.
struct wake *wake_free(struct wake *wake);

DEFINE_CLEANUP(struct wake *, wake_free);
