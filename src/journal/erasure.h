#pragma once
// Erasure: what was said is to be forgotten, so that nothing of it is in any of the database's
// files: rows, then the index, then what lies beside the database, then what SQLite left where
// it moved things. In steps, between which rows are committed.
//
// Threads: the writer's.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"

struct erasure;
struct ledger;

// Of segments and alerts in [since, until) (Unix ms; 0: open) in that stream (NULL: all) that
// the ledger has now. Rows that overlap it go whole.
struct erasure *erasure_new(const struct ledger *ledger, const char *stream, int64_t since,
                            int64_t until);

// NULL is fine. Returns NULL.
struct erasure *erasure_free(struct erasure *erasure);

// Do a step. *ret_done: all is gone from the database, which is said with an error, too, if it
// may be elsewhere. Other errors, negative or DATABASE_E_DAMAGED, end it, but for -EINPROGRESS,
// which says that somebody reads what is to go: to be tried again a little later.
int erasure_step(struct erasure *erasure, struct ledger *ledger, bool *ret_done,
                 struct error *error);

// Whether nobody may run a checkpoint but the steps themselves.
bool erasure_keeps_wal(const struct erasure *erasure);

// Rows removed so far.
uint64_t erasure_count(const struct erasure *erasure);

DEFINE_CLEANUP(struct erasure *, erasure_free);
