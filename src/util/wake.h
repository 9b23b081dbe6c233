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

// No further calls of its function, and wake_up() does nothing, which a thread that cannot be
// waited for may still call, even when the loop is gone. The wake is never freed.
void wake_abandon(struct wake *wake);

// No further calls of its function. Nobody calls wake_up() any more. NULL is fine. Returns
// NULL.
struct wake *wake_free(struct wake *wake);

DEFINE_CLEANUP(struct wake *, wake_free);
