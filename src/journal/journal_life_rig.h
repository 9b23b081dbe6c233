#pragma once
// A journal's life in tests: a real loop, a real database in a folder of its own, who hears of
// its rows, and a disk that can refuse: the calls by which SQLite reaches it pass through here.

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "journal/journal.h"

extern atomic_uint life_n_syncs;   // waits for the disk so far
extern atomic_int life_refusal;    // errno of every write of SQLite's; 0: none
extern atomic_bool life_hangs;     // reads and writes of SQLite's do not come back
extern atomic_int life_n_hanging;  // so many of them

#define LIFE_HEARD_MAX 4096

struct heard {
        struct row *row;  // a copy
        unsigned syncs;   // so many had been before it
};

struct life {
        struct loop *loop;
        char *folder;
        struct journal_config config;
        struct journal *journal;
        struct loop_timer *patience, *look;
        bool (*is_there)(struct life *life);
        struct journal_watcher watcher;
        struct heard shown[LIFE_HEARD_MAX], watched[LIFE_HEARD_MAX], durable[LIFE_HEARD_MAX];
        size_t n_shown, n_watched, n_durable, n_expected;
        bool is_forgotten;
        uint64_t n_forgotten;
        char trouble[256];
        struct query_page page;
        bool has_page;
};

// For cmocka: a journal that is open.
int life_setup(void **state);
int life_teardown(void **state);

// Open it, and close it.
void life_begin(struct life *life);
void life_end(struct life *life);

// Let the loop run until it is so.
void life_run_until(struct life *life, bool (*is_there)(struct life *life));
bool life_all_are_shown(struct life *life);
bool life_all_are_durable(struct life *life);
bool life_nothing_waits(struct life *life);
bool life_has_trouble(struct life *life);

// Append a segment, or many that say "number N of many", of which on_shown adds to `shown`.
void life_append(struct life *life, const char *stream, const char *text, int64_t start);
void life_append_many(struct life *life, size_t n);

// Forget and wait until it is done.
void life_forget(struct life *life, const char *stream, int64_t since, int64_t until);

// A page of what has these words, or of what is asked for; lent until the next.
const struct query_page *life_read(struct life *life, const char *words);
const struct query_page *life_query(struct life *life, const struct query *query);

// Add a copy, or free all.
void life_heard_add(struct heard *heard, size_t *n, const struct row *row);
void life_heard_drop(struct heard *heard, size_t *n);

// The database's path with this behind it; the caller frees it. And: change bytes of that file.
char *life_path(const struct life *life, const char *ending);
void life_damage(const struct life *life, off_t at, size_t n);
