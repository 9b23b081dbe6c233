#include "journal/keeping.h"

#include <stdio.h>

#include "journal/ledger.h"
#include "journal/row.h"

// How often it looks, and how long it lets others have the disk between two steps.
#define LOOK_INTERVAL (10 * NSEC_PER_SEC)
#define STEP_INTERVAL (20 * NSEC_PER_MSEC)

// The index only notes what was removed, until it is merged: once that is this share of all
// rows (and as many rows at least) it is. So many are removed for their size at a time, too:
// how much room they leave is known after the merge.
#define MERGE_SHARE 16
#define MERGE_ROWS  256

// Free pages are used again. They are given back to the system once they are this share of all
// pages, until they are half of that.
#define FREE_SHARE 8
#define FREE_PAGES 4096

static uint64_t round_rows(struct ledger *ledger) {
        int64_t first = database_number(ledger->database.sqlite, "SELECT min(row) FROM rows",
                                        ledger->last);

        return MERGE_ROWS + (uint64_t)(ledger->last - first) / MERGE_SHARE;
}

static bool is_too_large(const struct keeping *keeping, struct ledger *ledger) {
        sqlite3 *sqlite = ledger->database.sqlite;
        int64_t pages = database_number(sqlite, "PRAGMA page_count", 0) -
                        database_number(sqlite, "PRAGMA freelist_count", 0);

        return keeping->bytes && (uint64_t)(pages * database_number(sqlite, "PRAGMA page_size",
                                                                    0)) > keeping->bytes;
}

static int rows_remove(struct keeping *keeping, struct ledger *ledger, const char *sql,
                       int64_t limit, size_t *ret_n, struct error *error) {
        CLEANUP(database_finalizep) sqlite3_stmt *select = NULL;
        bool is_wrong = false;
        int r = database_prepare(&select, ledger->database.sqlite, sql, error);

        if (r != 0)
                return r;
        sqlite3_bind_int64(select, 1, limit);
        sqlite3_bind_int64(select, 2, (int64_t)keeping->rows.n);
        r = ledger_remove(ledger, select, ret_n, &is_wrong, error);
        if (r == 0) {
                keeping->n_removed += *ret_n;
                keeping->removed_since_merge += *ret_n;
                keeping->removed_in_round += *ret_n;
        }
        return r;
}

// Rows have their time in their ids, too: the first six bytes (row.h).
static const char *const sql_too_old =
        "SELECT row FROM rows WHERE start_ms < ?1 AND "
        "(kind <> 3 OR hex(substr(id, 1, 6)) < printf('%012X', max(?1, 0))) LIMIT ?2";
_Static_assert(ROW_FORGOTTEN == 3, "the kind that is as old as its id");

static int rows_step(struct keeping *keeping, struct ledger *ledger, int64_t now_ms,
                     struct error *error) {
        size_t n = 0;
        int r = 0;

        if (keeping->age > 0)
                r = rows_remove(keeping, ledger, sql_too_old,
                                now_ms - (int64_t)(keeping->age * 1000), &n, error);
        if (r == 0 && n == 0 && keeping->removed_in_round < round_rows(ledger) &&
            is_too_large(keeping, ledger))
                r = rows_remove(keeping, ledger,
                                "SELECT row FROM rows WHERE row <= ? ORDER BY row LIMIT ?",
                                ledger->last, &n, error);
        if (r == 0 && n == 0)
                keeping->phase = keeping->removed_since_merge >= round_rows(ledger)
                                         ? KEEPING_MERGE
                                         : KEEPING_PAGES;
        return r;
}

static int merge_step(struct keeping *keeping, struct ledger *ledger, struct error *error) {
        bool is_done = false;
        int r = ledger_merge(ledger, !keeping->is_merging, keeping->merge.n, &is_done, error);

        if (r != 0)
                return r;
        keeping->is_merging = !is_done;
        if (is_done) {
                keeping->removed_since_merge = keeping->removed_in_round = 0;
                keeping->phase = KEEPING_ROWS;
        }
        return 0;
}

static int pages_step(struct keeping *keeping, struct ledger *ledger, struct error *error) {
        sqlite3 *sqlite = ledger->database.sqlite;
        int64_t pages = database_number(sqlite, "PRAGMA page_count", 0);
        int64_t free_pages = database_number(sqlite, "PRAGMA freelist_count", 0);
        int64_t most = pages / (keeping->is_shrinking ? 2 * FREE_SHARE : FREE_SHARE);
        char sql[64];

        if (free_pages < FREE_PAGES || free_pages <= most) {
                keeping->is_shrinking = false;
                keeping->removed_in_round = 0;
                keeping->phase = KEEPING_REST;
                return 0;
        }
        keeping->is_shrinking = true;
        snprintf(sql, sizeof(sql), "PRAGMA incremental_vacuum(%zu)", keeping->pages.n);
        return database_run(sqlite, sql, error);
}

int keeping_step(struct keeping *keeping, struct ledger *ledger, nsec_t now, int64_t now_ms,
                 struct error *error) {
        struct pace *pace = NULL;
        int r = 0;

        if (now < keeping->next_at)
                return 0;
        if (keeping->rows.n == 0) {
                keeping->rows = (struct pace){8, 1, 512};
                keeping->merge = (struct pace){16, 4, 256};
                keeping->pages = (struct pace){16, 16, 1024};
        }
        switch (keeping->phase) {
        case KEEPING_REST:
                keeping->phase = KEEPING_ROWS;
                break;
        case KEEPING_ROWS:
                pace = &keeping->rows;
                r = rows_step(keeping, ledger, now_ms, error);
                break;
        case KEEPING_MERGE:
                pace = &keeping->merge;
                r = merge_step(keeping, ledger, error);
                break;
        case KEEPING_PAGES:
                pace = &keeping->pages;
                r = pages_step(keeping, ledger, error);
                break;
        }
        if (pace && keeping->phase != KEEPING_REST)
                pace_adjust(pace, pace_now() - now);
        keeping->next_at = now + (r != 0 || keeping->phase == KEEPING_REST ? LOOK_INTERVAL
                                  : pace                                   ? STEP_INTERVAL
                                                                           : 0);
        return r;
}
