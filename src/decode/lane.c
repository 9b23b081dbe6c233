#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "decode/scheduler_private.h"
#include "util/budget.h"
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

// So many finals of a lane may stand in the queue or run: of a wide lane, where more would only
// cost memory; of one that is behind or asks for more than real time; and else.
#define LANE_WIDE_MAX   24
#define LANE_BEHIND_MAX 8

// A lane is behind when its oldest final is so late.
#define LANE_BEHIND (2 * NSEC_PER_SEC)

// A lane that asks for more than real time by so much is not urgent.
#define LANE_AHEAD NSEC_PER_SEC

// Nor is one that owes so much sound and in which nothing was said for so long: those who go on
// talking are caught up first (docs/decisions/0005).
#define LANE_QUIET         (10 * NSEC_PER_SEC)
#define LANE_QUIET_SECONDS 10

// So long may a live job be in an engine before no further attempts are made at it. Text is
// promised within three seconds of its end, of which the pause that closes its window takes
// 0.6; an attempt takes 0.1 to 0.5 seconds on a quiet machine.
#define OVERDUE (3 * NSEC_PER_SEC / 2)

// Finals that are queued whatever memory their sound takes.
#define QUEUED_LEAST 16

// Memory is taken, or given back, by a final's sound.
static void owed_take(struct scheduler *scheduler, const struct job *job) {
        scheduler->bytes_owed += job->n_samples * sizeof(float);
        budget_charge_always(scheduler->budget, BUDGET_OWED, job->n_samples * sizeof(float));
}

static void owed_give_back(struct scheduler *scheduler, const struct job *job) {
        scheduler->bytes_owed -= job->n_samples * sizeof(float);
        budget_refund(scheduler->budget, BUDGET_OWED, job->n_samples * sizeof(float));
}

struct entry *entry_free(struct scheduler *scheduler, struct entry *entry) {
        if (entry->spooled.n_samples > 0) {
                spool_drop(scheduler->spool, &entry->spooled);
                scheduler->n_spooled--;
        } else if (entry->is_final) {
                owed_give_back(scheduler, entry->pool.job);
        }
        entry->pool.job = job_free(entry->pool.job);
        hypothesis_deinit(&entry->pool.hypothesis);
        free(entry);
        return NULL;
}

double job_seconds(const struct job *job) {
        return pcm_seconds((int64_t)job->n_samples);
}

static nsec_t nsec_from(double seconds) {
        return (nsec_t)(seconds * (double)NSEC_PER_SEC);
}

// --- urgency ---------------------------------------------------------------------------------

// Nobody talking waits for it.
static bool entry_is_later(const struct entry *entry, nsec_t now) {
        const struct lane *lane = entry->lane;

        return lane->is_wide || lane->has_left || entry->fair_at > now + LANE_AHEAD;
}

// How long the final has been waiting beyond what its lane is entitled to; 0 for what is not
// urgent.
static nsec_t entry_delay(const struct entry *entry, nsec_t now) {
        // What is due later for what else its group owes is not late before.
        nsec_t fair_at = entry->fair_at + (entry->pool.due - entry->due_alone);

        if (fair_at >= now || entry_is_later(entry, now))
                return 0;
        return now - fair_at;
}

static size_t lane_started_max(const struct lane *lane) {
        nsec_t now = loop_now(lane->scheduler->loop);
        const struct entry *first = lane_first_final(lane);

        if (lane->is_wide)
                return LANE_WIDE_MAX;
        if (first && (entry_is_later(first, now) || now - first->fair_at > LANE_BEHIND))
                return LANE_BEHIND_MAX;
        return 1;
}

// --- on disk ---------------------------------------------------------------------------------

// Move the sound of a final that has to wait to disk, if memory is short.
static void entry_spool(struct entry *entry) {
        struct scheduler *scheduler = entry->lane->scheduler;
        struct job *job = entry->pool.job;

        if (!scheduler->spool || scheduler->bytes_owed <= scheduler->bytes_max)
                return;
        if (spool_put(scheduler->spool, job->samples, job->n_samples, &entry->spooled,
                      &scheduler->spool_error) < 0)
                return;
        scheduler->spool_error = (struct error){0};
        free(job->samples);
        job->samples = NULL;
        owed_give_back(scheduler, job);
        scheduler->n_spooled++;
        scheduler->counts.n_spooled++;
}

// Bring it back. False while there is no room; a sound that cannot be read any more is answered
// with the error.
static bool entry_unspool(struct entry *entry, int *ret_result) {
        struct scheduler *scheduler = entry->lane->scheduler;
        struct job *job = entry->pool.job;
        size_t bytes = job->n_samples * sizeof(float);

        *ret_result = 0;
        if (entry->spooled.n_samples == 0)
                return true;
        if (scheduler->bytes_owed + bytes > scheduler->bytes_max &&
            scheduler->n_started >= QUEUED_LEAST)
                return false;
        job->samples = try_calloc(job->n_samples, sizeof(float));
        *ret_result = job->samples ? spool_get(scheduler->spool, &entry->spooled, job->samples)
                                   : -ENOMEM;
        spool_drop(scheduler->spool, &entry->spooled);
        scheduler->n_spooled--;
        owed_take(scheduler, job);
        return true;
}

// --- entries ---------------------------------------------------------------------------------

static enum job_rank final_rank(const struct entry *entry, nsec_t now) {
        return entry_is_later(entry, now) ? JOB_RANK_LATER : JOB_RANK_FINAL;
}

static void entry_queue(struct entry *entry) {
        struct lane *lane = entry->lane;
        struct scheduler *scheduler = lane->scheduler;
        struct job *job = entry->pool.job;
        nsec_t now = loop_now(scheduler->loop);

        // A pass over a pause will most likely be the final one.
        job->rank = job->is_settling ? JOB_RANK_FINAL : JOB_RANK_TENTATIVE;
        if (entry->is_final) {
                job->rank = final_rank(entry, now);
                lane->n_started++;
                scheduler->n_started++;
        } else {
                scheduler->n_tentative++;
        }
        job->deadline = entry->pool.due;  // engines go by it
        if (job->rank != JOB_RANK_LATER) {
                scheduler->live_at = now;
                scheduler_look_for_overdue(scheduler);
                group_note_live(lane);
        }
        group_count_in(entry);
        entry->place = ENTRY_QUEUED;
        entry->queued_at = now;
        scheduler_limit_later(scheduler);
        pool_put(scheduler->pool, &entry->pool);
}

void lane_rank_anew(struct lane *lane) {
        nsec_t now = loop_now(lane->scheduler->loop);

        if (lane->samples_owed >= (size_t)LANE_QUIET_SECONDS * AUDIO_RATE &&
            now - lane->submitted_last > LANE_QUIET)
                lane->has_left = true;
        for (struct entry *entry = lane->entries; entry; entry = entry->next) {
                if (entry->place != ENTRY_QUEUED || !entry->is_final ||
                    entry->pool.job->rank == final_rank(entry, now) ||
                    !pool_remove(lane->scheduler->pool, &entry->pool))
                        continue;
                lane->n_started--;
                lane->scheduler->n_started--;
                group_count_out(entry);
                entry_queue(entry);
        }
}

// Queue a final. False while there is no memory for its sound.
static bool entry_start(struct entry *entry) {
        struct lane *lane = entry->lane;
        int result;

        if (!entry_unspool(entry, &result))
                return false;
        lane->seconds_given += job_seconds(entry->pool.job);
        if (result == 0) {
                entry_queue(entry);
                return true;
        }
        entry->pool.result = result;
        entry->place = ENTRY_QUEUED;
        entry->queued_at = loop_now(lane->scheduler->loop);
        lane->n_started++;
        lane->scheduler->n_started++;
        pool_return(lane->scheduler->pool, &entry->pool);
        return true;
}

void lane_advance(struct lane *lane) {
        size_t started_max = lane_started_max(lane);

        for (struct entry *entry = lane->entries; entry; entry = entry->next) {
                if (lane->n_started >= started_max)
                        return;
                if (entry->place == ENTRY_OWED &&
                    (!group_has_room(lane) || !entry_start(entry)))
                        return;
        }
}

const struct entry *lane_next_owed(const struct lane *lane) {
        if (lane->n_started >= lane_started_max(lane))
                return NULL;
        for (const struct entry *entry = lane->entries; entry; entry = entry->next)
                if (entry->place == ENTRY_OWED)
                        return entry;
        return NULL;
}

// Those that were due first go first.
void lanes_advance_spooled(struct scheduler *scheduler) {
        while (scheduler->n_spooled > 0) {
                struct lane *best = NULL;
                nsec_t best_due = 0;
                size_t n_started = scheduler->n_started;

                for (struct lane *lane = scheduler->lanes; lane; lane = lane->next) {
                        const struct entry *entry = lane_next_owed(lane);

                        if (!entry || !group_has_room(lane) ||
                            (best && entry->pool.due >= best_due))
                                continue;
                        best = lane;
                        best_due = entry->pool.due;
                }
                if (!best)
                        return;
                lane_advance(best);
                if (scheduler->n_started == n_started)
                        return;
        }
}

void lane_remove(struct lane *lane, struct entry *entry) {
        struct entry **place = &lane->entries;

        while (*place != entry)
                place = &(*place)->next;
        *place = entry->next;
        if (!entry->next)
                lane->last = place;
        entry->lane = NULL;
        if (!entry->is_final)
                return;
        lane->n_owed--;
        lane->scheduler->n_owed--;
        lane->samples_owed -= entry->pool.job->n_samples;
        if (entry->place != ENTRY_OWED) {
                lane->n_started--;
                lane->scheduler->n_started--;
        }
}

struct entry *lane_first_final(const struct lane *lane) {
        for (struct entry *entry = lane->entries; entry; entry = entry->next)
                if (entry->is_final)
                        return entry;
        return NULL;
}

static const struct entry *lane_first_waiting(const struct lane *lane) {
        for (const struct entry *entry = lane->entries; entry; entry = entry->next)
                if (entry->is_final && entry->place != ENTRY_DONE &&
                    !pool_has_begun(&entry->pool))
                        return entry;
        return NULL;
}

nsec_t lane_waiting_delay(const struct lane *lane, nsec_t now) {
        const struct entry *first = lane_first_final(lane), *entry = lane_first_waiting(lane);
        nsec_t delay = entry ? entry_delay(entry, now) : 0, most;

        if (!entry || entry->place != ENTRY_OWED || !pool_has_begun(&first->pool))
                return delay;
        most = now - first->pool.begun_at - OVERDUE;
        if (delay > most)
                delay = most;
        return delay > 0 ? delay : 0;
}

bool lane_find_overdue(const struct lane *lane, nsec_t now) {
        bool has_live = false;

        for (struct entry *entry = lane->entries; entry; entry = entry->next) {
                struct job *job = entry->pool.job;

                if (entry->place != ENTRY_QUEUED || job->rank == JOB_RANK_LATER ||
                    atomic_load(&job->is_overdue))
                        continue;
                if (pool_has_begun(&entry->pool) && now - entry->pool.begun_at >= OVERDUE)
                        atomic_store(&job->is_overdue, true);
                else
                        has_live = true;
        }
        return has_live;
}

// Take the entry out of its lane: freed now, or when the decode thread lets go of it.
static void entry_cancel(struct entry *entry) {
        struct scheduler *scheduler = entry->lane->scheduler;
        bool is_tentative = !entry->is_final && entry->place == ENTRY_QUEUED;

        group_count_out(entry);
        lane_remove(entry->lane, entry);
        if (entry->place != ENTRY_QUEUED || pool_remove(scheduler->pool, &entry->pool)) {
                scheduler->n_tentative -= is_tentative;
                entry_free(scheduler, entry);
        } else {
                atomic_store(&entry->pool.job->is_cancelled, true);
                scheduler->counts.n_cancelled++;
        }
}

// --- lanes -----------------------------------------------------------------------------------

struct lane *lane_open(struct scheduler *scheduler, const char *owner, bool is_wide,
                       lane_listener listener, void *context) {
        struct lane *lane = xnew(struct lane);

        assert(loop_is_current(scheduler->loop));
        lane->scheduler = scheduler;
        lane->is_wide = is_wide;
        lane->last = &lane->entries;
        lane->listener = listener;
        lane->context = context;
        lane->turn_last = -1;
        lane->opened_at = loop_now(scheduler->loop);
        group_join(lane, owner);
        lane->next = scheduler->lanes;
        scheduler->lanes = lane;
        return lane;
}

void lane_cancel(struct lane *lane, bool tentative_only) {
        struct entry *next;

        for (struct entry *entry = lane->entries; entry; entry = next) {
                next = entry->next;
                if (!tentative_only || !entry->is_final)
                        entry_cancel(entry);
        }
}

struct lane *lane_close(struct lane *lane) {
        struct lane **place;

        if (!lane)
                return NULL;
        assert(loop_is_current(lane->scheduler->loop));
        lane_cancel(lane, false);
        lane_leave_turns(lane);
        place = &lane->scheduler->lanes;
        while (*place != lane)
                place = &(*place)->next;
        *place = lane->next;
        group_leave(lane);
        if (lane->is_closed)
                *lane->is_closed = true;
        free(lane);
        return NULL;
}

// A final's place in time, by its lane's entitlement.
static void final_rate(struct lane *lane, struct entry *entry) {
        struct job *job = entry->pool.job;
        nsec_t now = loop_now(lane->scheduler->loop);
        nsec_t due = job->deadline + nsec_from(DUE_LENGTH * job_seconds(job));
        nsec_t entitled = lane->due_last + nsec_from(lane->seconds_last);

        if (entitled < due + group_wait(lane))
                entitled = due + group_wait(lane);
        entry->fair_at = now;
        if (due < entitled) {
                entry->fair_at += entitled - due;
                due = entitled;
        }
        entry->due_alone = due;
        entry->pool.due = due + group_lateness(lane, due);
        lane->due_last = due;
        lane->seconds_last = job_seconds(job);
        lane->submitted_last = now;
        lane->has_left = false;
        lane->n_owed++;
        lane->scheduler->n_owed++;
        lane->samples_owed += job->n_samples;
        owed_take(lane->scheduler, job);
}

// Drop the tentative job, and the answer that was kept: a newer job takes their place.
static void tentative_replace(struct lane *lane) {
        if (lane_has_tentative(lane))
                lane->scheduler->counts.n_coalesced++;
        lane_cancel(lane, true);
}

static struct entry *entry_new(struct lane *lane, struct job *job) {
        struct entry *entry = xnew(struct entry);

        entry->pool.job = job;
        entry->lane = lane;
        entry->is_final = job->is_final;
        entry->kind = !job->is_final ? JOB_TENTATIVE : lane->is_wide ? JOB_FILE : JOB_FINAL;
        entry->place = ENTRY_OWED;
        entry->pool.begun_at = POOL_NOT_BEGUN;
        entry->submitted_at = loop_now(lane->scheduler->loop);
        entry->pool.due = job->deadline;
        *lane->last = entry;
        lane->last = &entry->next;
        return entry;
}

void lane_submit(struct lane *lane, struct job *job) {
        struct entry *entry;

        assert(loop_is_current(lane->scheduler->loop));
        tentative_replace(lane);
        lane_choose_beams(lane, job);
        entry = entry_new(lane, job);
        if (!job->is_final) {
                entry_queue(entry);
                return;
        }
        lane_leave_turns(lane);  // what it wanted to show is settled
        final_rate(lane, entry);
        lane_rank_anew(lane);
        lane_advance(lane);
        if (entry->place == ENTRY_OWED)
                entry_spool(entry);
        scheduler_observe(lane->scheduler);
}

static struct entry *lane_tentative(const struct lane *lane) {
        for (struct entry *entry = lane->entries; entry; entry = entry->next)
                if (!entry->is_final)
                        return entry;
        return NULL;
}

static bool job_is_for(const struct job *job, const struct job_window *window) {
        return job->is_settling && job->generation == window->generation &&
               job->begin == window->begin && job->n_samples == window->n_samples &&
               strcmp(job->options.language, window->language) == 0;
}

bool lane_promote(struct lane *lane, const struct job_window *window) {
        struct entry *entry = lane_tentative(lane);
        struct pool *pool = lane->scheduler->pool;

        assert(loop_is_current(lane->scheduler->loop));
        if (!entry || !job_is_for(entry->pool.job, window))
                return false;
        lane_leave_turns(lane);
        group_count_out(entry);
        entry->is_final = true;
        final_rate(lane, entry);
        if (entry->place == ENTRY_KEPT) {
                entry->place = ENTRY_QUEUED;
                entry->pool.job->is_final = true;
                lane->n_started++;
                lane->scheduler->n_started++;
                pool_return(pool, &entry->pool);
        } else if (pool_remove(pool, &entry->pool)) {
                lane->scheduler->n_tentative--;
                entry->pool.job->is_final = true;
                entry->kind = lane->is_wide ? JOB_FILE : JOB_FINAL;
                entry->place = ENTRY_OWED;
                lane_advance(lane);
                return true;
        } else {
                // The engine has it; scheduler_on_done() makes the job a final.
                group_count_in(entry);
                lane->n_started++;
                lane->scheduler->n_started++;
        }
        lane->seconds_given += job_seconds(entry->pool.job);
        lane->scheduler->counts.n_promoted++;
        return true;
}

size_t lane_owed(const struct lane *lane) {
        return lane->n_owed;
}

size_t lane_samples_owed(const struct lane *lane) {
        return lane->samples_owed;
}

nsec_t lane_delay(const struct lane *lane) {
        const struct entry *first = lane_first_final(lane);

        return first ? loop_now(lane->scheduler->loop) - first->submitted_at : 0;
}

bool lane_has_tentative(const struct lane *lane) {
        const struct entry *entry = lane_tentative(lane);

        return entry && entry->place != ENTRY_KEPT;
}
