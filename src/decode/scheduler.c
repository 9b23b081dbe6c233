#include "decode/scheduler.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio/pcm.h"
#include "util/mem.h"

/*
 * The loop owns lanes and decides which entries stand in the shared queue; decode threads only
 * take entries out of it and put finished ones on the done list. A decode thread never looks at
 * a lane: what it must know for its choice, the entry's rank, was computed on the loop.
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
        struct entry *next;
        struct job *job;
        nsec_t due;      // see above
        bool is_urgent;  // final of a live lane: before all others

        // Loop only.
        struct lane *lane;  // NULL: nobody wants the answer any more
        struct entry *lane_next;
        enum entry_place place;

        // Written by the decode thread before the entry is on the done list.
        int result;
        struct hypothesis hypothesis;
        nsec_t queued_at;
};

struct lane {
        struct scheduler *scheduler;
        struct lane *next;  // in scheduler->lanes
        bool is_wide;
        lane_listener listener;
        void *context;
        struct entry *entries;  // all of them, oldest first
        nsec_t due_last;
        double seconds_last;
        size_t n_owed;     // finals not answered
        size_t n_started;  // finals queued, running or done
        bool *is_closed;   // set by lane_close() while an answer is given out
};

struct scheduler {
        struct loop *loop;
        struct scheduler_config config;
        struct lane *lanes;
        pthread_t *threads;
        unsigned n_threads;
        bool is_closed;
        uint64_t n_done, n_replaced, n_failed;
        double seconds_decoded;

        pthread_mutex_t lock;
        pthread_cond_t work;
        // --- protected by lock
        struct entry *queue;
        struct entry *done;
        struct entry **done_last;
        bool is_posted;
        bool is_stopping;
};

// One decode thread and the engine it drives.
struct decoder {
        struct scheduler *scheduler;
        void *engine;
        unsigned number;
};

static struct entry *entry_free(struct entry *entry) {
        if (!entry)
                return NULL;
        entry->job = job_free(entry->job);
        hypothesis_deinit(&entry->hypothesis);
        free(entry);
        return NULL;
}

// --- the decode threads ----------------------------------------------------------------------

static bool entry_goes_before(const struct entry *a, const struct entry *b) {
        if (a->is_urgent != b->is_urgent)
                return a->is_urgent;
        return a->due <= b->due;  // the queue grows at its head: at a tie the older one
}

static struct entry *queue_take(struct scheduler *scheduler) {
        struct entry **best = &scheduler->queue, *entry;

        if (!*best)
                return NULL;
        for (struct entry **place = &(*best)->next; *place; place = &(*place)->next)
                if (entry_goes_before(*place, *best))
                        best = place;
        entry = *best;
        *best = entry->next;
        entry->next = NULL;
        return entry;
}

static void scheduler_on_done(void *context);

static void done_put(struct scheduler *scheduler, struct entry *entry) {
        bool must_post;

        pthread_mutex_lock(&scheduler->lock);
        entry->next = NULL;
        *scheduler->done_last = entry;
        scheduler->done_last = &entry->next;
        must_post = !scheduler->is_posted;
        scheduler->is_posted = true;
        pthread_mutex_unlock(&scheduler->lock);
        if (must_post)
                loop_post(scheduler->loop, scheduler_on_done, scheduler);
}

// Move entries from the queue into the engine while it has room. Waits when there is nothing to
// do at all. Returns false when the thread must end.
static bool decoder_fill(struct decoder *decoder, struct entry **running) {
        struct scheduler *scheduler = decoder->scheduler;
        const struct engine_ops *engine = scheduler->config.engine;

        for (;;) {
                struct entry *entry;
                int r;

                pthread_mutex_lock(&scheduler->lock);
                while (!scheduler->is_stopping && !scheduler->queue && !*running)
                        pthread_cond_wait(&scheduler->work, &scheduler->lock);
                if (scheduler->is_stopping) {
                        pthread_mutex_unlock(&scheduler->lock);
                        return false;
                }
                entry = queue_take(scheduler);
                pthread_mutex_unlock(&scheduler->lock);
                if (!entry)
                        return true;

                r = engine->submit(decoder->engine, entry->job);
                if (r == ENGINE_E_FULL) {
                        pthread_mutex_lock(&scheduler->lock);
                        entry->next = scheduler->queue;
                        scheduler->queue = entry;
                        pthread_mutex_unlock(&scheduler->lock);
                        return true;
                }
                if (r < 0) {
                        entry->result = r;
                        done_put(scheduler, entry);
                        continue;
                }
                entry->next = *running;
                *running = entry;
        }
}

static void decoder_collect(struct decoder *decoder, struct entry **running) {
        const struct engine_ops *engine = decoder->scheduler->config.engine;
        struct hypothesis hypothesis = {0};
        const struct job *job;
        int result;

        while (engine->collect(decoder->engine, &job, &result, &hypothesis) == 0) {
                struct entry **place = running, *entry;

                while ((*place)->job != job)
                        place = &(*place)->next;
                entry = *place;
                *place = entry->next;
                entry->result = result;
                entry->hypothesis = hypothesis;
                hypothesis = (struct hypothesis){0};
                done_put(decoder->scheduler, entry);
        }
}

static void *decoder_run(void *context) {
        struct decoder *decoder = context;
        struct scheduler *scheduler = decoder->scheduler;
        struct entry *running = NULL;
        char name[16];

        snprintf(name, sizeof(name), "decode/%u", decoder->number);
        pthread_setname_np(pthread_self(), name);
        while (decoder_fill(decoder, &running)) {
                int r = scheduler->config.engine->step(decoder->engine);

                assert(r == 0 || r == ENGINE_E_IDLE);
                (void)r;
                decoder_collect(decoder, &running);
        }
        scheduler->config.engine->close(decoder->engine);
        while (running) {
                struct entry *next = running->next;

                running->result = -ECANCELED;
                done_put(scheduler, running);
                running = next;
        }
        free(decoder);
        return NULL;
}

// --- lanes (loop thread) ---------------------------------------------------------------------

static double job_seconds(const struct job *job) {
        return (double)job->n_samples / AUDIO_RATE;
}

static void entry_queue(struct entry *entry) {
        struct lane *lane = entry->lane;
        struct scheduler *scheduler = lane->scheduler;
        nsec_t entitled = lane->due_last + (nsec_t)(lane->seconds_last * (double)NSEC_PER_SEC);

        entry->due = entry->job->deadline;
        if (entry->job->is_final) {
                if (entry->due < entitled)
                        entry->due = entitled;
                lane->due_last = entry->due;
                lane->seconds_last = job_seconds(entry->job);
                lane->n_started++;
        }
        entry->is_urgent = entry->job->is_final && !lane->is_wide;
        entry->place = ENTRY_QUEUED;
        entry->queued_at = loop_now(scheduler->loop);
        pthread_mutex_lock(&scheduler->lock);
        entry->next = scheduler->queue;
        scheduler->queue = entry;
        pthread_cond_signal(&scheduler->work);
        pthread_mutex_unlock(&scheduler->lock);
}

static void lane_advance(struct lane *lane) {
        size_t started_max = lane->is_wide ? LANE_WIDE_MAX : 1;

        for (struct entry *entry = lane->entries; entry; entry = entry->lane_next) {
                if (lane->n_started >= started_max)
                        return;
                if (entry->place == ENTRY_OWED)
                        entry_queue(entry);
        }
}

static void lane_remove(struct lane *lane, struct entry *entry) {
        struct entry **place = &lane->entries;

        while (*place != entry)
                place = &(*place)->lane_next;
        *place = entry->lane_next;
        entry->lane = NULL;
        if (!entry->job->is_final)
                return;
        lane->n_owed--;
        if (entry->place != ENTRY_OWED)
                lane->n_started--;
}

static struct entry *lane_first_final(const struct lane *lane) {
        for (struct entry *entry = lane->entries; entry; entry = entry->lane_next)
                if (entry->job->is_final)
                        return entry;
        return NULL;
}

static bool queue_remove(struct scheduler *scheduler, struct entry *entry) {
        bool was_there = false;

        pthread_mutex_lock(&scheduler->lock);
        for (struct entry **place = &scheduler->queue; *place; place = &(*place)->next)
                if (*place == entry) {
                        *place = entry->next;
                        was_there = true;
                        break;
                }
        pthread_mutex_unlock(&scheduler->lock);
        return was_there;
}

// Take the entry out of its lane: freed now, or when the decode thread lets go of it.
static void entry_cancel(struct entry *entry) {
        struct scheduler *scheduler = entry->lane->scheduler;

        lane_remove(entry->lane, entry);
        if (entry->place != ENTRY_QUEUED || queue_remove(scheduler, entry))
                entry_free(entry);
        else
                atomic_store(&entry->job->is_cancelled, true);
}

struct lane *lane_open(struct scheduler *scheduler, bool is_wide, lane_listener listener,
                       void *context) {
        struct lane *lane = xnew(struct lane);

        assert(loop_is_current(scheduler->loop));
        lane->scheduler = scheduler;
        lane->is_wide = is_wide;
        lane->listener = listener;
        lane->context = context;
        lane->next = scheduler->lanes;
        scheduler->lanes = lane;
        return lane;
}

void lane_cancel(struct lane *lane, bool tentative_only) {
        struct entry *next;

        for (struct entry *entry = lane->entries; entry; entry = next) {
                next = entry->lane_next;
                if (!tentative_only || !entry->job->is_final)
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
        struct entry *entry, **last = &lane->entries;

        assert(loop_is_current(lane->scheduler->loop));
        if (!job->is_final && lane->n_owed > 0) {
                // The finals ahead of it will change what it would say.
                lane->scheduler->n_replaced++;
                job_free(job);
                return;
        }
        if (lane_has_tentative(lane)) {
                lane->scheduler->n_replaced++;
                lane_cancel(lane, true);
        }
        entry = xnew(struct entry);
        entry->job = job;
        entry->lane = lane;
        entry->place = ENTRY_OWED;
        while (*last)
                last = &(*last)->lane_next;
        *last = entry;
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
        for (const struct entry *entry = lane->entries; entry; entry = entry->lane_next)
                if (!entry->job->is_final)
                        return true;
        return false;
}

// --- answers ---------------------------------------------------------------------------------

// Give out the answer, and those of later finals that had to wait for it. The listener may
// close the lane; `is_closed` on our stack tells.
static void lane_answer(struct lane *lane, struct entry *entry) {
        bool is_closed = false;

        lane->is_closed = &is_closed;
        if (entry->job->is_final)
                entry = lane_first_final(lane);
        while (entry && entry->place == ENTRY_DONE) {
                lane_remove(lane, entry);
                lane_advance(lane);
                lane->listener(lane->context, entry->job, entry->result, &entry->hypothesis);
                entry_free(entry);
                if (is_closed)
                        return;
                entry = lane_first_final(lane);
        }
        lane->is_closed = NULL;
}

static void scheduler_answer(struct scheduler *scheduler, struct entry *entry) {
        struct lane *lane = entry->lane;

        if (entry->result == 0) {
                scheduler->n_done++;
                scheduler->seconds_decoded += job_seconds(entry->job);
        } else if (entry->result != -ECANCELED) {
                scheduler->n_failed++;
        }
        entry->place = ENTRY_DONE;
        if (lane)
                lane_answer(lane, entry);
        else
                entry_free(entry);
}

static struct scheduler *scheduler_free(struct scheduler *scheduler) {
        pthread_mutex_destroy(&scheduler->lock);
        pthread_cond_destroy(&scheduler->work);
        free(scheduler->threads);
        free(scheduler);
        return NULL;
}

static struct entry *done_take_all(struct scheduler *scheduler) {
        struct entry *done;

        pthread_mutex_lock(&scheduler->lock);
        done = scheduler->done;
        scheduler->done = NULL;
        scheduler->done_last = &scheduler->done;
        scheduler->is_posted = false;
        pthread_mutex_unlock(&scheduler->lock);
        return done;
}

static void scheduler_on_done(void *context) {
        struct scheduler *scheduler = context;
        struct entry *entry = done_take_all(scheduler);

        while (entry) {
                struct entry *next = entry->next;

                scheduler_answer(scheduler, entry);
                entry = next;
        }
        if (scheduler->is_closed)
                scheduler_free(scheduler);
}

// --- life ------------------------------------------------------------------------------------

int scheduler_open(struct scheduler **ret, struct loop *loop,
                   const struct scheduler_config *config, struct error *error) {
        struct scheduler *scheduler = xnew(struct scheduler);

        scheduler->loop = loop;
        scheduler->config = *config;
        scheduler->done_last = &scheduler->done;
        pthread_mutex_init(&scheduler->lock, NULL);
        pthread_cond_init(&scheduler->work, NULL);
        scheduler->threads = xcalloc(config->n_engines, sizeof(*scheduler->threads));
        for (unsigned i = 0; i < config->n_engines; i++) {
                struct decoder *decoder = xnew(struct decoder);
                int r;

                decoder->scheduler = scheduler;
                decoder->number = i;
                r = config->engine->open(&decoder->engine, config->model, error);
                if (r == 0) {
                        r = -pthread_create(&scheduler->threads[i], NULL, decoder_run, decoder);
                        if (r < 0) {
                                config->engine->close(decoder->engine);
                                error_set(error, r, "cannot start a decode thread: %s",
                                          strerror(-r));
                        }
                }
                if (r < 0) {
                        free(decoder);
                        scheduler_close(scheduler);
                        return r;
                }
                scheduler->n_threads++;
        }
        *ret = scheduler;
        return 0;
}

struct scheduler *scheduler_close(struct scheduler *scheduler) {
        bool is_posted;

        if (!scheduler)
                return NULL;
        assert(loop_is_current(scheduler->loop));
        assert(!scheduler->lanes);
        pthread_mutex_lock(&scheduler->lock);
        scheduler->is_stopping = true;
        pthread_cond_broadcast(&scheduler->work);
        pthread_mutex_unlock(&scheduler->lock);
        for (unsigned i = 0; i < scheduler->n_threads; i++)
                pthread_join(scheduler->threads[i], NULL);

        while (scheduler->queue) {
                struct entry *next = scheduler->queue->next;

                entry_free(scheduler->queue);
                scheduler->queue = next;
        }
        // A post that is already under way still points here: it frees the scheduler.
        is_posted = scheduler->is_posted;
        scheduler->is_closed = true;
        return is_posted ? NULL : scheduler_free(scheduler);
}

struct scheduler_stats scheduler_stats(const struct scheduler *scheduler) {
        struct scheduler_stats stats = {
                .n_done = scheduler->n_done,
                .n_replaced = scheduler->n_replaced,
                .n_failed = scheduler->n_failed,
                .seconds_decoded = scheduler->seconds_decoded,
        };

        for (const struct lane *lane = scheduler->lanes; lane; lane = lane->next)
                for (const struct entry *entry = lane->entries; entry;
                     entry = entry->lane_next) {
                        nsec_t delay = loop_now(scheduler->loop) - entry->queued_at;

                        if (!entry->job->is_final) {
                                stats.n_tentative++;
                                continue;
                        }
                        stats.n_final++;
                        if (!lane->is_wide && entry->place == ENTRY_QUEUED &&
                            delay > stats.final_delay)
                                stats.final_delay = delay;
                }
        return stats;
}
