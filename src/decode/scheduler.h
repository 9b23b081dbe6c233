#pragma once
// Scheduler: one bounded queue in front of all decode threads. Each stream has a lane.
//
// Finals of live streams go first, then tentatives, then what is not urgent (job.h); within
// each the earliest due. A lane has one tentative job at most: a newer one replaces it. A final
// job is never replaced nor dropped: further ones wait in the lane in their order, their sound
// on disk when there is too much of it (spool.h). Fair between lanes by seconds of sound: who
// asks for more than real time is due later (docs/decisions/0001). Fair between lanes' owners
// first (docs/decisions/0017). A lane that is opened wide (files), asks for more than real time
// or has fallen behind has many finals at work at once.
//
// Tentative jobs are asked for, not pushed: a lane wants a turn, and gets it when the engine
// has room, so that what is decoded is never stale. How often follows the load (load.h).
//
// Threads: all functions on the loop thread; answers come back on the loop thread.
// Memory:  lane_submit() takes the job. Answers lend job and hypothesis during the call.

#include <stdbool.h>
#include <stddef.h>

#include "decode/engine.h"
#include "decode/guard.h"
#include "decode/hypothesis.h"
#include "decode/job.h"
#include "decode/load.h"
#include "util/error.h"
#include "util/loop.h"
#include "util/metrics.h"

struct budget;
struct scheduler;
struct lane;

// The answer to a job, without the text that the guards refuse. `result` is 0, -ECANCELED, or
// another negative error; the hypothesis is only valid for 0. Final jobs of one lane are
// answered in the order submitted, in wide lanes too.
typedef void (*lane_listener)(void *context, const struct job *job, int result,
                              struct hypothesis *hypothesis);

// The lane's turn: submit a tentative job now, or nothing.
typedef void (*lane_turn)(void *context);

struct scheduler_config {
        const struct engine_ops *engine;
        const void *model;   // shared by all engines
        unsigned n_engines;  // decode threads
        // Finals owed whose sound would take more memory than this are spooled, so many bytes
        // of them at most; what is beyond that, or cannot be written, stays in memory.
        // That memory is charged to the budget (NULL: none), always: a final is never refused.
        struct budget *budget;
        const char *spool_folder;  // NULL: all stay in memory
        size_t owed_bytes_max;
        uint64_t spool_bytes_max;
};

struct scheduler_stats {
        size_t n_final, n_tentative;  // waiting or running, of open lanes
        size_t n_file;                // of n_final, those of wide lanes
        // How long the most delayed live final has been waiting for an engine, beyond what its
        // lane is entitled to; 0: none.
        nsec_t final_delay;
        double seconds_owed;        // the sound of the finals
        size_t n_spooled;           // of n_final, those whose sound is on disk
        uint64_t spool_bytes;       // what it takes there
        bool is_spool_full;         // and there is no room for more
        const char *spool_trouble;  // why the last sound could not be spooled; NULL: it could
        enum load_level level;
        nsec_t tentative_interval;
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
        uint64_t n_shed;      // turns not given since finals were ahead, or to spare the engine
        uint64_t n_promoted;  // finals that a tentative answer was good for
        uint64_t n_searched;  // jobs that were given beams since there was time
        uint64_t n_given_up;  // windows whose doubtful text stands, their retries' budget spent
        uint64_t n_cancelled;                 // jobs cancelled that an engine had begun
        uint64_t n_spooled;                   // finals whose sound was spooled
        uint64_t n_levels[LOAD_LEVEL_COUNT];  // how often each level was entered from below
};

int scheduler_open(struct scheduler **ret, struct loop *loop,
                   const struct scheduler_config *config, struct error *error);

// Stop taking work; running jobs end, waiting ones are cancelled without an answer. Blocks for
// at most one engine step. All lanes must be closed. NULL is fine. Returns NULL.
struct scheduler *scheduler_close(struct scheduler *scheduler);

// Prepare options that many jobs will have, as far as the engine wants it (engine.h): what each
// job would have to do again. Returns what people should be told of it, which the caller frees:
// texts that were too long; NULL: nothing.
char *scheduler_prepare(const struct scheduler *scheduler, struct decode_options *options);

struct scheduler_stats scheduler_stats(struct scheduler *scheduler);

// More is owed than memory and spool are meant to hold: whoever can be paused should be.
bool scheduler_is_full(const struct scheduler *scheduler);

// Lent; always up to date.
const struct scheduler_counts *scheduler_counts(const struct scheduler *scheduler);

// A place for one stream. The engines are shared fairly between owners first, then between the
// lanes of each; NULL: one of its own.
struct lane *lane_open(struct scheduler *scheduler, const char *owner, bool is_wide,
                       lane_listener listener, void *context);

// Cancel all of its jobs without answers, and free it. NULL is fine. Returns NULL.
struct lane *lane_close(struct lane *lane);

// Queue a job (takes it).
void lane_submit(struct lane *lane, struct job *job);

// Let the tentative job for exactly this window be its final, wherever it is: it waits, runs,
// or was answered (job.h, is_settling). The answer then comes as to a final, after this call.
// False when there is none: a final has to be submitted.
bool lane_promote(struct lane *lane, const struct job_window *window);

// Whom lane_want_turn() calls.
void lane_set_turn(struct lane *lane, lane_turn on_turn);

// There is something new to show: the lane gets its turn, at once or as soon as the engine has
// room and the interval since its last one is over. `is_settling`: speech has paused, and the
// answer may become the final one; such turns go before others and have no interval.
void lane_want_turn(struct lane *lane, bool is_settling);

// Cancel waiting and running jobs of the lane: all, or the tentative ones. No answers for them.
void lane_cancel(struct lane *lane, bool tentative_only);

// Finals submitted and not yet answered, their sound, and how long the oldest of them has been
// (0 without any); and whether a tentative job waits or runs.
size_t lane_owed(const struct lane *lane);
size_t lane_samples_owed(const struct lane *lane);
nsec_t lane_delay(const struct lane *lane);
bool lane_has_tentative(const struct lane *lane);

// Seconds of sound in finals that lanes of that owner have submitted and that are not answered.
double scheduler_owner_owes(const struct scheduler *scheduler, const char *owner);
