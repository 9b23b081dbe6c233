#include "journal/database.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "journal/tokenizer.h"
#include "util/folder.h"
#include "util/mem.h"

#define EPOCH_BITS 48

// migrations[n] makes a database of version n one of version n + 1. Times are Unix
// milliseconds. Texts come last: what is looked through stands before what may be long.
static const char *const migrations[DATABASE_VERSION] = {
        "CREATE TABLE meta("
        "  key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;"
        // Where each sink is.
        "CREATE TABLE cursors("
        "  sink TEXT PRIMARY KEY, epoch INTEGER NOT NULL, row INTEGER NOT NULL)"
        "  STRICT, WITHOUT ROWID;"
        "CREATE TABLE rows("
        "  row INTEGER PRIMARY KEY AUTOINCREMENT,"
        "  crc INTEGER NOT NULL,"  // row_store.c
        "  kind INTEGER NOT NULL,"
        "  id BLOB NOT NULL,"
        "  stream TEXT,"
        "  start_ms INTEGER NOT NULL,"
        "  end_ms INTEGER NOT NULL,"
        "  session TEXT, dialect TEXT, channel TEXT, principal TEXT,"
        "  generation INTEGER NOT NULL,"
        "  position INTEGER NOT NULL, n_samples INTEGER NOT NULL,"
        "  language TEXT, model TEXT, confidence REAL NOT NULL,"
        "  state TEXT, reason TEXT,"
        "  alert TEXT, found TEXT, phase INTEGER NOT NULL, segment BLOB, firing BLOB,"
        "  text TEXT,"
        "  words BLOB"  // row_words.c
        ") STRICT;"
        "CREATE INDEX rows_by_stream ON rows(stream, start_ms);"
        "CREATE INDEX rows_by_time ON rows(start_ms);"
        // For pages in the order of rows: of one stream, and of what is no segment.
        "CREATE INDEX rows_in_stream ON rows(stream);"
        "CREATE INDEX rows_unspoken ON rows(row) WHERE kind <> 0;"
        // From when to when 1024 rows in a row are: which of them need be read for a stretch
        // of time. Rows that are removed may leave more than there is.
        "CREATE TABLE spans("
        "  span INTEGER PRIMARY KEY, start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL)"
        "  STRICT;"
        "CREATE TRIGGER rows_span AFTER INSERT ON rows BEGIN"
        "  INSERT INTO spans VALUES(new.row >> 10, new.start_ms, new.end_ms)"
        "    ON CONFLICT DO UPDATE SET start_ms = min(start_ms, excluded.start_ms),"
        "      end_ms = max(end_ms, excluded.end_ms);"
        "END;"
        "CREATE VIRTUAL TABLE found USING fts5("
        "  text, content = 'rows', content_rowid = 'row', columnsize = 0,"
        "  tokenize = 'eavesdrop');",
        // For who asks for a row by its id.
        "CREATE INDEX rows_by_id ON rows(id);",
};

// --- small things ----------------------------------------------------------------------------

static int errno_of(int code, int system) {
        // What the disk said is nearer to the matter than what SQLite was about to do.
        if (system == ENOSPC || system == EROFS || system == EDQUOT)
                return -system;
        switch (code) {
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
                return -EACCES;
        default:
                return -EIO;
        }
}

int database_error(sqlite3 *sqlite, const char *doing, struct error *error) {
        int code = sqlite3_extended_errcode(sqlite) & 0xFF, system = 0;

        if (code == SQLITE_IOERR || code == SQLITE_CANTOPEN)
                system = sqlite3_system_errno(sqlite);
        if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB)
                return error_set(error, DATABASE_E_DAMAGED, "%s: %s", doing,
                                 sqlite3_errmsg(sqlite));
        if (system == 0)
                return error_set(error, errno_of(code, 0), "%s: %s", doing,
                                 sqlite3_errmsg(sqlite));
        return error_set(error, errno_of(code, system), "%s: %s (%s)", doing,
                         sqlite3_errmsg(sqlite), strerrordesc_np(system));
}

int database_run(sqlite3 *sqlite, const char *sql, struct error *error) {
        if (sqlite3_exec(sqlite, sql, NULL, NULL, NULL) != SQLITE_OK)
                return database_error(sqlite, "the journal's database", error);
        return 0;
}

int database_prepare(sqlite3_stmt **ret, sqlite3 *sqlite, const char *sql,
                     struct error *error) {
        if (sqlite3_prepare_v3(sqlite, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) !=
            SQLITE_OK)
                return database_error(sqlite, "the journal's database", error);
        return 0;
}

static int number_get(sqlite3 *sqlite, const char *sql, int64_t *ret, struct error *error) {
        CLEANUP(database_finalizep) sqlite3_stmt *statement = NULL;
        int r = database_prepare(&statement, sqlite, sql, error);
        int code;

        if (r != 0)
                return r;
        code = sqlite3_step(statement);
        if (code == SQLITE_ROW)
                *ret = sqlite3_column_int64(statement, 0);
        else if (code != SQLITE_DONE)
                return database_error(sqlite, "the journal's database", error);
        return 0;
}

int64_t database_number(sqlite3 *sqlite, const char *sql, int64_t otherwise) {
        int64_t number = otherwise;

        return number_get(sqlite, sql, &number, NULL) == 0 ? number : otherwise;
}

// --- opening ---------------------------------------------------------------------------------

int database_file_make(const char *path, const char *folder, struct error *error) {
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        int r;

        if (fd < 0 && errno == EEXIST)
                return 0;
        if (fd < 0)
                return error_set(error, -errno, "cannot make %s: %m", path);
        r = fchmod(fd, 0600) < 0 ? -errno : 0;
        close(fd);
        if (r == 0)
                r = folder_sync(folder);
        return r == 0 ? 0
                      : error_set(error, r, "cannot make %s: %s", path, strerrordesc_np(-r));
}

static int epoch_make(sqlite3 *sqlite, struct error *error) {
        CLEANUP(mem_freep) char *sql = NULL;
        uint64_t epoch = 0;

        while (epoch == 0) {
                if (getrandom(&epoch, sizeof(epoch), 0) != sizeof(epoch))
                        return error_set(error, -EIO, "no random numbers: %m");
                epoch >>= 64 - EPOCH_BITS;
        }
        sql = xasprintf("INSERT INTO meta VALUES('epoch', %" PRIu64 ")", epoch);
        return database_run(sqlite, sql, error);
}

static int migrate_from(sqlite3 *sqlite, int64_t version, struct error *error) {
        char pragma[64];
        int r = 0;

        for (int64_t n = version; n < DATABASE_VERSION && r == 0; n++)
                r = database_run(sqlite, migrations[n], error);
        if (r == 0 && version == 0)
                r = epoch_make(sqlite, error);
        snprintf(pragma, sizeof(pragma), "PRAGMA user_version = %d", DATABASE_VERSION);
        return r == 0 ? database_run(sqlite, pragma, error) : r;
}

// All of it or nothing.
static int database_migrate(sqlite3 *sqlite, int64_t version, struct error *error) {
        int r = database_run(sqlite, "BEGIN IMMEDIATE", error);

        if (r != 0)
                return r;
        r = migrate_from(sqlite, version, error);
        if (r == 0)
                r = database_run(sqlite, "COMMIT", error);
        if (r != 0)
                database_run(sqlite, "ROLLBACK", NULL);
        return r;
}

// What holds for every connection, and for those that write. The checkpoints are the writer's
// own (ledger.c): behind a commit, not within it. Whatever is removed is overwritten with
// zeros.
static const char *const pragmas_reading = "PRAGMA cell_size_check = ON;"
                                           "PRAGMA trusted_schema = OFF;"
                                           "PRAGMA temp_store = MEMORY;";
static const char *const pragmas_writing = "PRAGMA auto_vacuum = INCREMENTAL;"
                                           "PRAGMA journal_mode = WAL;"
                                           "PRAGMA synchronous = FULL;"
                                           "PRAGMA wal_autocheckpoint = 0;"
                                           "PRAGMA journal_size_limit = 16777216;"
                                           "PRAGMA secure_delete = ON;"
                                           "PRAGMA cache_size = -8192;";

static int version_check(int64_t version, const char *path, enum database_access access,
                         struct error *error) {
        if (version > DATABASE_VERSION)
                return error_set(error, -EPROTO,
                                 "%s is of version %" PRId64 ", from a newer eavesdrop; this "
                                 "one knows version %d: install the newer one, or name "
                                 "another folder (--state-dir)",
                                 path, version, DATABASE_VERSION);
        if (access == DATABASE_WRITE || version == DATABASE_VERSION)
                return 0;
        if (version == 0)
                return error_set(error, -ENOENT, "there is no journal in %s yet", path);
        return error_set(error, -EPROTO,
                         "%s is of version %" PRId64 ", from an older eavesdrop: start the "
                         "server once, which brings it up to date",
                         path, version);
}

static int meta_read(struct database *database, const char *path, struct error *error) {
        int64_t epoch = 0;
        int r = number_get(database->sqlite, "SELECT value FROM meta WHERE key = 'epoch'",
                           &epoch, error);

        if (r == 0 && epoch == 0)
                return error_set(error, DATABASE_E_DAMAGED, "%s: its epoch is missing", path);
        database->epoch = (uint64_t)epoch;
        return r;
}

static int database_prepare_use(struct database *database, const char *path,
                                enum database_access access, struct error *error) {
        sqlite3 *sqlite = database->sqlite;
        int64_t version = 0;
        int r;

        sqlite3_extended_result_codes(sqlite, 1);
        sqlite3_busy_timeout(sqlite, DATABASE_BUSY_MS);
        r = tokenizer_register(sqlite, error);
        if (r == 0)
                r = database_run(sqlite, pragmas_reading, error);
        if (r == 0)
                r = number_get(sqlite, "PRAGMA user_version", &version, error);
        if (r == 0)
                r = version_check(version, path, access, error);
        if (r == 0 && access == DATABASE_WRITE)
                r = database_run(sqlite, pragmas_writing, error);
        if (r == 0 && version < DATABASE_VERSION)
                r = database_migrate(sqlite, version, error);
        return r == 0 ? meta_read(database, path, error) : r;
}

int database_open(struct database *ret, const char *folder, enum database_access access,
                  struct error *error) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/" DATABASE_FILE, folder);
        struct database database = {0};
        int flags = SQLITE_OPEN_NOMUTEX |
                    (access == DATABASE_WRITE ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY);
        int r = access == DATABASE_WRITE ? database_file_make(path, folder, error) : 0;

        if (r == 0 && access == DATABASE_READ && faccessat(AT_FDCWD, path, F_OK, 0) < 0)
                r = error_set(error, -errno, "there is no journal in %s: %m", folder);
        if (r == 0 && sqlite3_open_v2(path, &database.sqlite, flags, NULL) != SQLITE_OK)
                r = database_error(database.sqlite, path, error);
        if (r == 0)
                r = database_prepare_use(&database, path, access, error);
        if (r != 0)
                database_close(&database);
        *ret = database;
        return r;
}

void database_close(struct database *database) {
        sqlite3_close(database->sqlite);
        *database = (struct database){0};
}
