#pragma once
// PostgreSQL table: the table that rows go to, as SQL (docs/sinks.md has it). Its columns have
// the names of a row's fields, and the server takes them from the row's own JSON.
//
// Threads: any one at a time.
// Memory:  a table owns its texts.

#include "util/error.h"

struct pg_result;  // libpq's PGresult

#define POSTGRESQL_TABLE_DEFAULT "heard"

struct postgresql_table {
        char *name;    // quoted, with its schema if it was given: an identifier
        char *create;  // statements
        char *create_index;
        char *insert;  // $1: a row's JSON
};

// $1: the table's quoted name. Each of its columns, and whether a row must have a value for it
// that has no default.
extern const char postgresql_table_look[];
#define POSTGRESQL_TABLE_LOOK_FIELDS 2  // of its answer

// Make the texts for "table" or "schema.table", taken as they are written, capitals included
// (NULL: POSTGRESQL_TABLE_DEFAULT). -EINVAL with words when it is no name; then there is
// nothing to deinit.
int postgresql_table_init(struct postgresql_table *ret, const char *name, struct error *error);
void postgresql_table_deinit(struct postgresql_table *table);

// Of the columns that were looked up, an answer with POSTGRESQL_TABLE_LOOK_FIELDS fields: NULL
// when rows can be written to them, else what is wrong, which the caller frees.
char *postgresql_table_compare(const struct postgresql_table *table,
                               const struct pg_result *columns);
