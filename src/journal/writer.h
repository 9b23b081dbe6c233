#pragma once
// Writer: the one thread that writes the journal. Rows that come while a group is on its way to
// the disk are the next group, so that many share one wait for it. Between groups it does what
// else there is: keeping, forgetting, and looking whether the files are still there.
//
// Threads: loop thread, except writer_suspect(), which any thread may call.
// Memory:  items belong to whoever puts them, and come back with the news.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "journal/age_clock.h"
#include "journal/row.h"
#include "util/error.h"
#include "util/loop.h"

struct lag_marks;
struct wake;
struct writer;

#define WRITER_TROUBLE_MAX 256

// A row on its way. Nobody changes the row meanwhile, and both sides may read it.
struct writer_item {
        const struct row *row;
        uint64_t sequence;         // ascending, from 1
        struct row_cursor cursor;  // once it is written
        TAILQ_ENTRY(writer_item) link;
};
TAILQ_HEAD(writer_items, writer_item);

// What is to be forgotten (erasure.h), and what became of it.
struct writer_erasure {
        char *stream;
        int64_t since, until;
        uint64_t sequence;  // of the last row before it
        uint64_t n_rows;
        bool is_done;
        char trouble[WRITER_TROUBLE_MAX];  // "" for none
        TAILQ_ENTRY(writer_erasure) link;
};
TAILQ_HEAD(writer_erasures, writer_erasure);

struct writer_config {
        const char *folder;  // lent
        struct wake *wake;   // woken when there are news
        double keep_age;
        uint64_t keep_bytes;
        struct age_time time;  // what it is
};

struct writer_news {
        struct writer_items written;    // oldest first
        struct writer_erasures erased;  // done, or given up
        struct row_cursor end;          // {0} until a database is open
        struct lag_marks *marks;  // of the rows that were there when it first was; NULL: told
        int64_t marks_end;        // the last of those rows
        bool is_replacement;      // it was begun in place of a damaged one, by this process
        unsigned generation;      // another number once it was opened anew
        int code;                 // of the last attempt: 0, or why not
        char trouble[WRITER_TROUBLE_MAX];
        uint64_t n_removed, n_commits, file_bytes;
        double commit_seconds;
};

// Take the folder's lock, open the database and start the thread; errors as journal_open().
// What can pass (a full disk) is no error: it is in the news, and tried again.
int writer_start(struct writer **ret, const struct writer_config *config, struct error *error);

// Write what waits, for at most so long, and end the thread. False when it does not come back,
// from a disk that does not answer: then nothing that it was given may be freed. What was not
// written is left out of the news.
bool writer_stop(struct writer *writer, nsec_t patience);
void writer_free(struct writer *writer);

// What is new since the last time; lists and marks move to the caller.
void writer_take_news(struct writer *writer, struct writer_news *ret);

void writer_put(struct writer *writer, struct writer_item *item);

// The oldest item that is not being written just now, given up. NULL: there is none.
struct writer_item *writer_give_up(struct writer *writer);

void writer_erase(struct writer *writer, struct writer_erasure *erasure);

// What time it is: by that, rows are too old.
void writer_set_time(struct writer *writer, struct age_time time);

// As journal_cursor(), false when it has none; and journal_cursor_set().
bool writer_cursor(struct writer *writer, const char *sink, struct row_cursor *ret);
void writer_cursor_set(struct writer *writer, const char *sink, struct row_cursor cursor);

// The database is damaged, as somebody found who knew this generation of it.
void writer_suspect(struct writer *writer, unsigned generation, const char *words);
