#pragma once
// What scheduler.c (answers, turns, life) and lane.c (lanes and their entries) share. Private
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
        ENTRY_OWED,    // a final in its lane, before its turn
        ENTRY_QUEUED,  // in the pool: in its queue, or in an engine
        ENTRY_DONE,    // a final that is answered before an earlier one of its lane
        ENTRY_KEPT,    // a tentative that was answered and may become the final
};

struct entry {
        struct pool_entry pool;  // first: what the pool gives back is an entry
        struct lane *lane;       // NULL: nobody wants the answer any more
        struct entry *next;      // in the lane
        enum entry_place place;
        enum job_kind kind;  // as which it is counted
        bool is_final;       // as its job, or promoted
        bool is_judged;      // counted, and through the guards
        nsec_t submitted_at;
        nsec_t queued_at;
        nsec_t fair_at;    // a final: when its lane was entitled to it, as submitted or later
        nsec_t due_alone;  // a final: when it would be due if its group owed nothing else
        size_t *counted;   // among its group's in the engines (group.h); NULL: it is not
        struct spool_place spooled;  // where its sound lies when the job has none
};

struct lane {
        struct scheduler *scheduler;
        struct lane *next;  // in scheduler->lanes
        struct group *group;
        struct lane *group_next;  // in group->lanes
        nsec_t opened_at;
        double seconds_given;  // the sound of the finals that were queued
        bool is_wide;
        lane_listener listener;
        lane_turn on_turn;
        void *context;
        struct entry *entries;  // all of them, oldest first
        struct entry **last;    // where the next one is linked in
        nsec_t due_last;        // of the last final
        double seconds_last;
        nsec_t submitted_last;
        bool has_left;  // it fell silent and owes much: not urgent, down to the last second of
                        // it
        size_t samples_owed;  // the sound of the finals not answered
        size_t n_owed;        // finals not answered
        size_t n_started;     // finals queued, running or done
        bool *is_closed;      // set by lane_close() while an answer is given out

        bool is_waiting;  // for its turn, in scheduler->waiting
        bool is_settling;
        struct lane *waiting_next;
        nsec_t turn_last;
};

struct scheduler {
        struct loop *loop;
        const struct engine_ops *engine;
        const void *model;
        struct pool *pool;
        struct lane *lanes;
        struct groups groups;
        struct lane *waiting;  // for their turns
        struct load load;
        struct loop_timer *overdue;
        bool is_looking;     // for jobs that are overdue: the timer is set
        nsec_t load_at;      // when it was last observed
        nsec_t live_at;      // when a live job was last queued
        size_t n_owed;       // finals of all lanes
        size_t n_started;    // of these, queued, running or done
        size_t n_tentative;  // tentatives in the pool, wanted or not
        size_t n_engines;
        struct budget *budget;
        size_t bytes_owed;  // memory that finals' sound takes
        size_t bytes_max;
        struct spool *spool;       // NULL: everything stays in memory
        struct error spool_error;  // why the last sound could not be spooled
        size_t n_spooled;          // finals whose sound is there
        struct scheduler_counts counts;
};

// --- lane.c ----------------------------------------------------------------------------------

double job_seconds(const struct job *job);

// Take the entry out of its lane.
void lane_remove(struct lane *lane, struct entry *entry);

struct entry *lane_first_final(const struct lane *lane);

// How long a final of the lane has been waiting for an engine, beyond what the lane is entitled
// to; 0 for none, and for what is not urgent (job.h, JOB_RANK_LATER). Behind one of its own
// lane that is in an engine it waits for that one, and counts once that is overdue.
nsec_t lane_waiting_delay(const struct lane *lane, nsec_t now);

// Tell live jobs of the lane that have been in an engine for too long that they are overdue.
// False when none that is not told is queued or in an engine.
bool lane_find_overdue(const struct lane *lane, nsec_t now);

// The lane's first final that is not queued yet, unless so many are as may be.
const struct entry *lane_next_owed(const struct lane *lane);

// Give the lane's queued finals the ranks that are right now: who has fallen silent is not
// urgent any more, whoever talks again is urgent again.
void lane_rank_anew(struct lane *lane);

// Settle whether the job, which is about to be queued, is searched for with beams, unless who
// made it has.
void lane_choose_beams(const struct lane *lane, struct job *job);

// Queue what may be queued of the lane's finals; and those of all lanes that wait for memory.
void lane_advance(struct lane *lane);
void lanes_advance_spooled(struct scheduler *scheduler);

// Give up the entry, which is in no lane and not in the pool. Returns NULL.
struct entry *entry_free(struct scheduler *scheduler, struct entry *entry);

// --- scheduler.c -----------------------------------------------------------------------------

// Observe how late decoding is, if that was not done lately.
void scheduler_observe(struct scheduler *scheduler);

// A live job is queued: tell it when it has been in an engine for too long.
void scheduler_look_for_overdue(struct scheduler *scheduler);

// How many jobs that are not urgent may be in an engine, by whether anybody talks.
void scheduler_limit_later(struct scheduler *scheduler);

// --- turns.c ---------------------------------------------------------------------------------

// Give turns to lanes that wait for one, as far as there is room.
void turns_give(struct scheduler *scheduler);

// The lane does not want one any more.
void lane_leave_turns(struct lane *lane);
