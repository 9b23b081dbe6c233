#pragma once
// What scheduler.c (answers, grants, life) and flow.c (flows and their entries) share. Private
// to decode/.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stddef.h>

#include "decode/group.h"
#include "decode/load.h"
#include "decode/pool.h"
#include "decode/scheduler.h"
#include "decode/spool.h"

// A long job holds up others, a short one does not: each is due later by so many seconds per
// second of its sound. That is about what decoding takes when the engine is busy, so that a
// window of 28 s lets those pass that come up to 1.4 s after it.
#define DUE_LENGTH 0.05

// A job and where it is on its way.
enum entry_place {
        ENTRY_BACKLOG,  // a final in its flow, before its turn
        ENTRY_QUEUED,   // in the pool: in its queue, or in an engine
        ENTRY_DONE,     // a final that is answered before an earlier one of its flow
        ENTRY_KEPT,     // a partial that was answered and may become the final
};

struct entry {
        struct pool_entry pool;  // first: what the pool gives back is an entry
        struct flow *flow;       // NULL: nobody wants the answer any more
        struct entry *next;      // in the flow
        enum entry_place place;
        enum job_kind kind;            // as which it is counted
        bool is_final;                 // as its job, or promoted
        bool is_judged;                // counted, and through the filters
        struct filter_limits filters;  // its flow's when it was submitted
        nsec_t submitted_at;
        nsec_t queued_at;
        nsec_t fair_at;    // a final: when its flow was entitled to it, as submitted or later
        nsec_t due_alone;  // a final: when it would be due if its group had no other backlog
        size_t *counted;   // among its group's in the engines (group.h); NULL: it is not
        struct spool_place spooled;  // where its sound lies when the job has none
};

struct flow {
        struct scheduler *scheduler;
        struct flow *next;  // in scheduler->flows
        struct group *group;
        struct flow *group_next;  // in group->flows
        nsec_t opened_at;
        double seconds_given;  // the sound of the finals that were queued
        bool is_bulk;
        struct filter_limits filters;
        flow_listener listener;
        flow_grant on_grant;
        void *context;
        struct entry *entries;  // all of them, oldest first
        struct entry **last;    // where the next one is linked in
        nsec_t due_last;        // of the last final; negative: there was none
        nsec_t submitted_last;
        bool has_left;  // it fell silent with a large backlog: not urgent, down to the last
                        // second of it
        size_t backlog_samples;  // the sound of the finals not answered
        size_t n_backlog;        // finals not answered
        size_t n_started;        // finals queued, running or done
        bool *is_closed;         // set by flow_close() while an answer is given out

        bool is_waiting;  // for its grant, in scheduler->waiting
        bool is_speculative;
        struct flow *waiting_next;
        nsec_t grant_last;
};

struct scheduler {
        struct loop *loop;
        const struct engine_ops *engine;
        const void *model;
        struct pool *pool;
        struct flow *flows;
        struct groups groups;
        struct flow *waiting;  // for their grants
        struct load load;
        struct loop_timer *overdue;
        bool is_looking;   // for jobs that are overdue: the timer is set
        nsec_t load_at;    // when it was last observed
        nsec_t work_at;    // up to when the engines' work was observed
        nsec_t live_at;    // when a live job was last queued
        size_t n_backlog;  // finals of all flows
        size_t n_started;  // of these, queued, running or done
        size_t n_partial;  // partials in the pool, wanted or not
        size_t n_engines;
        struct budget *budget;
        size_t backlog_bytes;  // memory that finals' sound takes
        size_t bytes_max;
        struct spool *spool;       // NULL: everything stays in memory
        struct error spool_error;  // why the last sound could not be spooled
        size_t n_spooled;          // finals whose sound is there
        struct scheduler_counts counts;
};

// --- flow.c ----------------------------------------------------------------------------------

double job_seconds(const struct job *job);

// Seconds of sound of the flow's finals that somebody waits for: those at the engines, or all.
double flow_awaited_seconds(const struct flow *flow, bool is_backlog_too);

// Take the entry out of its flow.
void flow_remove(struct flow *flow, struct entry *entry);

struct entry *flow_first_final(const struct flow *flow);

// How long a final of the flow has been waiting for an engine, beyond what the flow is entitled
// to; 0 for none, and for what is not urgent (job.h, JOB_RANK_BACKGROUND). Behind one of its
// own flow that is in an engine it waits for that one, and counts once that is overdue.
nsec_t flow_waiting_delay(const struct flow *flow, nsec_t now);

// Tell live jobs of the flow that have been in an engine for too long that they are overdue.
// False when none that is not told is queued or in an engine.
bool flow_find_overdue(const struct flow *flow, nsec_t now);

// The flow's first final that is not queued yet, unless so many are as may be.
const struct entry *flow_next_backlog(const struct flow *flow);

// Give the flow's queued finals the ranks that are right now: who has fallen silent is not
// urgent any more, whoever talks again is urgent again.
void flow_rank_anew(struct flow *flow);

// Settle with how many beams the job, which is about to be queued, is searched for, unless who
// made it has: a file's always with five, live text's while there is time. Only then it hears
// its lead again.
void flow_choose_beams(const struct flow *flow, struct job *job);

// Queue what may be queued of the flow's finals; and those of all flows that wait for memory.
void flow_advance(struct flow *flow);
void flows_advance_spooled(struct scheduler *scheduler);

// Give up the entry, which is in no flow and not in the pool. Returns NULL.
struct entry *entry_free(struct scheduler *scheduler, struct entry *entry);

// --- scheduler.c -----------------------------------------------------------------------------

// How long it takes until the live finals that are at the engines are answered.
nsec_t scheduler_drain(const struct scheduler *scheduler);

// Something is about to be queued: note it if the engines had nothing to do.
void scheduler_note_work(struct scheduler *scheduler);

// Observe how late decoding is, if that was not done lately.
void scheduler_observe(struct scheduler *scheduler);

// A live job is queued: tell it when it has been in an engine for too long.
void scheduler_look_for_overdue(struct scheduler *scheduler);

// How many jobs that are not urgent may be in an engine, by whether anybody talks.
void scheduler_limit_background(struct scheduler *scheduler);

// --- grants.c
// ---------------------------------------------------------------------------------

// Give grants to flows that wait for one, as far as there is room.
void grants_give(struct scheduler *scheduler);

// The flow does not want one any more.
void flow_leave_grants(struct flow *flow);
