#include "decode/scheduler.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "audio/pcm.h"
#include "decode/pool.h"
#include "util/mem.h"

/*
 * Lanes decide which of their entries stand in the pool's queue, and with which rank; the
 * decode threads never look at a lane.
 *
 * Fairness is by entitlement: a lane that asks for sound at the pace at which sound happens is
 * never held back. Each job is due at its deadline, but not earlier than its lane's previous
 * job plus the length of its sound, so a client that pours in an hour of audio looks to the
 * others like one more person talking, while idle cores still serve it as fast as they can.
 */

// In a wide lane so many finals may stand in the queue or run; more would only cost memory.
#define LANE_WIDE_MAX 24

enum entry_place { ENTRY_OWED, ENTRY_QUEUED, ENTRY_DONE };

struct entry {
        struct pool_entry pool;  // first: what the pool gives back is an entry
        struct lane *lane;       // NULL: nobody wants the answer any more
        struct entry *next;      // in the lane
        enum entry_place place;
        enum job_kind kind;
        nsec_t queued_at;
};

struct lane {
        struct scheduler *scheduler;
        struct lane *next;  // in scheduler->lanes
        bool is_wide;
        lane_listener listener;
        void *context;
        struct entry *entries;  // all of them, oldest first
        struct entry **last;    // where the next one is linked in
        nsec_t due_last;
        double seconds_last;
        size_t n_owed;     // finals not answered
        size_t n_started;  // finals queued, running or done
        bool *is_closed;   // set by lane_close() while an answer is given out
};

struct scheduler {
        struct loop *loop;
        struct pool *pool;
        struct lane *lanes;
        struct scheduler_counts counts;
};

static struct entry *entry_free(struct entry *entry) {
        entry->pool.job = job_free(entry->pool.job);
        hypothesis_deinit(&entry->pool.hypothesis);
        free(entry);
        return NULL;
}

// --- lanes ---------------------------------------------------------------------

static double job_seconds(const struct job *job) {
        return (double)job->n_samples / AUDIO_RATE;
}

static void entry_queue(struct entry *entry) {
        struct lane *lane = entry->lane;
        struct scheduler *scheduler = lane->scheduler;
        nsec_t entitled = lane->due_last + (nsec_t)(lane->seconds_last * (double)NSEC_PER_SEC);

        entry->pool.due = entry->pool.job->deadline;
        if (entry->pool.job->is_final) {
                if (entry->pool.due < entitled)
                        entry->pool.due = entitled;
                lane->due_last = entry->pool.due;
                lane->seconds_last = job_seconds(entry->pool.job);
                lane->n_started++;
        }
        entry->pool.is_urgent = entry->pool.job->is_final && !lane->is_wide;
        entry->place = ENTRY_QUEUED;
        entry->queued_at = loop_now(scheduler->loop);
        pool_put(scheduler->pool, &entry->pool);
}

static void lane_advance(struct lane *lane) {
        size_t started_max = lane->is_wide ? LANE_WIDE_MAX : 1;

        for (struct entry *entry = lane->entries; entry; entry = entry->next) {
                if (lane->n_started >= started_max)
                        return;
                if (entry->place == ENTRY_OWED)
                        entry_queue(entry);
        }
}

static void lane_remove(struct lane *lane, struct entry *entry) {
        struct entry **place = &lane->entries;

        while (*place != entry)
                place = &(*place)->next;
        *place = entry->next;
        if (!entry->next)
                lane->last = place;
        entry->lane = NULL;
        if (!entry->pool.job->is_final)
                return;
        lane->n_owed--;
        if (entry->place != ENTRY_OWED)
                lane->n_started--;
}

static struct entry *lane_first_final(const struct lane *lane) {
        for (struct entry *entry = lane->entries; entry; entry = entry->next)
                if (entry->pool.job->is_final)
                        return entry;
        return NULL;
}

// Take the entry out of its lane: freed now, or when the decode thread lets go of it.
static void entry_cancel(struct entry *entry) {
        struct scheduler *scheduler = entry->lane->scheduler;

        lane_remove(entry->lane, entry);
        if (entry->place != ENTRY_QUEUED || pool_remove(scheduler->pool, &entry->pool))
                entry_free(entry);
        else
                atomic_store(&entry->pool.job->is_cancelled, true);
}

struct lane *lane_open(struct scheduler *scheduler, bool is_wide, lane_listener listener,
                       void *context) {
        struct lane *lane = xnew(struct lane);

        assert(loop_is_current(scheduler->loop));
        lane->scheduler = scheduler;
        lane->is_wide = is_wide;
        lane->last = &lane->entries;
        lane->listener = listener;
        lane->context = context;
        lane->next = scheduler->lanes;
        scheduler->lanes = lane;
        return lane;
}

void lane_cancel(struct lane *lane, bool tentative_only) {
        struct entry *next;

        for (struct entry *entry = lane->entries; entry; entry = next) {
                next = entry->next;
                if (!tentative_only || !entry->pool.job->is_final)
                        entry_cancel(entry);
        }
}

struct lane *lane_close(struct lane *lane) {
        struct lane **place;

        if (!lane)
                return NULL;
        assert(loop_is_current(lane->scheduler->loop));
        lane_cancel(lane, false);
        place = &lane->scheduler->lanes;
        while (*place != lane)
                place = &(*place)->next;
        *place = lane->next;
        if (lane->is_closed)
                *lane->is_closed = true;
        free(lane);
        return NULL;
}

void lane_submit(struct lane *lane, struct job *job) {
        struct entry *entry;

        assert(loop_is_current(lane->scheduler->loop));
        if (!job->is_final && lane->n_owed > 0) {
                // The finals ahead of it will change what it would say.
                lane->scheduler->counts.n_shed++;
                job_free(job);
                return;
        }
        if (lane_has_tentative(lane)) {
                lane->scheduler->counts.n_coalesced++;
                lane_cancel(lane, true);
        }
        entry = xnew(struct entry);
        entry->pool.job = job;
        entry->lane = lane;
        entry->kind = !job->is_final ? JOB_TENTATIVE : lane->is_wide ? JOB_FILE : JOB_FINAL;
        entry->place = ENTRY_OWED;
        *lane->last = entry;
        lane->last = &entry->next;
        if (job->is_final) {
                lane->n_owed++;
                lane_advance(lane);
        } else {
                entry_queue(entry);
        }
}

size_t lane_owed(const struct lane *lane) {
        return lane->n_owed;
}

bool lane_has_tentative(const struct lane *lane) {
        for (const struct entry *entry = lane->entries; entry; entry = entry->next)
                if (!entry->pool.job->is_final)
                        return true;
        return false;
}

// --- answers ---------------------------------------------------------------------------------

// Give out the answer, and those of later finals that had to wait for it. The listener may
// close the lane; `is_closed` on our stack tells.
static void lane_answer(struct lane *lane, struct entry *entry) {
        bool is_closed = false;

        lane->is_closed = &is_closed;
        if (entry->pool.job->is_final)
                entry = lane_first_final(lane);
        while (entry && entry->place == ENTRY_DONE) {
                lane_remove(lane, entry);
                lane_advance(lane);
                lane->listener(lane->context, entry->pool.job, entry->pool.result,
                               &entry->pool.hypothesis);
                entry_free(entry);
                if (is_closed)
                        return;
                entry = lane_first_final(lane);
        }
        lane->is_closed = NULL;
}

static double seconds_between(nsec_t begin, nsec_t end) {
        return (double)(end - begin) / (double)NSEC_PER_SEC;
}

static void scheduler_count(struct scheduler *scheduler, const struct entry *entry) {
        struct scheduler_kind_counts *kind = &scheduler->counts.kinds[entry->kind];
        const struct pool_entry *pool_entry = &entry->pool;

        histogram_add(&scheduler->counts.engine_steps, &pool_entry->engine_steps);
        if (pool_entry->begun_at)
                histogram_observe(&kind->queue_seconds, &histogram_seconds,
                                  seconds_between(entry->queued_at, pool_entry->begun_at));
        if (pool_entry->result == 0) {
                histogram_observe(&kind->decode_seconds, &histogram_seconds,
                                  seconds_between(pool_entry->begun_at, pool_entry->ended_at));
                kind->audio_seconds += job_seconds(pool_entry->job);
        } else if (pool_entry->result != -ECANCELED) {
                kind->n_failed++;
        }
}

static void scheduler_on_done(void *context, struct pool_entry *pool_entry) {
        struct entry *entry = (struct entry *)pool_entry;
        struct scheduler *scheduler = context;

        scheduler_count(scheduler, entry);
        if (pool_entry->result == 0)
                guards_apply(pool_entry->job, &pool_entry->hypothesis,
                             &scheduler->counts.guards);
        entry->place = ENTRY_DONE;
        if (entry->lane)
                lane_answer(entry->lane, entry);
        else
                entry_free(entry);
}

// --- life ------------------------------------------------------------------------------------

int scheduler_open(struct scheduler **ret, struct loop *loop,
                   const struct scheduler_config *config, struct error *error) {
        struct scheduler *scheduler = xnew(struct scheduler);
        struct pool_config pool = {
                .engine = config->engine,
                .model = config->model,
                .n_threads = config->n_engines,
                .on_done = scheduler_on_done,
                .context = scheduler,
        };
        int r;

        scheduler->loop = loop;
        r = pool_open(&scheduler->pool, loop, &pool, error);
        if (r < 0) {
                free(scheduler);
                return r;
        }
        *ret = scheduler;
        return 0;
}

struct scheduler *scheduler_close(struct scheduler *scheduler) {
        if (!scheduler)
                return NULL;
        assert(!scheduler->lanes);
        pool_close(scheduler->pool);
        free(scheduler);
        return NULL;
}

struct scheduler_stats scheduler_stats(const struct scheduler *scheduler) {
        struct scheduler_stats stats = {0};

        for (const struct lane *lane = scheduler->lanes; lane; lane = lane->next)
                for (const struct entry *entry = lane->entries; entry; entry = entry->next) {
                        nsec_t delay = loop_now(scheduler->loop) - entry->queued_at;

                        if (!entry->pool.job->is_final) {
                                stats.n_tentative++;
                                continue;
                        }
                        stats.n_final++;
                        stats.n_file += lane->is_wide;
                        if (!lane->is_wide && entry->place == ENTRY_QUEUED &&
                            delay > stats.final_delay)
                                stats.final_delay = delay;
                }
        return stats;
}

const struct scheduler_counts *scheduler_counts(const struct scheduler *scheduler) {
        return &scheduler->counts;
}
