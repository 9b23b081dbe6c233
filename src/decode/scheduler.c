#include "decode/scheduler.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "audio/pcm.h"
#include "decode/scheduler_private.h"
#include "util/budget.h"
#include "util/mem.h"

// The delay is worked out so often at most.
#define OBSERVE_INTERVAL (100 * NSEC_PER_MSEC)

// Jobs that are not urgent are let into an engine while nobody talks; while somebody does or
// did just now; and when text comes late. A few keep it busy, and a final that comes finds
// room.
#define BACKGROUND_AT_REST 16
#define BACKGROUND_BESIDE  3
#define BACKGROUND_LATE    1
#define LIVE_LASTS         (2 * NSEC_PER_SEC)

// --- answers ---------------------------------------------------------------------------------

// Give out the answers of the flow's finals that wait for no earlier one. The listener may
// close the flow; `is_closed` on our stack tells.
static void flow_answer_finals(struct flow *flow) {
        struct scheduler *scheduler = flow->scheduler;
        struct entry *entry;
        bool is_closed = false;

        flow->is_closed = &is_closed;
        entry = flow_first_final(flow);
        while (entry && entry->place == ENTRY_DONE) {
                flow_remove(flow, entry);
                flow_advance(flow);
                flow->listener(flow->context, entry->pool.job, entry->pool.result,
                               &entry->pool.hypothesis);
                entry_free(scheduler, entry);
                if (is_closed)
                        return;
                entry = flow_first_final(flow);
        }
        flow->is_closed = NULL;
}

// A partial answer that may become the final one is kept until the next job of its flow.
static void flow_answer_partial(struct flow *flow, struct entry *entry) {
        struct scheduler *scheduler = flow->scheduler;
        bool is_kept = entry->pool.result == 0 && entry->pool.job->is_speculative;
        bool is_closed = false;

        flow->is_closed = &is_closed;
        if (is_kept)
                entry->place = ENTRY_KEPT;
        else
                flow_remove(flow, entry);
        flow->listener(flow->context, entry->pool.job, entry->pool.result,
                       &entry->pool.hypothesis);
        if (!is_kept)
                entry_free(scheduler, entry);
        if (!is_closed)
                flow->is_closed = NULL;
}

static double seconds_between(nsec_t begin, nsec_t end) {
        return (double)(end - begin) / (double)NSEC_PER_SEC;
}

static void scheduler_count(struct scheduler *scheduler, const struct entry *entry) {
        struct scheduler_kind_counts *kind = &scheduler->counts.kinds[entry->kind];
        const struct pool_entry *pool_entry = &entry->pool;

        histogram_add(&scheduler->counts.engine_steps, &pool_entry->engine_steps);
        if (pool_has_begun(pool_entry))
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

// What is done once with each answer that an engine gave.
static void entry_judge(struct scheduler *scheduler, struct entry *entry) {
        const struct pool_entry *pool_entry = &entry->pool;

        if (entry->is_judged)
                return;
        entry->is_judged = true;
        scheduler_count(scheduler, entry);
        if (pool_entry->result == 0) {
                scheduler->counts.n_given_up += pool_entry->hypothesis.n_given_up;
                filters_apply(&entry->filters, pool_entry->job, &entry->pool.hypothesis,
                              &scheduler->counts.filters);
        }
        if (entry->kind != JOB_PARTIAL)
                return;
        scheduler->n_partial -= !entry->is_final;  // a promoted one is none any more
        if (pool_entry->result == 0 && pool_entry->job->hints.beam_size <= 1)
                load_observe_partial(&scheduler->load,
                                     pool_entry->ended_at - entry->submitted_at);
}

// The engines' speed is measured over the time in which they have anything to do.
void scheduler_note_work(struct scheduler *scheduler) {
        if (scheduler->n_started + scheduler->n_partial == 0)
                scheduler->work_at = loop_now(scheduler->loop);
}

static void scheduler_observe_work(struct scheduler *scheduler, const struct entry *entry) {
        nsec_t now = loop_now(scheduler->loop);
        bool is_new = !entry->is_judged && entry->pool.result == 0;

        load_observe_answer(&scheduler->load, is_new ? job_seconds(entry->pool.job) : 0,
                            now - scheduler->work_at);
        scheduler->work_at = now;
}

static void scheduler_on_done(void *context, struct pool_entry *pool_entry) {
        struct entry *entry = (struct entry *)pool_entry;
        struct scheduler *scheduler = context;
        struct flow *flow = entry->flow;

        scheduler_observe_work(scheduler, entry);
        entry_judge(scheduler, entry);
        group_count_out(entry);
        entry->pool.job->is_final = entry->is_final;
        if (!flow) {
                entry_free(scheduler, entry);
        } else if (entry->is_final) {
                entry->place = ENTRY_DONE;
                group_advance(flow->group);
                flow_answer_finals(flow);
        } else {
                flow_answer_partial(flow, entry);
        }
        flows_advance_spooled(scheduler);
        scheduler_limit_background(scheduler);
        scheduler_observe(scheduler);
        grants_give(scheduler);
}

// --- load ------------------------------------------------------------------------------------

// Five beams mend one error in ten of live text (docs/decisions/0011). Files have as many by
// default, as faster-whisper gives them (docs/decisions/0059).
#define LIVE_BEAMS 5
#define FILE_BEAMS 5

void flow_choose_beams(const struct flow *flow, struct job *job) {
        struct scheduler *scheduler = flow->scheduler;
        bool may_be_final = job->is_final || job->is_speculative;
        bool has_time =
                flow->n_backlog == 0 &&
                load_has_time(&scheduler->load, scheduler->n_partial + scheduler->n_backlog);

        // What is heard again takes time from others, and a backlog holds no sound twice.
        if (!has_time)
                job_drop_lead(job);
        if (job->hints.beam_size != DECODE_BEAM_AUTO)
                return;
        // Whatever else the machine has to do: a file's text does not depend on it.
        if (flow->is_bulk) {
                job->hints.beam_size = FILE_BEAMS;
                return;
        }
        job->hints.beam_size = 1;
        if (!may_be_final || !has_time)
                return;
        job->hints.beam_size = LIVE_BEAMS;
        scheduler->counts.n_searched++;
}

// Of what waits for an engine. What is in one says nothing of those behind it: one hard window
// may take as long as many others.
static nsec_t scheduler_delay(const struct scheduler *scheduler) {
        nsec_t now = loop_now(scheduler->loop), delay = 0;

        if (scheduler->n_backlog == 0)
                return 0;
        for (const struct flow *flow = scheduler->flows; flow; flow = flow->next) {
                nsec_t waiting = flow_waiting_delay(flow, now);

                if (waiting > delay)
                        delay = waiting;
        }
        return delay;
}

static double scheduler_awaited_seconds(const struct scheduler *scheduler,
                                        bool is_backlog_too) {
        double seconds = 0;

        if (scheduler->n_backlog == 0)
                return 0;
        for (const struct flow *flow = scheduler->flows; flow; flow = flow->next)
                seconds += flow_awaited_seconds(flow, is_backlog_too);
        return seconds;
}

nsec_t scheduler_drain(const struct scheduler *scheduler) {
        return load_drain(&scheduler->load, scheduler_awaited_seconds(scheduler, false));
}

// --- overdue jobs ----------------------------------------------------------------------------

// Jobs in an engine are looked at so often.
#define OVERDUE_INTERVAL (NSEC_PER_SEC / 4)

static void scheduler_on_overdue(void *context) {
        struct scheduler *scheduler = context;
        nsec_t now = loop_now(scheduler->loop);
        bool has_live = false;

        for (const struct flow *flow = scheduler->flows; flow; flow = flow->next)
                has_live = flow_find_overdue(flow, now) || has_live;
        if (has_live)
                loop_timer_set(scheduler->overdue, OVERDUE_INTERVAL);
        scheduler->is_looking = has_live;
}

void scheduler_look_for_overdue(struct scheduler *scheduler) {
        if (!scheduler->is_looking)
                loop_timer_set(scheduler->overdue, OVERDUE_INTERVAL);
        scheduler->is_looking = true;
}

void scheduler_observe(struct scheduler *scheduler) {
        nsec_t now = loop_now(scheduler->loop);
        enum load_level before = scheduler->load.level;

        if (now - scheduler->load_at < OBSERVE_INTERVAL)
                return;
        scheduler->load_at = now;
        for (struct flow *flow = scheduler->flows; flow; flow = flow->next)
                flow_rank_anew(flow);
        load_observe(&scheduler->load, now, scheduler_delay(scheduler),
                     load_drain(&scheduler->load, scheduler_awaited_seconds(scheduler, true)));
        for (; before < scheduler->load.level; before++)
                scheduler->counts.n_levels[before + 1]++;
}

void scheduler_limit_background(struct scheduler *scheduler) {
        bool is_live = loop_now(scheduler->loop) - scheduler->live_at < LIVE_LASTS;
        bool is_late = scheduler->load.level > LOAD_NORMAL;
        size_t beside = is_late ? BACKGROUND_LATE : BACKGROUND_BESIDE;

        pool_limit_background(scheduler->pool, is_live ? beside : BACKGROUND_AT_REST);
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
        scheduler->engine = config->engine;
        scheduler->model = config->model;
        scheduler->n_engines = config->n_engines;
        scheduler->load_at = scheduler->live_at = -LIVE_LASTS;
        scheduler->budget = config->budget;
        scheduler->overdue = loop_timer_new(loop, scheduler_on_overdue, scheduler);
        scheduler->bytes_max = config->backlog_bytes_max;
        if (config->spool_folder)
                scheduler->spool = spool_new(config->spool_folder, config->spool_bytes_max);
        r = pool_open(&scheduler->pool, loop, &pool, error);
        if (r < 0) {
                loop_timer_free(scheduler->overdue);
                spool_free(scheduler->spool);
                free(scheduler);
                return r;
        }
        scheduler_limit_background(scheduler);
        *ret = scheduler;
        return 0;
}

struct scheduler *scheduler_close(struct scheduler *scheduler) {
        if (!scheduler)
                return NULL;
        assert(!scheduler->flows);
        pool_close(scheduler->pool);
        groups_deinit(&scheduler->groups);
        budget_refund(scheduler->budget, BUDGET_BACKLOG,
                      scheduler->backlog_bytes);  // went with it
        loop_timer_free(scheduler->overdue);
        spool_free(scheduler->spool);
        free(scheduler);
        return NULL;
}

char *scheduler_prepare(const struct scheduler *scheduler, struct decode_options *options) {
        // Without memory the texts stay, and each job's own trouble is told.
        if (!scheduler->engine->prepare ||
            scheduler->engine->prepare(scheduler->model, options) < 0)
                return NULL;
        return decode_options_tell_cuts(options);
}

struct scheduler_stats scheduler_stats(struct scheduler *scheduler) {
        struct scheduler_stats stats = {.n_spooled = scheduler->n_spooled};

        scheduler_observe(scheduler);
        stats.level = scheduler->load.level;
        stats.partial_interval = load_interval(&scheduler->load);
        stats.final_delay = scheduler_delay(scheduler);
        if (scheduler->spool) {
                stats.spool_bytes = spool_bytes(scheduler->spool);
                if (scheduler->spool_error.code != 0)
                        stats.spool_trouble = scheduler->spool_error.text;
        }
        stats.is_spool_full = scheduler_is_full(scheduler);
        for (const struct flow *flow = scheduler->flows; flow; flow = flow->next) {
                stats.n_final += flow->n_backlog;
                stats.n_file += flow->is_bulk ? flow->n_backlog : 0;
                stats.n_partial += flow_has_partial(flow);
                stats.backlog_seconds += (double)flow->backlog_samples / AUDIO_RATE;
        }
        return stats;
}

bool scheduler_is_full(const struct scheduler *scheduler) {
        return scheduler->spool && scheduler->spool_error.code != 0 &&
               scheduler->backlog_bytes > scheduler->bytes_max;
}

const struct scheduler_counts *scheduler_counts(const struct scheduler *scheduler) {
        return &scheduler->counts;
}
