#pragma once
// Ledger: the connection that writes the journal: what is committed, and what becomes of a
// database that is damaged or was taken away.
//
// Threads: one at a time: whoever opens it, then the writer's.
// Memory:  plain data of its owner.

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/database.h"
#include "journal/row.h"
#include "journal/row_store.h"
#include "util/error.h"

struct lag_marks;

// Where a sink is, in memory.
struct ledger_cursor {
        char *sink;
        struct row_cursor cursor;
        bool is_dirty;  // not written yet
};

// A file of the database as it was opened.
struct ledger_file {
        dev_t device;
        ino_t inode;  // 0: not seen yet
};

// The database, what lies beside it, and the shared memory of its connections.
#define LEDGER_FILES 3

// Zeroed but for `folder` is closed.
struct ledger {
        const char *folder;        // lent
        struct database database;  // its connection is NULL while it is not open
        struct row_store *rows;
        sqlite3_stmt *cursor;
        struct ledger_file files[LEDGER_FILES];
        int64_t last;         // number of the last row written
        int wal_pages;        // that no checkpoint has moved yet
        unsigned openings;    // how often it was opened
        bool is_replacement;  // this process set a damaged one aside
};

// Open the database, or make one; one that is damaged is set aside and another begun in its
// place, which is logged. The errors of database_open().
int ledger_open(struct ledger *ledger, struct error *error);

// Closed is fine.
void ledger_close(struct ledger *ledger);

// What is committed together: rows, each of which is given its number in numbers[], and those
// of the cursors that are dirty.
struct ledger_group {
        const struct row *const *rows;
        int64_t *numbers;
        size_t n;
        const struct ledger_cursor *cursors;
        size_t n_cursors;
};

// Write all of it, or nothing. Zero once it is on disk; negative errno, or DATABASE_E_DAMAGED.
int ledger_commit(struct ledger *ledger, const struct ledger_group *group, struct error *error);

// Remove the rows whose numbers the statement gives, which is bound, together with their words
// in the index. *ret_wrong as in row_store_remove().
int ledger_remove(struct ledger *ledger, sqlite3_stmt *select, size_t *ret_n, bool *ret_wrong,
                  struct error *error);

// Merge about so many pages of the index, towards one piece in which nothing removed is left.
// `is_first` begins with all that is in it now. *ret_done: nothing is left to do.
int ledger_merge(struct ledger *ledger, bool is_first, size_t n_pages, bool *ret_done,
                 struct error *error);

// Whether much was committed that is still in the file beside the database's own.
bool ledger_checkpoint_is_due(const struct ledger *ledger);

// Move what was committed into the database's own file: what nobody reads just now, or all of
// it
// (-EBUSY while somebody reads), emptying the file beside it.
int ledger_checkpoint(struct ledger *ledger, bool is_whole, struct error *error);

// Close the database, set it aside for this reason and begin another one.
int ledger_replace(struct ledger *ledger, const char *reason, struct error *error);

// Bytes of the database's file; 0 if it is not there.
uint64_t ledger_bytes(const struct ledger *ledger);

// Whether the files are no longer those that are open: somebody removed or moved them.
bool ledger_is_lost(struct ledger *ledger);

// Write the database, which is open still, into the folder again and go on with that.
int ledger_rescue(struct ledger *ledger, struct error *error);

// The cursors of sinks that the database has, an array that grows (util/array.h); the caller
// frees it and its texts.
struct ledger_cursor *ledger_cursors(struct ledger *ledger, size_t *ret_n,
                                     size_t *ret_capacity);

// When the last row was made, Unix ms, as its id tells; 0 when there is none.
int64_t ledger_newest(struct ledger *ledger);

// When some of the rows were made, all over the database.
void ledger_marks(struct ledger *ledger, struct lag_marks *ret);
