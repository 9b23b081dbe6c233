#pragma once
// Cursor table: where each sink is, in memory. What changed is written with the next commit, or
// after a second at the latest.
//
// Threads: any one at a time: the writer's lock is around it.
// Memory:  plain data of its owner, who calls cursor_table_deinit().

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/row.h"
#include "util/loop.h"

// Zeroed is empty. Names stay where they are until the end.
struct cursor_table {
        struct ledger_cursor *items;
        size_t n, capacity;
        nsec_t due;  // when it is written at the latest (pace_now()); 0: all of it is
};

// NULL: it has none.
const struct row_cursor *cursor_table_find(const struct cursor_table *table, const char *sink);

// True if it is the first that has to be written.
bool cursor_table_set(struct cursor_table *table, const char *sink, struct row_cursor cursor);

// All begin at the beginning of another database.
void cursor_table_restart(struct cursor_table *table, uint64_t epoch);

// These, copies of the first `n`, were written.
void cursor_table_settle(struct cursor_table *table, const struct ledger_cursor *written,
                         size_t n);

void cursor_table_deinit(struct cursor_table *table);
