#pragma once
// Database: the journal's file in the state folder, and connections to it. Its schema is in
// database.c; row_store.h writes and reads its rows.
//
// Threads: any; a connection belongs to one thread at a time.
// Memory:  connections belong to whoever opened them.

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"

#define DATABASE_FILE    "journal.db"
#define DATABASE_VERSION 2  // of the schema: PRAGMA user_version

// How long a connection waits for the lock of another one.
#define DATABASE_BUSY_MS 5000

// An outcome of all functions here that return int: the file is not what SQLite wrote. There
// are words, too.
#define DATABASE_E_DAMAGED 1

enum database_access { DATABASE_READ, DATABASE_WRITE };

struct database {
        sqlite3 *sqlite;
        uint64_t epoch;
};

// Open the database in that folder. With DATABASE_WRITE it is made (0600, whatever the umask)
// if it is absent, and an older schema is brought up to date; a connection that reads can do
// nothing else. Both know the tokenizer. -ENOENT: there is none to read. -EPROTO: of another
// version, which the words name. A database that is new to SQLite needs its folder synced once,
// which is done.
int database_open(struct database *ret, const char *folder, enum database_access access,
                  struct error *error);

// Make a database's file in that folder (0600, whatever the umask) if it is absent: what SQLite
// puts beside it gets the same mode. Its entry is on disk then.
int database_file_make(const char *path, const char *folder, struct error *error);

// Close and zero it. All statements are finalized before. Zeroed is fine.
void database_close(struct database *database);

// Run statements that give no rows, or whose rows do not matter.
int database_run(sqlite3 *sqlite, const char *sql, struct error *error);

// Prepare a statement that is kept for long. sqlite3_finalize() it.
int database_prepare(sqlite3_stmt **ret, sqlite3 *sqlite, const char *sql, struct error *error);

// What the connection's last call failed of: fill *error with "DOING: why", and return
// DATABASE_E_DAMAGED or a negative errno.
int database_error(sqlite3 *sqlite, const char *doing, struct error *error);

// A single number that the statement (a SELECT or a PRAGMA) gives; `otherwise` if it gives
// none.
int64_t database_number(sqlite3 *sqlite, const char *sql, int64_t otherwise);

static inline sqlite3_stmt *database_finalize(sqlite3_stmt *statement) {
        sqlite3_finalize(statement);
        return NULL;
}

DEFINE_CLEANUP(sqlite3_stmt *, database_finalize);
