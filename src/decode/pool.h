#pragma once
// Pool: the decode threads, and the one queue between them and the loop. Private to decode/.
//
// The scheduler puts entries in; a free thread takes the one whose job has the best rank, then
// the one that is due first, drives it through its engine, and the entry comes back to the loop
// with the result.
//
// Threads: all functions on the loop thread; `on_done` is called on the loop thread.
// Memory:  an entry put in belongs to the pool until it is removed or came back.

#include <stdatomic.h>
#include <stdbool.h>

#include "decode/engine.h"
#include "util/error.h"
#include "util/loop.h"
#include "util/metrics.h"

struct pool;

#define POOL_NOT_BEGUN (-1)

struct pool_entry {
        struct job *job;
        nsec_t due;  // earlier ones first, within the job's rank

        int result;  // valid when it came back, as the hypothesis is for 0
        struct hypothesis hypothesis;

        // Set by the loop, told to the engine by the decode thread before its next step
        // (engine.h: cancel, hurry, promote).
        atomic_bool is_cancelled, is_overdue, is_promoted;

        // When an engine took it in, POOL_NOT_BEGUN before. Set by the decode thread, read by
        // any.
        _Atomic nsec_t begun_at;
        // What the decode thread says of its work, valid when the entry came back.
        nsec_t ended_at;                // when the engine gave it back
        struct histogram engine_steps;  // jobs inside at each step (histogram_jobs) since the
                                        // thread's last answer

        struct pool_entry *next;  // the pool's own
};

struct pool_config {
        const struct engine_ops *engine;
        const void *model;
        unsigned n_threads;
        void (*on_done)(void *context, struct pool_entry *entry);  // takes the entry
        void *context;
};

// Open the engines and start the threads.
int pool_open(struct pool **ret, struct loop *loop, const struct pool_config *config,
              struct error *error);

// True once an engine has taken the entry in.
static inline bool pool_has_begun(const struct pool_entry *entry) {
        return atomic_load(&entry->begun_at) != POOL_NOT_BEGUN;
}

// End the threads (after at most one engine step) and give back every entry through on_done,
// those not finished with -ECANCELED. NULL is fine. Returns NULL.
struct pool *pool_close(struct pool *pool);

// Put in an entry that has not begun.
void pool_put(struct pool *pool, struct pool_entry *entry);

// Take an entry out that no thread has begun. False when it is too late: it will come back.
bool pool_remove(struct pool *pool, struct pool_entry *entry);

// Give an entry that is not in the queue back through on_done as if a thread had answered it:
// soon, not at once. `result` and `hypothesis` stay as they are.
void pool_return(struct pool *pool, struct pool_entry *entry);

// How many jobs of JOB_RANK_BACKGROUND each thread may have inside at a time (at least 1).
void pool_limit_background(struct pool *pool, size_t n);
