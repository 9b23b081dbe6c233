#pragma once
// Team: threads that do one piece of work together. The work is cut into pieces, which the
// threads take one after another as they come for them; whoever asked for it works as well. A
// thread that comes late, since another program has its core, leaves its pieces to the others:
// nobody waits for a thread, only for pieces that one has begun.
//
// Threads: team_run() of one thread at a time; its members are its own.

#include <stddef.h>

#include "util/cleanup.h"

struct team;

// A piece of work: number `piece`, done by the team's thread number `thread`, of which each has
// its own. Thread 0 is the one that called team_run().
typedef void team_work(void *context, size_t piece, size_t thread);

// A team of n threads, the caller of team_run() among them; `name` is what tools show of the
// others, at most 15 bytes. 0 or a negative errno when a thread does not start.
int team_new(struct team **ret, size_t n, const char *name);
// Ends the threads.
struct team *team_free(struct team *team);

// How many they are; 1 without a team.
size_t team_size(const struct team *team);

// Do pieces 0 to n - 1 of the work in any order, and return when all are done: what they wrote
// can be read then, and they read what was written before the call. NULL does them itself, one
// after another. A piece cannot have work done by the team that does it.
void team_run(struct team *team, size_t n, team_work *work, void *context);

DEFINE_CLEANUP(struct team *, team_free);
