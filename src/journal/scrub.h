#pragma once
// Scrub: zeros where SQLite has left old bytes. With secure_delete it overwrites what is
// deleted, but not what it only moved: when it spreads the cells of a page over others, the
// room between a page's list of cells and its cells keeps what was there. Nothing reads that
// room, so that it can be overwritten at any time.
//
// Threads: the writer's.
// Memory:  plain data of its owner, who calls scrub_deinit().

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

// Zeroed is none.
struct scrub {
        int64_t next, end;  // pages still to do
        int page_size;
        int64_t n_changed;
        // Pages that were committed since the beginning.
        uint32_t *pages;
        size_t n_pages, capacity;
};

// Begin with the first page; zeroed, or again. Everything committed is in the database's own
// file, and the connection has just been opened, so that it has no page in memory.
void scrub_begin(struct scrub *scrub, sqlite3 *sqlite);

// Do `n` pages. *ret_done: it was the last. What is committed meanwhile is for scrub_rest().
int scrub_step(struct scrub *scrub, sqlite3 *sqlite, size_t n, bool *ret_done,
               struct error *error);

// Note the pages that were committed since, which are in the file beside the database; before
// each checkpoint, which may let others take their place there.
void scrub_note(struct scrub *scrub, const char *folder);

// Do the pages that were noted, after a checkpoint of all of it and a new opening.
int scrub_rest(struct scrub *scrub, sqlite3 *sqlite, struct error *error);

void scrub_deinit(struct scrub *scrub);
