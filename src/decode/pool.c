#include "decode/pool.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct pool {
        struct loop *loop;
        struct pool_config config;
        pthread_t *threads;
        unsigned n_threads;
        bool is_closed;

        pthread_mutex_t lock;
        pthread_cond_t work;
        // --- protected by lock
        struct pool_entry *queue;  // newest first
        struct pool_entry *done;   // oldest first
        struct pool_entry **done_last;
        bool is_posted;
        bool is_stopping;
        size_t background_max;
};

// One decode thread and the engine it drives.
struct decode_thread {
        struct pool *pool;
        void *engine;
        unsigned number;
        struct pool_entry *running;
        size_t n_running;
        size_t n_background;     // of them, those of JOB_RANK_BACKGROUND
        struct histogram steps;  // not yet handed back
};

// --- the decode threads ----------------------------------------------------------------------

static bool entry_goes_before(const struct pool_entry *a, const struct pool_entry *b) {
        if (a->job->rank != b->job->rank)
                return a->job->rank < b->job->rank;
        return a->due <= b->due;  // the queue grows at its head: at a tie the older one
}

static struct pool_entry *queue_take(struct pool *pool, const struct decode_thread *decoder) {
        struct pool_entry **best = &pool->queue, *entry;

        if (!*best)
                return NULL;
        for (struct pool_entry **place = &(*best)->next; *place; place = &(*place)->next)
                if (entry_goes_before(*place, *best))
                        best = place;
        if ((*best)->job->rank == JOB_RANK_BACKGROUND &&
            decoder->n_background >= pool->background_max)
                return NULL;
        entry = *best;
        *best = entry->next;
        return entry;
}

static void pool_on_post(void *context);

static void done_put(struct pool *pool, struct pool_entry *entry) {
        bool must_post;

        pthread_mutex_lock(&pool->lock);
        entry->next = NULL;
        *pool->done_last = entry;
        pool->done_last = &entry->next;
        must_post = !pool->is_posted;
        pool->is_posted = true;
        pthread_mutex_unlock(&pool->lock);
        if (must_post)
                loop_post(pool->loop, pool_on_post, pool);
}

// The next entry for this thread; waits for one when the engine has nothing to do. False when
// the thread must end; *ret may be NULL.
static bool decoder_take(struct decode_thread *decoder, struct pool_entry **ret) {
        struct pool *pool = decoder->pool;
        bool must_end;

        pthread_mutex_lock(&pool->lock);
        while (!pool->is_stopping && !pool->queue && !decoder->running)
                pthread_cond_wait(&pool->work, &pool->lock);
        must_end = pool->is_stopping;
        *ret = must_end ? NULL : queue_take(pool, decoder);
        pthread_mutex_unlock(&pool->lock);
        return !must_end;
}

static void queue_put(struct pool *pool, struct pool_entry *entry) {
        pthread_mutex_lock(&pool->lock);
        entry->next = pool->queue;
        pool->queue = entry;
        pthread_cond_signal(&pool->work);
        pthread_mutex_unlock(&pool->lock);
}

// Move entries into the engine while it has room. False when the thread must end.
static bool decoder_fill(struct decode_thread *decoder) {
        struct pool *pool = decoder->pool;
        struct pool_entry *entry;

        while (decoder_take(decoder, &entry)) {
                int r;

                if (!entry)
                        return true;
                atomic_store(&entry->begun_at, loop_now(pool->loop));
                r = pool->config.engine->submit(decoder->engine, entry->job);
                if (r == ENGINE_E_FULL) {
                        atomic_store(&entry->begun_at, POOL_NOT_BEGUN);
                        queue_put(pool, entry);
                        return true;
                }
                if (r < 0) {
                        entry->result = r;
                        done_put(pool, entry);
                        continue;
                }
                entry->next = decoder->running;
                decoder->running = entry;
                decoder->n_running++;
                decoder->n_background += entry->job->rank == JOB_RANK_BACKGROUND;
        }
        return false;
}

static struct pool_entry *decoder_release(struct decode_thread *decoder,
                                          const struct job *job) {
        struct pool_entry **place = &decoder->running, *entry;

        while (*place && (*place)->job != job)
                place = &(*place)->next;
        entry = *place;
        if (!entry)
                abort();  // the engine gave back what it never took: its memory is not ours
        *place = entry->next;
        decoder->n_running--;
        decoder->n_background -= entry->job->rank == JOB_RANK_BACKGROUND;
        return entry;
}

// What the loop has decided about the jobs inside; an engine may hear it again.
static void decoder_tell(const struct decode_thread *decoder) {
        const struct engine_ops *engine = decoder->pool->config.engine;

        for (const struct pool_entry *entry = decoder->running; entry; entry = entry->next) {
                if (atomic_load_explicit(&entry->is_cancelled, memory_order_relaxed)) {
                        engine->cancel(decoder->engine, entry->job);
                        continue;
                }
                if (engine->hurry &&
                    atomic_load_explicit(&entry->is_overdue, memory_order_relaxed))
                        engine->hurry(decoder->engine, entry->job);
                if (engine->promote &&
                    atomic_load_explicit(&entry->is_promoted, memory_order_relaxed))
                        engine->promote(decoder->engine, entry->job);
        }
}

static void decoder_collect(struct decode_thread *decoder) {
        const struct engine_ops *engine = decoder->pool->config.engine;
        struct hypothesis hypothesis = {0};
        const struct job *job;
        int result;

        while (engine->collect(decoder->engine, &job, &result, &hypothesis) == 0) {
                struct pool_entry *entry = decoder_release(decoder, job);

                entry->result = result;
                entry->hypothesis = hypothesis;
                hypothesis = (struct hypothesis){0};
                entry->ended_at = loop_now(decoder->pool->loop);
                entry->engine_steps = decoder->steps;
                decoder->steps = (struct histogram){0};
                done_put(decoder->pool, entry);
        }
}

static void *decoder_run(void *context) {
        struct decode_thread *decoder = context;
        struct pool *pool = decoder->pool;
        char name[16];

        snprintf(name, sizeof(name), "decode/%u", decoder->number);
        pthread_setname_np(pthread_self(), name);
        while (decoder_fill(decoder)) {
                histogram_observe(&decoder->steps, &histogram_jobs, (double)decoder->n_running);
                decoder_tell(decoder);
                pool->config.engine->step(decoder->engine);
                decoder_collect(decoder);
        }
        pool->config.engine->close(decoder->engine);
        while (decoder->running) {
                struct pool_entry *next = decoder->running->next;

                decoder->running->result = -ECANCELED;
                done_put(pool, decoder->running);
                decoder->running = next;
        }
        free(decoder);
        return NULL;
}

// --- the loop's side -------------------------------------------------------------------------

void pool_put(struct pool *pool, struct pool_entry *entry) {
        queue_put(pool, entry);
}

bool pool_remove(struct pool *pool, struct pool_entry *entry) {
        bool was_there = false;

        pthread_mutex_lock(&pool->lock);
        for (struct pool_entry **place = &pool->queue; *place; place = &(*place)->next)
                if (*place == entry) {
                        *place = entry->next;
                        was_there = true;
                        break;
                }
        pthread_mutex_unlock(&pool->lock);
        return was_there;
}

void pool_return(struct pool *pool, struct pool_entry *entry) {
        done_put(pool, entry);
}

void pool_limit_background(struct pool *pool, size_t n) {
        pthread_mutex_lock(&pool->lock);
        pool->background_max = n;
        pthread_mutex_unlock(&pool->lock);
}

static struct pool_entry *done_take_all(struct pool *pool) {
        struct pool_entry *done;

        pthread_mutex_lock(&pool->lock);
        done = pool->done;
        pool->done = NULL;
        pool->done_last = &pool->done;
        pool->is_posted = false;
        pthread_mutex_unlock(&pool->lock);
        return done;
}

static void pool_give_back(struct pool *pool) {
        struct pool_entry *entry = done_take_all(pool);

        while (entry) {
                struct pool_entry *next = entry->next;

                pool->config.on_done(pool->config.context, entry);
                entry = next;
        }
}

static struct pool *pool_free(struct pool *pool) {
        pthread_mutex_destroy(&pool->lock);
        pthread_cond_destroy(&pool->work);
        free(pool->threads);
        free(pool);
        return NULL;
}

static void pool_on_post(void *context) {
        struct pool *pool = context;

        if (pool->is_closed)
                pool_free(pool);
        else
                pool_give_back(pool);
}

static int pool_thread_start(struct pool *pool, struct error *error) {
        struct decode_thread *decoder = xnew(struct decode_thread);
        int r;

        decoder->pool = pool;
        decoder->number = pool->n_threads;
        r = pool->config.engine->open(&decoder->engine, pool->config.model, error);
        if (r < 0) {
                free(decoder);
                return r;
        }
        r = -pthread_create(&pool->threads[pool->n_threads], NULL, decoder_run, decoder);
        if (r < 0) {
                pool->config.engine->close(decoder->engine);
                free(decoder);
                return error_set(error, r, "cannot start a decode thread: %s",
                                 strerrordesc_np(-r));
        }
        pool->n_threads++;
        return 0;
}

int pool_open(struct pool **ret, struct loop *loop, const struct pool_config *config,
              struct error *error) {
        struct pool *pool = xnew(struct pool);
        int r = 0;

        pool->loop = loop;
        pool->config = *config;
        pool->done_last = &pool->done;
        pool->background_max = 1;
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->work, NULL);
        pool->threads = xcalloc(config->n_threads, sizeof(*pool->threads));
        while (pool->n_threads < config->n_threads && r == 0)
                r = pool_thread_start(pool, error);
        if (r < 0) {
                pool_close(pool);
                return r;
        }
        *ret = pool;
        return 0;
}

struct pool *pool_close(struct pool *pool) {
        bool is_posted;

        if (!pool)
                return NULL;
        assert(loop_is_current(pool->loop));
        pthread_mutex_lock(&pool->lock);
        pool->is_stopping = true;
        pthread_cond_broadcast(&pool->work);
        pthread_mutex_unlock(&pool->lock);
        for (unsigned i = 0; i < pool->n_threads; i++)
                pthread_join(pool->threads[i], NULL);

        is_posted = pool->is_posted;
        while (pool->queue) {
                struct pool_entry *next = pool->queue->next;

                pool->queue->result = -ECANCELED;
                pool->config.on_done(pool->config.context, pool->queue);
                pool->queue = next;
        }
        pool_give_back(pool);
        // A post that is already under way still points here: it frees the pool.
        pool->is_closed = true;
        return is_posted ? NULL : pool_free(pool);
}
