#pragma once
// Row store: rows in the database. A row is a row of the table `rows`, whose text is also in
// the index `found`; a checksum over all of it tells whether it is read as it was written.
//
// Threads: those of the connection.

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal/row.h"
#include "util/cleanup.h"
#include "util/error.h"

struct database;
struct row_store;

// What row_store_read() expects to be selected first, from `rows`.
#define ROW_STORE_COLUMNS                                                                   \
        "rows.row, rows.crc, rows.kind, rows.id, rows.stream, rows.start_ms, rows.end_ms, " \
        "rows.session, rows.dialect, rows.channel, rows.principal, rows.generation, "       \
        "rows.position, rows.n_samples, rows.language, rows.model, rows.confidence, "       \
        "rows.state, rows.reason, rows.alert, rows.found, rows.phase, rows.segment, "       \
        "rows.firing, rows.text, rows.words"
#define ROW_STORE_N_COLUMNS 26

// The row that the statement stands on, as the callee's own; *ret needs no row_deinit() when it
// is false: the row is not as it was written.
bool row_store_read(sqlite3_stmt *statement, uint64_t epoch, struct row *ret);

// For a connection that writes, which outlives it. Zero, negative errno or DATABASE_E_DAMAGED.
int row_store_new(struct row_store **ret, const struct database *database, struct error *error);

// NULL is fine. Returns NULL.
struct row_store *row_store_free(struct row_store *store);

// Write a row, within a transaction, and give it its cursor: the next number, which was never
// given to a row that is written.
int row_store_insert(struct row_store *store, struct row *row, struct error *error);

// Remove the row with that number and its words in the index, within a transaction. *ret_wrong
// becomes true if the index could not be told which words they are, since the row was damaged.
int row_store_remove(struct row_store *store, int64_t number, bool *ret_wrong,
                     struct error *error);

DEFINE_CLEANUP(struct row_store *, row_store_free);
