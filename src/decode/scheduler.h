#pragma once
// Scheduler: one bounded queue in front of all decode threads. Each stream has a flow.
//
// Finals of live streams go first, then partials, then what is not urgent (job.h); within
// each the earliest due. A flow has one partial job at most: a newer one replaces it. A final
// job is never replaced nor dropped: further ones wait in the flow in their order, their sound
// on disk when there is too much of it (spool.h). Fair between flows by seconds of sound: who
// asks for more than real time is due later (docs/decisions/0001). Fair between flows' owners
// first (docs/decisions/0017). A flow that is opened wide (files), asks for more than real time
// or has fallen behind has many finals at work at once.
//
// Partial jobs are asked for, not pushed: a flow wants a grant, and gets it when the engine
// has room, so that what is decoded is never stale. How often follows the load (load.h).
//
// Threads: all functions on the loop thread; answers come back on the loop thread.
// Memory:  flow_submit() takes the job. Answers lend job and hypothesis during the call.

#include <stdbool.h>
#include <stddef.h>

#include "decode/engine.h"
#include "decode/filter.h"
#include "decode/hypothesis.h"
#include "decode/job.h"
#include "decode/load.h"
#include "util/error.h"
#include "util/loop.h"
#include "util/metrics.h"

struct budget;
struct scheduler;
struct flow;

// The answer to a job, without the text that the filters refuse. `result` is 0, -ECANCELED, or
// another negative error; the hypothesis is only valid for 0. Final jobs of one flow are
// answered in the order submitted, in bulk flows too.
typedef void (*flow_listener)(void *context, const struct job *job, int result,
                              struct hypothesis *hypothesis);

// The flow's grant: submit a partial job now, or nothing.
typedef void (*flow_grant)(void *context);

struct scheduler_config {
        const struct engine_ops *engine;
        const void *model;   // shared by all engines
        unsigned n_engines;  // decode threads
        // Finals of the backlog whose sound would take more memory than this are spooled, so
        // many bytes of them at most; what is beyond that, or cannot be written, stays in
        // memory. That memory is charged to the budget (NULL: none), always: a final is never
        // refused.
        struct budget *budget;
        const char *spool_folder;  // NULL: all stay in memory
        size_t backlog_bytes_max;
        uint64_t spool_bytes_max;
};

struct scheduler_stats {
        size_t n_final, n_partial;  // waiting or running, of open flows
        size_t n_file;              // of n_final, those of bulk flows
        // How long the most delayed live final has been waiting for an engine, beyond what its
        // flow is entitled to; 0: none.
        nsec_t final_delay;
        double backlog_seconds;     // the sound of the finals
        size_t n_spooled;           // of n_final, those whose sound is on disk
        uint64_t spool_bytes;       // what it takes there
        bool is_spool_full;         // and there is no room for more
        const char *spool_trouble;  // why the last sound could not be spooled; NULL: it could
        enum load_level level;
        nsec_t partial_interval;
};

enum job_kind { JOB_PARTIAL, JOB_FINAL, JOB_FILE, JOB_KIND_COUNT };

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
        struct filter_counts filters;
        uint64_t n_coalesced;  // partials that a newer job of their flow replaced
        uint64_t n_shed;  // grants not given since finals were ahead, or to spare the engine
        uint64_t n_promoted;  // finals that a partial answer was good for
        uint64_t n_searched;  // jobs that were given beams since there was time
        uint64_t n_given_up;  // windows whose doubtful text stands, their retries' budget spent
        uint64_t n_cancelled;                 // jobs cancelled that an engine had begun
        uint64_t n_spooled;                   // finals whose sound was spooled
        uint64_t n_levels[LOAD_LEVEL_COUNT];  // how often each level was entered from below
};

int scheduler_open(struct scheduler **ret, struct loop *loop,
                   const struct scheduler_config *config, struct error *error);

// Stop taking work; running jobs end, waiting ones are cancelled without an answer. Blocks for
// at most one engine step. All flows must be closed. NULL is fine. Returns NULL.
struct scheduler *scheduler_close(struct scheduler *scheduler);

// Prepare options that many jobs will have, as far as the engine wants it (engine.h): what each
// job would have to do again. Returns what people should be told of it, which the caller frees:
// texts that were too long; NULL: nothing.
char *scheduler_prepare(const struct scheduler *scheduler, struct decode_options *options);

struct scheduler_stats scheduler_stats(struct scheduler *scheduler);

// The backlog is more than memory and spool are meant to hold: whoever can be paused should be.
bool scheduler_is_full(const struct scheduler *scheduler);

// Lent; always up to date.
const struct scheduler_counts *scheduler_counts(const struct scheduler *scheduler);

// A place for one stream. The engines are shared fairly between owners first, then between the
// flows of each; NULL: one of its own.
struct flow *flow_open(struct scheduler *scheduler, const char *owner, bool is_bulk,
                       flow_listener listener, void *context);

// What answers to later jobs are filtered by; without it by filter_limits_default().
void flow_set_filters(struct flow *flow, const struct filter_limits *filters);

// Cancel all of its jobs without answers, and free it. NULL is fine. Returns NULL.
struct flow *flow_close(struct flow *flow);

// Queue a job (takes it).
void flow_submit(struct flow *flow, struct job *job);

// Let the partial job for exactly this window be its final, wherever it is: it waits, runs,
// or was answered (job.h, is_speculative). The answer then comes as to a final, after this
// call. False when there is none: a final has to be submitted.
bool flow_promote(struct flow *flow, const struct job_window *window);

// Whom flow_request_grant() calls.
void flow_set_on_grant(struct flow *flow, flow_grant on_grant);

// There is something new to show: the flow gets its grant, at once or as soon as the engine has
// room and the interval since its last one is over. `is_speculative`: speech has paused, and
// the answer may become the final one; such grants go before others and have no interval.
void flow_request_grant(struct flow *flow, bool is_speculative);

// Cancel waiting and running jobs of the flow: all, or the partial ones. No answers for them.
void flow_cancel(struct flow *flow, bool partial_only);

// Finals submitted and not yet answered, their sound, and how long the oldest of them has been
// (0 without any); and whether a partial job waits or runs.
size_t flow_backlog(const struct flow *flow);
size_t flow_backlog_samples(const struct flow *flow);
nsec_t flow_delay(const struct flow *flow);
bool flow_has_partial(const struct flow *flow);

// Seconds of sound in finals that flows of that owner have submitted and that are not answered.
double scheduler_owner_backlog(const struct scheduler *scheduler, const char *owner);
