#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "decode/scheduler_private.h"
#include "util/budget.h"
#include "util/list.h"
#include "util/mem.h"

/*
 * Flows decide which of their entries stand in the pool's queue, and with which rank; the
 * decode threads never look at a flow.
 *
 * Fairness is by entitlement: a flow that asks for sound at the pace at which sound happens is
 * never held back. Each job is due at its deadline, but not earlier than its flow's previous
 * job plus the length of its own sound, which is how long it takes to say it: a client that
 * pours in an hour of audio looks to the others like one more person talking, while idle cores
 * still serve it as fast as they can. (A short sentence soon behind a long one is in time: the
 * long one was said before.)
 */

// So many finals of a flow may stand in the queue or run: of a bulk flow, where more would only
// cost memory; of one that is behind or asks for more than real time; and else.
#define FLOW_WIDE_MAX   24
#define FLOW_BEHIND_MAX 8

// A flow is behind when its oldest final is so late.
#define FLOW_BEHIND (2 * NSEC_PER_SEC)

// A flow that asks for more than real time by so much is not urgent.
#define FLOW_AHEAD NSEC_PER_SEC

// Nor is one with so large a backlog, in which nothing was said for so long: those who go on
// talking are caught up first (docs/decisions/0005).
#define FLOW_QUIET         (10 * NSEC_PER_SEC)
#define FLOW_QUIET_SECONDS 10

// So long may a live job be in an engine before no further attempts are made at it. Text is
// promised within three seconds of its end, of which the pause that closes its window takes
// 0.6; an attempt takes 0.1 to 0.5 seconds on a quiet machine.
#define OVERDUE (3 * NSEC_PER_SEC / 2)

// The first final is due when its sound wants it.
#define NEVER_DUE (-1)

// Finals that are queued whatever memory their sound takes.
#define QUEUED_LEAST 16

// Memory is taken, or given back, by a final's sound.
static void backlog_take(struct scheduler *scheduler, const struct job *job) {
        scheduler->backlog_bytes += job->n_samples * sizeof(float);
        budget_charge_always(scheduler->budget, BUDGET_BACKLOG, job->n_samples * sizeof(float));
}

static void backlog_give_back(struct scheduler *scheduler, const struct job *job) {
        scheduler->backlog_bytes -= job->n_samples * sizeof(float);
        budget_refund(scheduler->budget, BUDGET_BACKLOG, job->n_samples * sizeof(float));
}

struct entry *entry_free(struct scheduler *scheduler, struct entry *entry) {
        if (entry->spooled.n_samples > 0) {
                spool_drop(scheduler->spool, &entry->spooled);
                scheduler->n_spooled--;
        } else if (entry->is_final) {
                backlog_give_back(scheduler, entry->pool.job);
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
static bool entry_is_background(const struct entry *entry, nsec_t now) {
        const struct flow *flow = entry->flow;

        return flow->is_bulk || flow->has_left || entry->fair_at > now + FLOW_AHEAD;
}

// How long the final has been waiting beyond what its flow is entitled to; 0 for what is not
// urgent.
static nsec_t entry_delay(const struct entry *entry, nsec_t now) {
        // What is due later for the rest of its group's backlog is not late before.
        nsec_t fair_at = entry->fair_at + (entry->pool.due - entry->due_alone);

        if (fair_at >= now || entry_is_background(entry, now))
                return 0;
        return now - fair_at;
}

static size_t flow_started_max(const struct flow *flow) {
        nsec_t now = loop_now(flow->scheduler->loop);
        const struct entry *first = flow_first_final(flow);

        if (flow->is_bulk)
                return FLOW_WIDE_MAX;
        if (first && (entry_is_background(first, now) || now - first->fair_at > FLOW_BEHIND))
                return FLOW_BEHIND_MAX;
        return 1;
}

// --- on disk ---------------------------------------------------------------------------------

// Move the sound of a final that has to wait to disk, if memory is short.
static void entry_spool(struct entry *entry) {
        struct scheduler *scheduler = entry->flow->scheduler;
        struct job *job = entry->pool.job;

        if (!scheduler->spool || scheduler->backlog_bytes <= scheduler->bytes_max)
                return;
        if (spool_put(scheduler->spool, job->samples, job->n_samples, &entry->spooled,
                      &scheduler->spool_error) < 0)
                return;
        scheduler->spool_error = (struct error){0};
        free(job->samples);
        job->samples = NULL;
        backlog_give_back(scheduler, job);
        scheduler->n_spooled++;
        scheduler->counts.n_spooled++;
}

// Bring it back. False while there is no room; a sound that cannot be read any more is answered
// with the error.
static bool entry_unspool(struct entry *entry, int *ret_result) {
        struct scheduler *scheduler = entry->flow->scheduler;
        struct job *job = entry->pool.job;
        size_t bytes = job->n_samples * sizeof(float);

        *ret_result = 0;
        if (entry->spooled.n_samples == 0)
                return true;
        if (scheduler->backlog_bytes + bytes > scheduler->bytes_max &&
            scheduler->n_started >= QUEUED_LEAST)
                return false;
        job->samples = try_calloc(job->n_samples, sizeof(float));
        *ret_result = job->samples ? spool_get(scheduler->spool, &entry->spooled, job->samples)
                                   : -ENOMEM;
        spool_drop(scheduler->spool, &entry->spooled);
        scheduler->n_spooled--;
        backlog_take(scheduler, job);
        return true;
}

// --- entries ---------------------------------------------------------------------------------

static enum job_rank final_rank(const struct entry *entry, nsec_t now) {
        return entry_is_background(entry, now) ? JOB_RANK_BACKGROUND : JOB_RANK_FINAL;
}

static void entry_queue(struct entry *entry) {
        struct flow *flow = entry->flow;
        struct scheduler *scheduler = flow->scheduler;
        struct job *job = entry->pool.job;
        nsec_t now = loop_now(scheduler->loop);

        scheduler_note_work(scheduler);
        job->rank = job->is_speculative ? JOB_RANK_SPECULATIVE : JOB_RANK_PARTIAL;
        if (entry->is_final) {
                job->rank = final_rank(entry, now);
                flow->n_started++;
                scheduler->n_started++;
        } else {
                scheduler->n_partial++;
        }
        job->deadline = entry->pool.due;  // engines go by it
        if (job->rank != JOB_RANK_BACKGROUND) {
                scheduler->live_at = now;
                scheduler_look_for_overdue(scheduler);
                group_note_live(flow);
        }
        group_count_in(entry);
        entry->place = ENTRY_QUEUED;
        entry->queued_at = now;
        scheduler_limit_background(scheduler);
        pool_put(scheduler->pool, &entry->pool);
}

void flow_rank_anew(struct flow *flow) {
        nsec_t now = loop_now(flow->scheduler->loop);

        if (flow->backlog_samples >= (size_t)FLOW_QUIET_SECONDS * AUDIO_RATE &&
            now - flow->submitted_last > FLOW_QUIET)
                flow->has_left = true;
        for (struct entry *entry = flow->entries; entry; entry = entry->next) {
                if (entry->place != ENTRY_QUEUED || !entry->is_final ||
                    entry->pool.job->rank == final_rank(entry, now) ||
                    !pool_remove(flow->scheduler->pool, &entry->pool))
                        continue;
                flow->n_started--;
                flow->scheduler->n_started--;
                group_count_out(entry);
                entry_queue(entry);
        }
}

// Queue a final. False while there is no memory for its sound.
static bool entry_start(struct entry *entry) {
        struct flow *flow = entry->flow;
        int result;

        if (!entry_unspool(entry, &result))
                return false;
        flow->seconds_given += job_seconds(entry->pool.job);
        if (result == 0) {
                entry_queue(entry);
                return true;
        }
        entry->pool.result = result;
        entry->place = ENTRY_QUEUED;
        entry->queued_at = loop_now(flow->scheduler->loop);
        scheduler_note_work(flow->scheduler);
        flow->n_started++;
        flow->scheduler->n_started++;
        pool_return(flow->scheduler->pool, &entry->pool);
        return true;
}

void flow_advance(struct flow *flow) {
        size_t started_max = flow_started_max(flow);

        for (struct entry *entry = flow->entries; entry; entry = entry->next) {
                if (flow->n_started >= started_max)
                        return;
                if (entry->place == ENTRY_BACKLOG &&
                    (!group_has_room(flow) || !entry_start(entry)))
                        return;
        }
}

const struct entry *flow_next_backlog(const struct flow *flow) {
        if (flow->n_started >= flow_started_max(flow))
                return NULL;
        for (const struct entry *entry = flow->entries; entry; entry = entry->next)
                if (entry->place == ENTRY_BACKLOG)
                        return entry;
        return NULL;
}

// Spooled finals come back in the order in which they were due.
void flows_advance_spooled(struct scheduler *scheduler) {
        while (scheduler->n_spooled > 0) {
                struct flow *best = NULL;
                nsec_t best_due = 0;
                size_t n_started = scheduler->n_started;

                for (struct flow *flow = scheduler->flows; flow; flow = flow->next) {
                        const struct entry *entry = flow_next_backlog(flow);

                        if (!entry || !group_has_room(flow) ||
                            (best && entry->pool.due >= best_due))
                                continue;
                        best = flow;
                        best_due = entry->pool.due;
                }
                if (!best)
                        return;
                flow_advance(best);
                if (scheduler->n_started == n_started)
                        return;
        }
}

void flow_remove(struct flow *flow, struct entry *entry) {
        struct entry **place = &flow->entries;

        while (*place != entry)
                place = &(*place)->next;
        *place = entry->next;
        if (!entry->next)
                flow->last = place;
        entry->flow = NULL;
        if (!entry->is_final)
                return;
        flow->n_backlog--;
        flow->scheduler->n_backlog--;
        flow->backlog_samples -= entry->pool.job->n_samples;
        if (entry->place != ENTRY_BACKLOG) {
                flow->n_started--;
                flow->scheduler->n_started--;
        }
}

struct entry *flow_first_final(const struct flow *flow) {
        for (struct entry *entry = flow->entries; entry; entry = entry->next)
                if (entry->is_final)
                        return entry;
        return NULL;
}

static const struct entry *flow_first_waiting(const struct flow *flow) {
        for (const struct entry *entry = flow->entries; entry; entry = entry->next)
                if (entry->is_final && entry->place != ENTRY_DONE &&
                    !pool_has_begun(&entry->pool))
                        return entry;
        return NULL;
}

nsec_t flow_waiting_delay(const struct flow *flow, nsec_t now) {
        const struct entry *first = flow_first_final(flow), *entry = flow_first_waiting(flow);
        nsec_t delay = entry ? entry_delay(entry, now) : 0, most;

        if (!entry || entry->place != ENTRY_BACKLOG || !pool_has_begun(&first->pool))
                return delay;
        most = now - first->pool.begun_at - OVERDUE;
        if (delay > most)
                delay = most;
        return delay > 0 ? delay : 0;
}

double flow_awaited_seconds(const struct flow *flow, bool is_backlog_too) {
        nsec_t now = loop_now(flow->scheduler->loop);
        double seconds = 0;

        if (flow->is_bulk || flow->has_left)
                return 0;
        for (const struct entry *entry = flow->entries; entry; entry = entry->next) {
                if (entry->place == ENTRY_BACKLOG && !is_backlog_too)
                        return seconds;  // what is behind it waits for it
                if (!entry->is_final || entry->place == ENTRY_DONE ||
                    entry_is_background(entry, now))
                        continue;
                seconds += job_seconds(entry->pool.job);
        }
        return seconds;
}

bool flow_find_overdue(const struct flow *flow, nsec_t now) {
        bool has_live = false;

        for (struct entry *entry = flow->entries; entry; entry = entry->next) {
                if (entry->place != ENTRY_QUEUED ||
                    entry->pool.job->rank == JOB_RANK_BACKGROUND ||
                    atomic_load(&entry->pool.is_overdue))
                        continue;
                if (pool_has_begun(&entry->pool) && now - entry->pool.begun_at >= OVERDUE)
                        atomic_store(&entry->pool.is_overdue, true);
                else
                        has_live = true;
        }
        return has_live;
}

// Take the entry out of its flow: freed now, or when the decode thread lets go of it.
static void entry_cancel(struct entry *entry) {
        struct scheduler *scheduler = entry->flow->scheduler;
        bool is_partial = !entry->is_final && entry->place == ENTRY_QUEUED;

        group_count_out(entry);
        flow_remove(entry->flow, entry);
        if (entry->place != ENTRY_QUEUED || pool_remove(scheduler->pool, &entry->pool)) {
                scheduler->n_partial -= is_partial;
                entry_free(scheduler, entry);
        } else {
                atomic_store(&entry->pool.is_cancelled, true);
                scheduler->counts.n_cancelled++;
        }
}

// --- flows -----------------------------------------------------------------------------------

struct flow *flow_open(struct scheduler *scheduler, const char *owner, bool is_bulk,
                       flow_listener listener, void *context) {
        struct flow *flow = xnew(struct flow);

        assert(loop_is_current(scheduler->loop));
        flow->scheduler = scheduler;
        flow->is_bulk = is_bulk;
        flow->last = &flow->entries;
        flow->due_last = NEVER_DUE;
        flow->filters = filter_limits_default();
        flow->listener = listener;
        flow->context = context;
        flow->grant_last = -1;
        flow->opened_at = loop_now(scheduler->loop);
        group_join(flow, owner);
        flow->next = scheduler->flows;
        scheduler->flows = flow;
        return flow;
}

void flow_set_filters(struct flow *flow, const struct filter_limits *filters) {
        flow->filters = *filters;
}

void flow_cancel(struct flow *flow, bool partial_only) {
        struct entry *next;

        for (struct entry *entry = flow->entries; entry; entry = next) {
                next = entry->next;
                if (!partial_only || !entry->is_final)
                        entry_cancel(entry);
        }
}

struct flow *flow_close(struct flow *flow) {
        if (!flow)
                return NULL;
        assert(loop_is_current(flow->scheduler->loop));
        flow_cancel(flow, false);
        flow_leave_grants(flow);
        LIST_UNLINK(flow->scheduler->flows, flow, next);
        group_leave(flow);
        if (flow->is_closed)
                *flow->is_closed = true;
        free(flow);
        return NULL;
}

// A final's place in time, by its flow's entitlement.
static void final_rate(struct flow *flow, struct entry *entry) {
        struct job *job = entry->pool.job;
        nsec_t now = loop_now(flow->scheduler->loop);
        nsec_t due = job->deadline + nsec_from(DUE_LENGTH * job_seconds(job));
        nsec_t entitled =
                flow->due_last == NEVER_DUE ? 0 : flow->due_last + nsec_from(job_seconds(job));

        if (entitled < due + group_wait(flow))
                entitled = due + group_wait(flow);
        entry->fair_at = now;
        if (due < entitled) {
                entry->fair_at += entitled - due;
                due = entitled;
        }
        entry->due_alone = due;
        entry->pool.due = due + group_lateness(flow, due);
        flow->due_last = due;
        flow->submitted_last = now;
        flow->has_left = false;
        flow->n_backlog++;
        flow->scheduler->n_backlog++;
        flow->backlog_samples += job->n_samples;
        backlog_take(flow->scheduler, job);
}

// Drop the partial job, and the answer that was kept: a newer job takes their place.
static void partial_replace(struct flow *flow) {
        if (flow_has_partial(flow))
                flow->scheduler->counts.n_coalesced++;
        flow_cancel(flow, true);
}

static struct entry *entry_new(struct flow *flow, struct job *job) {
        struct entry *entry = xnew(struct entry);

        entry->pool.job = job;
        entry->flow = flow;
        entry->is_final = job->is_final;
        entry->filters = flow->filters;
        entry->kind = !job->is_final ? JOB_PARTIAL : flow->is_bulk ? JOB_FILE : JOB_FINAL;
        entry->place = ENTRY_BACKLOG;
        entry->pool.begun_at = POOL_NOT_BEGUN;
        entry->submitted_at = loop_now(flow->scheduler->loop);
        entry->pool.due = job->deadline;
        *flow->last = entry;
        flow->last = &entry->next;
        return entry;
}

void flow_submit(struct flow *flow, struct job *job) {
        struct entry *entry;

        assert(loop_is_current(flow->scheduler->loop));
        partial_replace(flow);
        flow_choose_beams(flow, job);
        entry = entry_new(flow, job);
        if (!job->is_final) {
                entry_queue(entry);
                return;
        }
        flow_leave_grants(flow);  // what it wanted to show is final
        final_rate(flow, entry);
        flow_rank_anew(flow);
        flow_advance(flow);
        if (entry->place == ENTRY_BACKLOG) {
                // What waits keeps no sound twice.
                job_drop_lead(job);
                entry_spool(entry);
        }
        scheduler_observe(flow->scheduler);
}

static struct entry *flow_partial(const struct flow *flow) {
        for (struct entry *entry = flow->entries; entry; entry = entry->next)
                if (!entry->is_final)
                        return entry;
        return NULL;
}

static bool job_is_for(const struct job *job, const struct job_window *window) {
        return job->is_speculative && job->generation == window->generation &&
               job->begin == window->begin && job->n_samples == window->n_samples &&
               strcmp(job->hints.language, window->language) == 0;
}

bool flow_promote(struct flow *flow, const struct job_window *window) {
        struct entry *entry = flow_partial(flow);
        struct pool *pool = flow->scheduler->pool;

        assert(loop_is_current(flow->scheduler->loop));
        if (!entry || !job_is_for(entry->pool.job, window))
                return false;
        flow_leave_grants(flow);
        group_count_out(entry);
        entry->is_final = true;
        final_rate(flow, entry);
        if (entry->place == ENTRY_KEPT) {
                scheduler_note_work(flow->scheduler);
                entry->place = ENTRY_QUEUED;
                entry->pool.job->is_final = true;
                flow->n_started++;
                flow->scheduler->n_started++;
                pool_return(pool, &entry->pool);
        } else if (pool_remove(pool, &entry->pool)) {
                flow->scheduler->n_partial--;
                entry->pool.job->is_final = true;
                entry->kind = flow->is_bulk ? JOB_FILE : JOB_FINAL;
                entry->place = ENTRY_BACKLOG;
                flow_advance(flow);
                return true;
        } else {
                // The engine has it; scheduler_on_done() makes the job a final.
                atomic_store(&entry->pool.is_promoted, true);
                flow->scheduler->n_partial--;
                group_count_in(entry);
                flow->n_started++;
                flow->scheduler->n_started++;
        }
        flow->seconds_given += job_seconds(entry->pool.job);
        flow->scheduler->counts.n_promoted++;
        return true;
}

size_t flow_backlog(const struct flow *flow) {
        return flow->n_backlog;
}

size_t flow_backlog_samples(const struct flow *flow) {
        return flow->backlog_samples;
}

nsec_t flow_delay(const struct flow *flow) {
        const struct entry *first = flow_first_final(flow);

        return first ? loop_now(flow->scheduler->loop) - first->submitted_at : 0;
}

bool flow_has_partial(const struct flow *flow) {
        const struct entry *entry = flow_partial(flow);

        return entry && entry->place != ENTRY_KEPT;
}
