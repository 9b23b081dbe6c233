#pragma once
// Reader: a connection to the journal's database that can only read. The server has some on
// threads of their own; the verbs search, export and tail have one, beside a running server or
// without one.
//
// Threads: one at a time for each reader.
// Memory:  pages belong to the caller.

#include "journal/query.h"
#include "util/cleanup.h"
#include "util/error.h"

struct reader;

// Of the database in that state folder. -ENOENT with words when there is none, -EPROTO when it
// is of another version.
int reader_open(struct reader **ret, const char *folder, struct error *error);

// NULL is fine. Returns NULL.
struct reader *reader_close(struct reader *reader);

// Answer the query, in one transaction of its own. What is wrong is in the page.
// query_page_deinit() it.
void reader_read(struct reader *reader, const struct query *query, struct query_page *ret);

// Rows whose checksum was wrong; they were left out.
uint64_t reader_damaged(const struct reader *reader);

DEFINE_CLEANUP(struct reader *, reader_close);
