#pragma once
// Writer, the side of it that its own files see: writer.c, which commits, and writer_upkeep.c,
// which does what else there is between two commits.
//
// Threads: the writer's, where nothing else is said.

#include <pthread.h>

#include "journal/cursor_table.h"
#include "journal/erasure.h"
#include "journal/keeping.h"
#include "journal/ledger.h"
#include "journal/state_lock.h"
#include "journal/writer.h"

// Rows of one group: one transaction.
#define GROUP_MAX 1024

// What one transaction writes.
struct writer_group {
        struct writer_item *items[GROUP_MAX];
        const struct row *rows[GROUP_MAX];
        int64_t numbers[GROUP_MAX];
        struct ledger_cursor *cursors;  // texts are lent
        struct ledger_group all;        // of these
};

struct writer {
        struct writer_config config;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t is_changed;
        // Under the lock:
        struct writer_items queue;
        struct cursor_table cursors;
        struct writer_erasures asked;
        char suspicion[WRITER_TROUBLE_MAX];
        struct age_time time;
        bool is_ending, is_ended;
        nsec_t end_at;
        struct writer_news news;
        // The thread's own:
        struct writer_group group;
        struct state_lock *state_lock;
        struct ledger ledger;
        struct keeping keeping;
        struct age_clock clock;
        struct erasure *erasure;
        struct writer_erasure *erasing;
        nsec_t look_at, retry_at, backoff, erase_at;
};

// With the lock held: what is true of the database now. The loop is woken when it is released.
static inline void writer_news_update(struct writer *writer) {
        const struct ledger *ledger = &writer->ledger;
        struct writer_news *news = &writer->news;

        if (ledger->database.sqlite) {
                news->end = (struct row_cursor){ledger->database.epoch, ledger->last};
                news->is_replacement = ledger->is_replacement;
                news->generation = ledger->openings;
        }
        news->n_removed = writer->keeping.n_removed;
}

// One step of forgetting, removing what is old, or moving what was committed, so that rows that
// come meanwhile wait for one of them at most. Zero, or DATABASE_E_DAMAGED with words.
int writer_upkeep(struct writer *writer, struct error *error);

// All that are to be forgotten fail, with this text.
void writer_upkeep_fail(struct writer *writer, const char *trouble);
