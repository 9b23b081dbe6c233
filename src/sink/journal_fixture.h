#pragma once
// Journal fixture: the functions of journal.h that sinks use, in memory, for a test that wants
// to do to a journal what is hard to do to a real one. Pages come with a turn of the loop.
//
// Threads: the test's.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "journal/journal.h"
#include "util/array.h"
#include "util/loop.h"
#include "util/mem.h"

struct fixture_read {
        struct journal *journal;
        struct query query;
        void (*on_page)(void *context, struct query_page *page);
        void *context;  // NULL: nobody waits any more
        struct fixture_read *next;
};

struct fixture_cursor {
        char name[64];
        struct row_cursor cursor;
};

struct journal {
        struct loop *loop;
        uint64_t epoch;
        struct row **rows;
        size_t n_rows, capacity;
        int64_t last;  // number of the last row ever
        struct row_ids ids;
        struct fixture_cursor cursors[8];
        size_t n_cursors;
        struct fixture_read *reads;
        const char *error;  // of each read; NULL: none
        bool is_shut;       // its disk was full from the start: it has no end and no cursors
        unsigned n_reads;
        TAILQ_HEAD(, journal_watcher) watchers;
};

int journal_open(struct journal **ret, struct loop *loop, const struct journal_config *config,
                 struct error *error) {
        struct journal *journal = xnew(struct journal);

        (void)config, (void)error;
        journal->loop = loop;
        journal->epoch = 0xe1;
        TAILQ_INIT(&journal->watchers);
        *ret = journal;
        return 0;
}

// The first `n` rows are gone, as if they were too old.
static inline void fixture_remove(struct journal *journal, size_t n) {
        for (size_t i = 0; i < n; i++)
                row_free(journal->rows[i]);
        journal->n_rows -= n;
        if (n)
                memmove(journal->rows, journal->rows + n,
                        journal->n_rows * sizeof(*journal->rows));
}

// The row at that place is gone, as if somebody wanted it forgotten.
static inline void fixture_forget(struct journal *journal, size_t i) {
        row_free(journal->rows[i]);
        journal->n_rows--;
        memmove(journal->rows + i, journal->rows + i + 1,
                (journal->n_rows - i) * sizeof(*journal->rows));
}

// The database is another one, and empty.
static inline void fixture_renew(struct journal *journal) {
        fixture_remove(journal, journal->n_rows);
        journal->epoch++;
        journal->last = 0;
}

struct journal *journal_close(struct journal *journal) {
        fixture_remove(journal, journal->n_rows);
        free(journal->rows);
        // Reads that are under way are freed when the loop comes to them.
        for (struct fixture_read *read = journal->reads; read; read = read->next)
                read->journal = NULL;
        return mem_free(journal);
}

struct row_cursor journal_end(const struct journal *journal) {
        if (journal->is_shut)
                return (struct row_cursor){0};
        return (struct row_cursor){.epoch = journal->epoch, .row = journal->last};
}

// The row is written.
static inline void fixture_commit(struct journal *journal, struct row *row) {
        row->cursor = (struct row_cursor){.epoch = journal->epoch, .row = ++journal->last};
        row->is_durable = true;
        journal->rows = array_grow(journal->rows, journal->n_rows, &journal->capacity,
                                   sizeof(*journal->rows));
        journal->rows[journal->n_rows++] = row;
}

void journal_append(struct journal *journal, struct row *row,
                    void (*on_shown)(void *context, const struct row *row), void *context) {
        static const uint8_t none[ROW_ID_BYTES];
        struct journal_watcher *watcher;

        if (memcmp(row->id, none, sizeof(none)) == 0)
                row_id_make(&journal->ids, loop_wall(journal->loop) / NSEC_PER_MSEC, row->id);
        fixture_commit(journal, row);
        if (on_shown)
                on_shown(context, row);
        TAILQ_FOREACH (watcher, &journal->watchers, link)
                watcher->on_row(watcher->context, row);
}

// The row is shown, and written only then.
static inline void fixture_append_late(struct journal *journal, struct row *row) {
        struct journal_watcher *watcher;

        row_id_make(&journal->ids, loop_wall(journal->loop) / NSEC_PER_MSEC, row->id);
        TAILQ_FOREACH (watcher, &journal->watchers, link)
                watcher->on_row(watcher->context, row);
        fixture_commit(journal, row);
        TAILQ_FOREACH (watcher, &journal->watchers, link)
                watcher->on_durable(watcher->context, row);
}

void journal_watch(struct journal *journal, struct journal_watcher *watcher) {
        TAILQ_INSERT_TAIL(&journal->watchers, watcher, link);
}

void journal_unwatch(struct journal *journal, struct journal_watcher *watcher) {
        TAILQ_REMOVE(&journal->watchers, watcher, link);
}

static inline struct fixture_cursor *fixture_cursor_find(struct journal *journal,
                                                         const char *sink) {
        for (size_t i = 0; i < journal->n_cursors; i++)
                if (strcmp(journal->cursors[i].name, sink) == 0)
                        return &journal->cursors[i];
        return NULL;
}

bool journal_cursor(const struct journal *journal, const char *sink, struct row_cursor *ret) {
        const struct fixture_cursor *found =
                fixture_cursor_find((struct journal *)(uintptr_t)journal, sink);

        if (journal->is_shut)
                found = NULL;
        *ret = found ? found->cursor : journal_end(journal);
        return found;
}

void journal_cursor_set(struct journal *journal, const char *sink, struct row_cursor cursor) {
        struct fixture_cursor *found = fixture_cursor_find(journal, sink);

        if (cursor.epoch == 0)
                return;
        if (!found) {
                found = &journal->cursors[journal->n_cursors++];
                snprintf(found->name, sizeof(found->name), "%s", sink);
        }
        found->cursor = cursor;
}

void journal_lag(const struct journal *journal, struct row_cursor cursor, uint64_t *ret_rows,
                 double *ret_seconds) {
        *ret_rows =
                (uint64_t)(journal->last - (cursor.epoch == journal->epoch ? cursor.row : 0));
        *ret_seconds = *ret_rows ? 1 : 0;
}

#include "sink/journal_reads_fixture.h"
