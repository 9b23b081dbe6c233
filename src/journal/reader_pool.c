#include "journal/reader_pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "journal/reader.h"
#include "util/mem.h"
#include "util/thread.h"
#include "util/wake.h"

#define READERS 2

#define CLOSED "the journal is closed"

struct read_request {
        struct query query;
        struct query_page page;
        void (*on_page)(void *context, struct query_page *page);  // NULL: nobody waits any more
        void *context;
        TAILQ_ENTRY(read_request) link;   // of those asked or answered
        TAILQ_ENTRY(read_request) known;  // the loop's
};
TAILQ_HEAD(read_requests, read_request);

struct reader_pool {
        char *folder;
        void (*on_damage)(void *context, unsigned generation, const char *words);
        void *context;
        struct wake *wake;
        pthread_t threads[READERS];
        sem_t ended;
        size_t n_threads;
        struct read_requests known;  // all that are not answered for their owners
        pthread_mutex_t lock;
        pthread_cond_t is_asked;
        // Under the lock:
        struct read_requests asked, answered;
        unsigned generation;  // of the database's file
        uint64_t n_damaged;
        atomic_bool is_closing;  // set under the lock
};

// --- the threads -----------------------------------------------------------------------------

// What one of them has open.
struct reader_seat {
        struct reader *reader;
        unsigned generation;
        uint64_t n_damaged;
};

static void seat_close(struct reader_seat *seat) {
        seat->reader = reader_close(seat->reader);
        seat->n_damaged = 0;
}

static void seat_read(struct reader_seat *seat, struct reader_pool *pool, unsigned generation,
                      struct read_request *request) {
        struct error error = {0};
        int r = 0;

        if (seat->generation != generation)
                seat_close(seat);
        seat->generation = generation;
        if (!seat->reader)
                r = reader_open(&seat->reader, pool->folder, &error);
        if (r == 0)
                reader_stop_on(seat->reader, &pool->is_closing);
        if (r != 0) {
                snprintf(request->page.error, sizeof(request->page.error), "%s", error.text);
                request->page.is_damaged = r > 0;
        } else {
                reader_read(seat->reader, &request->query, &request->page);
        }
        if (request->page.is_damaged)
                pool->on_damage(pool->context, generation, request->page.error);
}

static void seat_count(struct reader_seat *seat, struct reader_pool *pool) {
        uint64_t n = seat->reader ? reader_damaged(seat->reader) : seat->n_damaged;

        pool->n_damaged += n - seat->n_damaged;
        seat->n_damaged = n;
}

static void *reader_run(void *context) {
        struct reader_pool *pool = context;
        struct reader_seat seat = {0};

        pthread_mutex_lock(&pool->lock);
        while (!pool->is_closing) {
                struct read_request *request = TAILQ_FIRST(&pool->asked);
                unsigned generation = pool->generation;

                if (!request) {
                        pthread_cond_wait(&pool->is_asked, &pool->lock);
                        continue;
                }
                TAILQ_REMOVE(&pool->asked, request, link);
                pthread_mutex_unlock(&pool->lock);
                seat_read(&seat, pool, generation, request);
                pthread_mutex_lock(&pool->lock);
                seat_count(&seat, pool);
                TAILQ_INSERT_TAIL(&pool->answered, request, link);
                pthread_mutex_unlock(&pool->lock);
                wake_up(pool->wake);
                pthread_mutex_lock(&pool->lock);
        }
        pthread_mutex_unlock(&pool->lock);
        seat_close(&seat);
        sem_post(&pool->ended);
        return NULL;
}

// --- the loop --------------------------------------------------------------------------------

// It is none of the pool's any more.
static void request_answer(struct read_request *request) {
        if (request->on_page)
                request->on_page(request->context, &request->page);
        else
                query_page_deinit(&request->page);
        query_deinit(&request->query);
        free(request);
}

static struct read_request *answered_take(struct reader_pool *pool) {
        struct read_request *request;

        pthread_mutex_lock(&pool->lock);
        request = TAILQ_FIRST(&pool->answered);
        if (request)
                TAILQ_REMOVE(&pool->answered, request, link);
        pthread_mutex_unlock(&pool->lock);
        return request;
}

static void on_answered(void *context) {
        struct reader_pool *pool = context;

        for (struct read_request *request = answered_take(pool); request;
             request = answered_take(pool)) {
                TAILQ_REMOVE(&pool->known, request, known);
                request_answer(request);
        }
}

struct reader_pool *reader_pool_open(struct loop *loop, const char *folder,
                                     void (*on_damage)(void *context, unsigned generation,
                                                       const char *words),
                                     void *context) {
        struct reader_pool *pool = xnew(struct reader_pool);

        pool->folder = xstrdup(folder);
        pool->on_damage = on_damage;
        pool->context = context;
        pool->wake = wake_new(loop, on_answered, pool);
        TAILQ_INIT(&pool->known);
        TAILQ_INIT(&pool->asked);
        TAILQ_INIT(&pool->answered);
        pthread_mutex_init(&pool->lock, NULL);
        pthread_cond_init(&pool->is_asked, NULL);
        sem_init(&pool->ended, 0, 0);
        while (pool->n_threads < READERS &&
               thread_start(&pool->threads[pool->n_threads], "journal-reader", reader_run,
                            pool) == 0)
                pool->n_threads++;
        return pool->n_threads ? pool : reader_pool_free(pool);
}

// One that a thread may have for good: it stays with that.
static void request_leave(struct read_request *request) {
        struct query_page page = {.next = request->query.after};

        snprintf(page.error, sizeof(page.error), "%s", CLOSED);
        if (request->on_page)
                request->on_page(request->context, &page);
}

bool reader_pool_stop(struct reader_pool *pool, nsec_t until) {
        struct read_request *request;
        bool is_ended;

        pthread_mutex_lock(&pool->lock);
        pool->is_closing = true;
        pthread_cond_broadcast(&pool->is_asked);
        pthread_mutex_unlock(&pool->lock);
        is_ended = thread_join_until(pool->threads, pool->n_threads, &pool->ended, until);
        pool->n_threads = 0;
        if (!is_ended)
                wake_abandon(pool->wake);
        on_answered(pool);
        // No thread takes another.
        while ((request = TAILQ_FIRST(&pool->asked))) {
                TAILQ_REMOVE(&pool->asked, request, link);
                TAILQ_REMOVE(&pool->known, request, known);
                snprintf(request->page.error, sizeof(request->page.error), "%s", CLOSED);
                request_answer(request);
        }
        while ((request = TAILQ_FIRST(&pool->known))) {
                TAILQ_REMOVE(&pool->known, request, known);
                request_leave(request);
        }
        return is_ended;
}

struct reader_pool *reader_pool_free(struct reader_pool *pool) {
        if (!pool)
                return NULL;
        wake_free(pool->wake);
        sem_destroy(&pool->ended);
        pthread_cond_destroy(&pool->is_asked);
        pthread_mutex_destroy(&pool->lock);
        free(pool->folder);
        return mem_free(pool);
}

void reader_pool_read(struct reader_pool *pool, const struct query *query,
                      void (*on_page)(void *context, struct query_page *page), void *context) {
        struct read_request *request = xnew(struct read_request);

        request->query = query_copy(query);
        request->page.next = query->after;
        request->on_page = on_page;
        request->context = context;
        TAILQ_INSERT_TAIL(&pool->known, request, known);
        pthread_mutex_lock(&pool->lock);
        TAILQ_INSERT_TAIL(&pool->asked, request, link);
        pthread_cond_signal(&pool->is_asked);
        pthread_mutex_unlock(&pool->lock);
}

void reader_pool_detach(struct reader_pool *pool, const void *context) {
        struct read_request *request;

        TAILQ_FOREACH (request, &pool->known, known)
                if (request->context == context)
                        request->on_page = NULL;
}

void reader_pool_renew(struct reader_pool *pool, unsigned generation) {
        pthread_mutex_lock(&pool->lock);
        pool->generation = generation;
        pthread_mutex_unlock(&pool->lock);
}

uint64_t reader_pool_damaged(const struct reader_pool *pool) {
        struct reader_pool *writable = (struct reader_pool *)pool;
        uint64_t n;

        pthread_mutex_lock(&writable->lock);
        n = pool->n_damaged;
        pthread_mutex_unlock(&writable->lock);
        return n;
}
