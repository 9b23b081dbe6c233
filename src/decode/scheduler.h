#pragma once
// Scheduler: one bounded queue in front of all decode threads. Each stream has a lane.
//
// A lane has at most one live job waiting and one running. A newer tentative job replaces one
// that waits; a final job is never replaced nor dropped: further finals wait in the lane in
// their order. Finals before tentatives, then earliest deadline, fair between lanes by seconds
// of sound decoded. A lane may be opened wide (files): then many of its finals run at once.
//
// Threads: all functions on the loop thread; answers come back on the loop thread.
// Memory:  lane_submit() takes the job. Answers lend job and hypothesis during the call.

#include <stdbool.h>
#include <stddef.h>

#include "decode/engine.h"
#include "decode/guard.h"
#include "decode/hypothesis.h"
#include "decode/job.h"
#include "util/error.h"
#include "util/loop.h"
#include "util/metrics.h"

struct scheduler;
struct lane;

// The answer to a job, without the text that the guards refuse. `result` is 0, -ECANCELED, or
// another negative error; the hypothesis is only valid for 0. Final jobs of one lane are
// answered in the order submitted, in wide lanes too.
typedef void (*lane_listener)(void *context, const struct job *job, int result,
                              struct hypothesis *hypothesis);

struct scheduler_config {
        const struct engine_ops *engine;
        const void *model;   // shared by all engines
        unsigned n_engines;  // decode threads
};

struct scheduler_stats {
        size_t n_final, n_tentative;  // waiting or running, of open lanes
        size_t n_file;                // of n_final, those of wide lanes
        // How long the oldest live final that may run has been waiting and running; 0: none.
        // What waits only for its own lane's earlier finals does not count.
        nsec_t final_delay;
};

enum job_kind { JOB_TENTATIVE, JOB_FINAL, JOB_FILE, JOB_KIND_COUNT };

// What was done since the scheduler was opened; it only grows.
struct scheduler_kind_counts {
        struct histogram queue_seconds;   // from queue to engine (histogram_seconds)
        struct histogram decode_seconds;  // in the engine, of the jobs answered with 0
        double audio_seconds;             // the sound of these
        uint64_t n_failed;
};

struct scheduler_counts {
        struct scheduler_kind_counts kinds[JOB_KIND_COUNT];
        struct histogram engine_steps;  // jobs inside at each step (histogram_jobs)
        struct guard_counts guards;
        uint64_t n_coalesced;  // tentatives that a newer job of their lane replaced
        uint64_t n_shed;       // tentatives refused since finals were ahead of them
};

int scheduler_open(struct scheduler **ret, struct loop *loop,
                   const struct scheduler_config *config, struct error *error);

// Stop taking work; running jobs end, waiting ones are cancelled without an answer. Blocks for
// at most one engine step. All lanes must be closed. NULL is fine. Returns NULL.
struct scheduler *scheduler_close(struct scheduler *scheduler);

struct scheduler_stats scheduler_stats(const struct scheduler *scheduler);

// Lent; always up to date.
const struct scheduler_counts *scheduler_counts(const struct scheduler *scheduler);

// A place for one stream.
struct lane *lane_open(struct scheduler *scheduler, bool is_wide, lane_listener listener,
                       void *context);

// Cancel all of its jobs without answers, and free it. NULL is fine. Returns NULL.
struct lane *lane_close(struct lane *lane);

// Queue a job (takes it).
void lane_submit(struct lane *lane, struct job *job);

// Cancel waiting and running jobs of the lane: all, or the tentative ones. No answers for them.
void lane_cancel(struct lane *lane, bool tentative_only);

// Finals submitted and not yet answered; and whether a tentative job waits or runs.
size_t lane_owed(const struct lane *lane);
bool lane_has_tentative(const struct lane *lane);
