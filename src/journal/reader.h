#pragma once
// Reader: a connection to the journal's database that can only read. The server has some on
// threads of their own; the verbs search, export and tail have one, beside a running server or
// without one.
//
// Threads: one at a time for each reader.
// Memory:  pages belong to the caller.

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "journal/query.h"
#include "util/cleanup.h"
#include "util/error.h"

struct reader;

// Of the database in that state folder. -ENOENT with words when there is none, -EPROTO when it
// is of another version; 1 (DATABASE_E_DAMAGED), with words, too, when it is damaged.
int reader_open(struct reader **ret, const char *folder, struct error *error);

// NULL is fine. Returns NULL.
struct reader *reader_close(struct reader *reader);

// What it reads is given up, with words in the page, once this is set, which is lent for good.
void reader_stop_on(struct reader *reader, const atomic_bool *is_stopping);

// Answer the query, in one transaction of its own. What is wrong is in the page.
// query_page_deinit() it.
void reader_read(struct reader *reader, const struct query *query, struct query_page *ret);

// Whether the file that is open is still the one in the folder: a journal that was damaged or
// deleted is begun anew, or copied.
bool reader_is_current(const struct reader *reader);

// A number that changes when somebody wrote to the database: cheaper than a page.
int64_t reader_version(const struct reader *reader);

// Rows whose checksum was wrong; they were left out.
uint64_t reader_damaged(const struct reader *reader);

DEFINE_CLEANUP(struct reader *, reader_close);
