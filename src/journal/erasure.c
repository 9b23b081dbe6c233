#include "journal/erasure.h"

#include <errno.h>
#include <stdlib.h>

#include "journal/damage.h"
#include "journal/ledger.h"
#include "journal/pace.h"
#include "journal/scrub.h"
#include "util/mem.h"

// No row is longer: a window has half a minute at most. Looked for by their beginning, in the
// index that orders them by it.
#define ROW_LONGEST_MS (10 * 60 * 1000)

enum erasure_phase {
        ERASURE_ROWS,
        ERASURE_REBUILD,  // the index, since it could not be told of all words
        ERASURE_MERGE_FIRST,
        ERASURE_MERGE,
        ERASURE_EMPTY,       // the file beside the database
        ERASURE_SCRUB,       // every page
        ERASURE_SCRUB_REST,  // pages that were written meanwhile
        ERASURE_DONE,
};

struct erasure {
        char *stream;
        int64_t since, until, last;
        enum erasure_phase phase;
        struct pace rows, merge, pages;
        bool is_index_wrong;
        uint64_t n;
        struct scrub scrub;
        unsigned openings;  // of the ledger when the scrub began
};

struct erasure *erasure_new(const struct ledger *ledger, const char *stream, int64_t since,
                            int64_t until) {
        struct erasure *erasure = xnew(struct erasure);

        erasure->stream = xstrdup(stream);
        erasure->since = since;
        erasure->until = until ? until : INT64_MAX;
        erasure->last = ledger->last;
        erasure->rows = (struct pace){8, 1, 512};
        erasure->merge = (struct pace){16, 4, 256};
        erasure->pages = (struct pace){64, 16, 16384};
        return erasure;
}

struct erasure *erasure_free(struct erasure *erasure) {
        if (!erasure)
                return NULL;
        scrub_deinit(&erasure->scrub);
        free(erasure->stream);
        return mem_free(erasure);
}

uint64_t erasure_count(const struct erasure *erasure) {
        return erasure->n;
}

bool erasure_keeps_wal(const struct erasure *erasure) {
        return erasure->phase > ERASURE_EMPTY;
}

// --- the steps -------------------------------------------------------------------------------

static int rows_step(struct erasure *erasure, struct ledger *ledger, struct error *error) {
        CLEANUP(database_finalizep) sqlite3_stmt *select = NULL;
        int64_t earliest =
                erasure->since > ROW_LONGEST_MS ? erasure->since - ROW_LONGEST_MS : INT64_MIN;
        size_t n = 0;
        int r = database_prepare(&select, ledger->database.sqlite,
                                 erasure->stream
                                         ? "SELECT row FROM rows WHERE stream = ?6 AND "
                                           "start_ms >= ?1 AND start_ms < ?2 AND row <= ?3 AND "
                                           "kind IN (0, 1) AND (end_ms > ?4 OR start_ms >= ?4) "
                                           "LIMIT ?5"
                                         : "SELECT row FROM rows WHERE "
                                           "start_ms >= ?1 AND start_ms < ?2 AND row <= ?3 AND "
                                           "kind IN (0, 1) AND (end_ms > ?4 OR start_ms >= ?4) "
                                           "LIMIT ?5",
                                 error);

        _Static_assert(ROW_SEGMENT == 0 && ROW_ALERT == 1, "the kinds that have what was said");
        if (r != 0)
                return r;
        sqlite3_bind_int64(select, 1, earliest);
        sqlite3_bind_int64(select, 2, erasure->until);
        sqlite3_bind_int64(select, 3, erasure->last);
        sqlite3_bind_int64(select, 4, erasure->since);
        sqlite3_bind_int64(select, 5, (int64_t)erasure->rows.n);
        if (erasure->stream)
                sqlite3_bind_text(select, 6, erasure->stream, -1, SQLITE_STATIC);
        r = ledger_remove(ledger, select, &n, &erasure->is_index_wrong, error);
        erasure->n += r == 0 ? n : 0;
        if (r == 0 && n == 0)
                erasure->phase =
                        erasure->is_index_wrong ? ERASURE_REBUILD : ERASURE_MERGE_FIRST;
        return r;
}

static int merge_step(struct erasure *erasure, struct ledger *ledger, struct error *error) {
        bool is_first = erasure->phase == ERASURE_MERGE_FIRST, is_done = false;
        int r = ledger_merge(ledger, is_first, erasure->merge.n, &is_done, error);

        if (r == 0)
                erasure->phase = is_done ? ERASURE_EMPTY : ERASURE_MERGE;
        return r;
}

// Put all that is committed into the database's own file, and begin with no page in memory.
static int file_settle(struct ledger *ledger, struct error *error) {
        int r = ledger_checkpoint(ledger, true, error);

        if (r == -EBUSY)
                return error_set(error, -EINPROGRESS, "somebody reads the journal");
        if (r != 0)
                return r;
        ledger_close(ledger);
        return ledger_open(ledger, error);
}

static int empty_step(struct erasure *erasure, struct ledger *ledger, struct error *error) {
        int r = file_settle(ledger, error);

        if (r != 0)
                return r;
        scrub_begin(&erasure->scrub, ledger->database.sqlite);
        erasure->openings = ledger->openings;
        erasure->phase = ERASURE_SCRUB;
        return 0;
}

static int scrub_all_step(struct erasure *erasure, struct ledger *ledger, struct error *error) {
        bool is_done = false;
        int r = scrub_step(&erasure->scrub, ledger->database.sqlite, erasure->pages.n, &is_done,
                           error);

        if (r == 0 && is_done)
                erasure->phase = ERASURE_SCRUB_REST;
        return r;
}

static int scrub_rest_step(struct erasure *erasure, struct ledger *ledger,
                           struct error *error) {
        int r;

        scrub_note(&erasure->scrub, ledger->folder);
        r = file_settle(ledger, error);
        if (r == 0)
                r = scrub_rest(&erasure->scrub, ledger->database.sqlite, error);
        if (r == 0)
                erasure->phase = ERASURE_DONE;
        return r;
}

// A database that was set aside may have it, too, and cannot be trusted to tell.
static int aside_check(const struct ledger *ledger, struct error *error) {
        CLEANUP(mem_freep) char *name = NULL;
        size_t n = damage_count(ledger->folder, &name);

        if (n == 0)
                return 0;
        return error_set(error, -EUCLEAN,
                         "it is gone from the journal, but may be in %zu damaged database%s "
                         "that %s set aside: remove %s/%s* by hand",
                         n, n == 1 ? "" : "s", n == 1 ? "was" : "were", ledger->folder,
                         n == 1 ? name : DATABASE_FILE ".damaged-");
}

int erasure_step(struct erasure *erasure, struct ledger *ledger, bool *ret_done,
                 struct error *error) {
        nsec_t began = pace_now();
        struct pace *pace = NULL;
        int r = 0;

        // The ledger was opened by another than this one: pages may be in memory again, or be
        // others altogether.
        if (erasure->phase > ERASURE_EMPTY && erasure->openings != ledger->openings)
                erasure->phase = ERASURE_ROWS;
        switch (erasure->phase) {
        case ERASURE_ROWS:
                pace = &erasure->rows;
                r = rows_step(erasure, ledger, error);
                break;
        case ERASURE_REBUILD:
                r = database_run(ledger->database.sqlite,
                                 "INSERT INTO found(found) VALUES('rebuild')", error);
                erasure->phase = r == 0 ? ERASURE_MERGE_FIRST : ERASURE_REBUILD;
                break;
        case ERASURE_MERGE_FIRST:
        case ERASURE_MERGE:
                pace = &erasure->merge;
                r = merge_step(erasure, ledger, error);
                break;
        case ERASURE_EMPTY:
                r = empty_step(erasure, ledger, error);
                break;
        case ERASURE_SCRUB:
                pace = &erasure->pages;
                r = scrub_all_step(erasure, ledger, error);
                break;
        case ERASURE_SCRUB_REST:
                r = scrub_rest_step(erasure, ledger, error);
                break;
        case ERASURE_DONE:
                break;
        }
        if (pace)
                pace_adjust(pace, pace_now() - began);
        *ret_done = r == 0 && erasure->phase == ERASURE_DONE;
        return *ret_done ? aside_check(ledger, error) : r;
}
