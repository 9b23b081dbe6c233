#pragma once
// Chores: work that may wait for a disk, done on a thread while the loop goes on.
//
// Threads: loop thread only, but for `work`, which runs on a thread of its own.
// Memory:  a chore's context belongs to its work until on_done is called.

#include <stdbool.h>

#include "util/loop.h"

struct chores;

struct chores *chores_new(struct loop *loop);

// What was begun is waited for, some seconds at most, so that it is on disk. Whoever asked for
// it is gone: its on_done says so, later, from the loop. NULL is fine. Returns NULL.
struct chores *chores_free(struct chores *chores);

// Have work(context) done, then on_done(context, is_orphan) on the loop, never from inside this
// call. is_orphan: the chores were freed meanwhile, and nothing is left to do but to free the
// context.
void chores_do(struct chores *chores, void (*work)(void *context),
               void (*on_done)(void *context, bool is_orphan), void *context);
