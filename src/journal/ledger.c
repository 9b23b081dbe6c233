#include "journal/ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "journal/damage.h"
#include "journal/lag_marks.h"
#include "util/array.h"
#include "util/log.h"
#include "util/mem.h"

// About a megabyte: little enough that a checkpoint holds nobody up for long.
#define CHECKPOINT_PAGES   300
#define CHECKPOINT_BUSY_MS 20

// --- opening ---------------------------------------------------------------------------------

static int on_wal(void *context, sqlite3 *sqlite, const char *name, int n_pages) {
        struct ledger *ledger = context;

        (void)sqlite;
        (void)name;
        ledger->wal_pages = n_pages;
        return SQLITE_OK;
}

void ledger_close(struct ledger *ledger) {
        ledger->rows = row_store_free(ledger->rows);
        ledger->cursor = database_finalize(ledger->cursor);
        database_close(&ledger->database);
        memset(ledger->files, 0, sizeof(ledger->files));
        ledger->wal_pages = 0;
}

static int ledger_prepare(struct ledger *ledger, struct error *error) {
        sqlite3 *sqlite = ledger->database.sqlite;
        int r = row_store_new(&ledger->rows, &ledger->database, error);

        if (r == 0)
                r = database_prepare(&ledger->cursor, sqlite,
                                     "INSERT INTO cursors VALUES(?, ?, ?) "
                                     "ON CONFLICT(sink) DO UPDATE SET "
                                     "epoch = excluded.epoch, row = excluded.row",
                                     error);
        if (r != 0)
                return r;
        ledger->last = database_number(
                sqlite, "SELECT seq FROM sqlite_sequence WHERE name = 'rows'", 0);
        ledger->openings++;
        sqlite3_wal_hook(sqlite, on_wal, ledger);
        (void)ledger_is_lost(ledger);
        return 0;
}

static int ledger_try(struct ledger *ledger, struct error *error) {
        int r = database_open(&ledger->database, ledger->folder, DATABASE_WRITE, error);

        if (r == 0)
                r = ledger_prepare(ledger, error);
        if (r != 0)
                ledger_close(ledger);
        return r;
}

int ledger_open(struct ledger *ledger, struct error *error) {
        struct error why = {0};
        int r;

        damage_tidy(ledger->folder);
        r = ledger_try(ledger, &why);
        if (r == DATABASE_E_DAMAGED)
                return ledger_replace(ledger, why.text, error);
        return r == 0 ? 0 : error_set(error, r, "%s", why.text);
}

// --- writing ---------------------------------------------------------------------------------

// What has begun is ended: committed if all went well, else taken back.
static int transaction_end(struct ledger *ledger, int r, struct error *error) {
        if (r == 0)
                r = database_run(ledger->database.sqlite, "COMMIT", error);
        if (r != 0)
                database_run(ledger->database.sqlite, "ROLLBACK", NULL);
        return r;
}

static int cursor_write(struct ledger *ledger, const struct ledger_cursor *cursor,
                        struct error *error) {
        int r = 0;

        sqlite3_bind_text(ledger->cursor, 1, cursor->sink, -1, SQLITE_STATIC);
        sqlite3_bind_int64(ledger->cursor, 2, (int64_t)cursor->cursor.epoch);
        sqlite3_bind_int64(ledger->cursor, 3, cursor->cursor.row);
        if (sqlite3_step(ledger->cursor) != SQLITE_DONE)
                r = database_error(ledger->database.sqlite, "cannot write a cursor", error);
        sqlite3_reset(ledger->cursor);
        return r;
}

int ledger_commit(struct ledger *ledger, const struct ledger_group *group,
                  struct error *error) {
        int r = database_run(ledger->database.sqlite, "BEGIN IMMEDIATE", error);

        if (r != 0)
                return r;
        for (size_t i = 0; i < group->n && r == 0; i++) {
                // The row itself stays as it is: the loop may be showing it.
                struct row row = *group->rows[i];

                r = row_store_insert(ledger->rows, &row, error);
                group->numbers[i] = row.cursor.row;
        }
        for (size_t i = 0; i < group->n_cursors && r == 0; i++)
                if (group->cursors[i].is_dirty)
                        r = cursor_write(ledger, &group->cursors[i], error);
        r = transaction_end(ledger, r, error);
        if (r == 0 && group->n)
                ledger->last = group->numbers[group->n - 1];
        return r;
}

// Numbers of rows: an array that grows.
struct ledger_numbers {
        int64_t *items;
        size_t n, capacity;
};

static int numbers_read(struct ledger *ledger, sqlite3_stmt *select, struct ledger_numbers *ret,
                        struct error *error) {
        int code, r = 0;

        while ((code = sqlite3_step(select)) == SQLITE_ROW) {
                ret->items =
                        array_grow(ret->items, ret->n, &ret->capacity, sizeof(*ret->items));
                ret->items[ret->n++] = sqlite3_column_int64(select, 0);
        }
        if (code != SQLITE_DONE)
                r = database_error(ledger->database.sqlite, "cannot look for rows", error);
        sqlite3_reset(select);
        return r;
}

static int numbers_remove(struct ledger *ledger, const struct ledger_numbers *numbers,
                          bool *ret_wrong, struct error *error) {
        int r = database_run(ledger->database.sqlite, "BEGIN IMMEDIATE", error);

        if (r != 0)
                return r;
        for (size_t i = 0; i < numbers->n && r == 0; i++)
                r = row_store_remove(ledger->rows, numbers->items[i], ret_wrong, error);
        return transaction_end(ledger, r, error);
}

int ledger_remove(struct ledger *ledger, sqlite3_stmt *select, size_t *ret_n, bool *ret_wrong,
                  struct error *error) {
        struct ledger_numbers numbers = {0};
        int r = numbers_read(ledger, select, &numbers, error);

        if (r == 0 && numbers.n)
                r = numbers_remove(ledger, &numbers, ret_wrong, error);
        *ret_n = r == 0 ? numbers.n : 0;
        free(numbers.items);
        return r;
}

int ledger_merge(struct ledger *ledger, bool is_first, size_t n_pages, bool *ret_done,
                 struct error *error) {
        sqlite3 *sqlite = ledger->database.sqlite;
        CLEANUP(mem_freep)
        char *sql = xasprintf("INSERT INTO found(found, rank) VALUES('merge', %s%zu)",
                              is_first ? "-" : "", n_pages);
        int64_t before = sqlite3_total_changes64(sqlite);
        int r = database_run(sqlite, sql, error);

        // One change is the command itself (SQLite's FTS5, "The 'merge' command").
        *ret_done = r == 0 && sqlite3_total_changes64(sqlite) - before < 2;
        return r;
}

bool ledger_checkpoint_is_due(const struct ledger *ledger) {
        return ledger->database.sqlite && ledger->wal_pages >= CHECKPOINT_PAGES;
}

int ledger_checkpoint(struct ledger *ledger, bool is_whole, struct error *error) {
        sqlite3 *sqlite = ledger->database.sqlite;
        int mode = is_whole ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
        int code;

        // Rows may come meanwhile: they do not wait for somebody's long search.
        sqlite3_busy_timeout(sqlite, CHECKPOINT_BUSY_MS);
        code = sqlite3_wal_checkpoint_v2(sqlite, NULL, mode, NULL, NULL);
        sqlite3_busy_timeout(sqlite, DATABASE_BUSY_MS);
        if (code != SQLITE_OK)
                return database_error(sqlite, "cannot move text into the database", error);
        // What a reader still needs is tried again when as much has come.
        ledger->wal_pages = 0;
        return 0;
}

// --- cursors ---------------------------------------------------------------------------------

struct ledger_cursor *ledger_cursors(struct ledger *ledger, size_t *ret_n,
                                     size_t *ret_capacity) {
        CLEANUP(database_finalizep) sqlite3_stmt *statement = NULL;
        struct ledger_cursor *cursors = NULL;

        *ret_n = *ret_capacity = 0;
        if (!ledger->database.sqlite ||
            database_prepare(&statement, ledger->database.sqlite,
                             "SELECT sink, epoch, row FROM cursors", NULL) != 0)
                return NULL;
        while (sqlite3_step(statement) == SQLITE_ROW) {
                cursors = array_grow(cursors, *ret_n, ret_capacity, sizeof(*cursors));
                cursors[(*ret_n)++] = (struct ledger_cursor){
                        .sink = xstrdup((const char *)sqlite3_column_text(statement, 0)),
                        .cursor = {(uint64_t)sqlite3_column_int64(statement, 1),
                                   sqlite3_column_int64(statement, 2)},
                };
        }
        return cursors;
}

// An id begins with the time when it was made (row.h).
static int64_t id_ms(const uint8_t *id, int n) {
        int64_t ms = 0;

        for (int i = 0; i < 6 && i < n; i++)
                ms = ms << 8 | id[i];
        return ms;
}

int64_t ledger_newest(struct ledger *ledger) {
        CLEANUP(database_finalizep) sqlite3_stmt *statement = NULL;

        if (database_prepare(&statement, ledger->database.sqlite,
                             "SELECT id FROM rows ORDER BY row DESC LIMIT 1", NULL) != 0 ||
            sqlite3_step(statement) != SQLITE_ROW)
                return 0;
        return id_ms(sqlite3_column_blob(statement, 0), sqlite3_column_bytes(statement, 0));
}

void ledger_marks(struct ledger *ledger, struct lag_marks *ret) {
        CLEANUP(database_finalizep) sqlite3_stmt *statement = NULL;
        sqlite3 *sqlite = ledger->database.sqlite;
        int64_t row = database_number(sqlite, "SELECT min(row) FROM rows", 0);
        int64_t step = (ledger->last - row) / (LAG_MARKS_MAX / 2) + 1;

        if (database_prepare(&statement, sqlite,
                             "SELECT row, id FROM rows WHERE row >= ? ORDER BY row LIMIT 1",
                             NULL) != 0)
                return;
        for (;; row += step) {
                sqlite3_reset(statement);
                sqlite3_bind_int64(statement, 1, row);
                if (sqlite3_step(statement) != SQLITE_ROW)
                        break;
                row = sqlite3_column_int64(statement, 0);
                lag_marks_add(ret, row,
                              id_ms(sqlite3_column_blob(statement, 1),
                                    sqlite3_column_bytes(statement, 1)));
        }
}

// --- what befalls it -------------------------------------------------------------------------

int ledger_replace(struct ledger *ledger, const char *reason, struct error *error) {
        CLEANUP(mem_freep) char *name = NULL;
        int r;

        // As it is: SQLite would put what lies beside it into it.
        if (ledger->database.sqlite)
                sqlite3_db_config(ledger->database.sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1,
                                  NULL);
        ledger_close(ledger);
        r = damage_set_aside(ledger->folder, &name, error);
        if (r != 0)
                return r;
        ledger->is_replacement = true;
        log_error("journal", "journal-damaged",
                  "the database is damaged (%s): it is kept as %s/%s, and a new one is begun",
                  reason, ledger->folder, name);
        return ledger_try(ledger, error);
}

uint64_t ledger_bytes(const struct ledger *ledger) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/" DATABASE_FILE, ledger->folder);
        struct stat status;

        return stat(path, &status) < 0 ? 0 : (uint64_t)status.st_size;
}

bool ledger_is_lost(struct ledger *ledger) {
        static const char *const endings[LEDGER_FILES] = {"", "-wal", "-shm"};
        bool is_lost = false;

        for (size_t i = 0; i < LEDGER_FILES; i++) {
                CLEANUP(mem_freep)
                char *path = xasprintf("%s/" DATABASE_FILE "%s", ledger->folder, endings[i]);
                struct ledger_file *file = &ledger->files[i];
                struct stat status;
                bool is_there = stat(path, &status) == 0;

                if (!is_there && errno != ENOENT && errno != ENOTDIR)
                        continue;
                if (file->inode == 0 && is_there)
                        *file = (struct ledger_file){status.st_dev, status.st_ino};
                else if (file->inode != 0)
                        is_lost |= !is_there || file->inode != status.st_ino ||
                                   file->device != status.st_dev;
        }
        return is_lost;
}

int ledger_rescue(struct ledger *ledger, struct error *error) {
        int r = damage_copy(ledger->database.sqlite, ledger->folder, error);

        if (r != 0)
                return r;
        ledger_close(ledger);
        log_warning("journal", "journal-moved",
                    "the database was removed from %s while it was in use: all that it had is "
                    "there again",
                    ledger->folder);
        return ledger_try(ledger, error);
}
