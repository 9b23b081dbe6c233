#pragma once
// Journal: what was heard, for good. Rows go into a SQLite database in a folder of its own, by
// one thread that commits them in groups; whoever reads it does so on other threads, with
// connections that can only read. Nothing of SQLite runs on the loop.
//
// A row that was shown as durable is on disk. When the disk does not take rows, they wait in
// memory and are shown as not durable; they are written once it does.
//
// Threads: loop thread only; callbacks come on the loop.
// Memory:  owns its threads, database and lock.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "journal/query.h"
#include "journal/row.h"
#include "util/cleanup.h"
#include "util/error.h"
#include "util/loop.h"

struct journal;

struct journal_config {
        const char *folder;   // the state folder; made (0700) if absent
        double keep_age;      // seconds that rows are kept; 0: for ever
        uint64_t keep_bytes;  // of the database; 0: any
        size_t waiting_max;   // bytes of rows that may wait for the disk; 0: 64 MiB
};

// Take the folder's lock, open the database or make one (one that is damaged is set aside under
// a name that is logged), and start the threads. Fails with words: -EBUSY when another server
// has the folder (the words name its process), -EPROTO when the database is of a newer version.
int journal_open(struct journal **ret, struct loop *loop, const struct journal_config *config,
                 struct error *error);

// Write what waits (for at most five seconds), end the threads, free. Callbacks that are still
// due come before it returns. A thread that does not come back from its disk is left behind,
// with what it has. NULL is fine. Returns NULL.
struct journal *journal_close(struct journal *journal);

// --- writing ---------------------------------------------------------------------------------

// The row, which is taken, is to be written. It gets an id if it has none (zeros).
// on_shown(context, row) is called once, in the order of appending, when the row may be shown:
// after its commit, with its cursor, or as not durable when the journal cannot write it or has
// not done so within a second. May be called within journal_append(). NULL: nobody waits for
// it. The row is lent during the call.
void journal_append(struct journal *journal, struct row *row,
                    void (*on_shown)(void *context, const struct row *row), void *context);

// No further on_shown for this context; its rows are written all the same.
void journal_detach(struct journal *journal, const void *context);

// Who hears of all rows, in order, when they may be shown (on_row), and of those that were
// shown as not durable once they are written (on_durable). Each may be NULL; none may append.
struct journal_watcher {
        void (*on_row)(void *context, const struct row *row);
        void (*on_durable)(void *context, const struct row *row);
        void *context;
        TAILQ_ENTRY(journal_watcher) link;
};
void journal_watch(struct journal *journal, struct journal_watcher *watcher);
void journal_unwatch(struct journal *journal, struct journal_watcher *watcher);

// Remove text, index entries and whatever else the database has of what was said in
// [since, until) (Unix ms; 0: open) in that stream (NULL: all), for good: when on_done is
// called with an empty text nothing of it is in any of the database's files, and a row
// ROW_FORGOTTEN is in the journal. With words it failed. Keeps running when the context is
// detached.
void journal_forget(struct journal *journal, const char *stream, int64_t since, int64_t until,
                    void (*on_done)(void *context, uint64_t n_rows, const char *trouble),
                    void *context);

// --- reading ---------------------------------------------------------------------------------

// Read a page on a reader's thread. on_page gets the page, which is the callee's. Not after
// journal_detach() with that context.
void journal_read(struct journal *journal, const struct query *query,
                  void (*on_page)(void *context, struct query_page *page), void *context);

// The cursor of the last row written; its row is 0 in an empty database, and its epoch too
// until a database could be opened (a full disk).
struct row_cursor journal_end(const struct journal *journal);

// --- cursors of sinks ------------------------------------------------------------------------

// Where that sink is. False when it has none yet: *ret is then journal_end(), or the database's
// beginning where it replaces a damaged one that this process found.
bool journal_cursor(const struct journal *journal, const char *sink, struct row_cursor *ret);

// Remember it: written with the next commit, after a second at the latest. A cursor of another
// database than the one that is open is none.
void journal_cursor_set(struct journal *journal, const char *sink, struct row_cursor cursor);

// Rows with a number above this one (an upper bound: those that were removed count too), and
// how long ago the oldest of them was written, in seconds; 0 when there is none.
void journal_lag(const struct journal *journal, struct row_cursor cursor, uint64_t *ret_rows,
                 double *ret_seconds);

// --- how it is -------------------------------------------------------------------------------

struct journal_state {
        bool can_write;                   // the last attempt went well
        char trouble[256];                // why not, in words; "" else
        size_t n_waiting, waiting_bytes;  // rows that are not written yet
        uint64_t n_written[ROW_KINDS];
        bool is_full;           // it found no room on the disk
        uint64_t n_lost;        // given up since too many waited
        uint64_t n_removed;     // by age or size
        uint64_t n_commits;     // groups
        uint64_t n_damaged;     // rows whose checksum was wrong when they were read
        uint64_t file_bytes;    // of the database
        double commit_seconds;  // of all commits together
};
void journal_state(const struct journal *journal, struct journal_state *ret);

DEFINE_CLEANUP(struct journal *, journal_close);
