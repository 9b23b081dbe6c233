#pragma once
// Reader pool: readers on threads of their own, for whoever is on the loop.
//
// Threads: loop thread; on_damage is called on a reader's.
// Memory:  bounded by its callers, each of which has few queries at a time.

#include <stdbool.h>
#include <stdint.h>

#include "journal/query.h"
#include "util/cleanup.h"
#include "util/loop.h"

struct reader_pool;

// on_damage(context, generation, words): a reader found the database damaged, when
// reader_pool_renew() had last been given that number (0 before). NULL when there are no
// threads to be had.
struct reader_pool *reader_pool_open(struct loop *loop, const char *folder,
                                     void (*on_damage)(void *context, unsigned generation,
                                                       const char *words),
                                     void *context);

// End the threads, giving up what they read, and answer all queries that are not answered yet
// with an error. Nothing is read afterwards. False when a thread has not ended until then
// (CLOCK_MONOTONIC), from a disk that does not answer: then the pool may not be freed, and
// on_damage may still be called.
bool reader_pool_stop(struct reader_pool *pool, nsec_t until);

// After reader_pool_stop() that was true. NULL is fine. Returns NULL.
struct reader_pool *reader_pool_free(struct reader_pool *pool);

// As journal_read() and journal_detach().
void reader_pool_read(struct reader_pool *pool, const struct query *query,
                      void (*on_page)(void *context, struct query_page *page), void *context);
void reader_pool_detach(struct reader_pool *pool, const void *context);

// The folder's database is another file now: later queries are of that.
void reader_pool_renew(struct reader_pool *pool, unsigned generation);

// Rows whose checksum was wrong, so far.
uint64_t reader_pool_damaged(const struct reader_pool *pool);

DEFINE_CLEANUP(struct reader_pool *, reader_pool_free);
