#pragma once
// Query: which rows of the journal somebody wants, and the page of them that is the answer.
//
// Threads: any one at a time; plain data.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "journal/row.h"

#define QUERY_PAGE_MAX 1000  // rows of one page: one transaction of a reader

// Rows that pass every condition. Zeroed asks for all of them.
struct query {
        uint8_t id[ROW_ID_BYTES];  // with this id; zeros: any
        unsigned kinds;            // bits 1 << ROW_...; 0: all
        // Of these streams (names, or globs as fnmatch(3) has them), NULL at the end; NULL:
        // all. Rows of no one stream are always among them.
        char **streams;
        char **readable;           // and only of these, likewise: what a principal may read
        char **languages;          // of these languages, and rows without one; NULL: all
        bool is_without_sessions;  // pulled streams only
        // Unix ms; 0: open. They end at `since` or later and start before `until`.
        int64_t since, until;
        // What to search for in their text, as people write it: words "a phrase" -not.
        // NULL: any text.
        char *words;
        // Rows behind this one (before it when newest first); zeroed: from the end that the
        // order begins at. Of another epoch: as zeroed, and the page says so.
        struct row_cursor after;
        bool is_newest_first;
        size_t limit;    // rows of a page; 0: QUERY_PAGE_MAX, which is also the most
        bool has_marks;  // found words are marked in query_page.marked
};

struct query_page {
        struct row *rows;
        size_t n;
        char **marked;  // of each row, where asked for: its text with what was found between
                        // the characters U+0001 and U+0002
        // `after` for the page that follows. Behind all that was looked at, whether it passed
        // or not: a reader of few rows need not look through the others again.
        struct row_cursor next;
        bool is_end;          // there is nothing behind it now
        bool is_other_epoch;  // `after` was of another epoch and had no effect
        // What is wrong with the query ("words", and at which byte of them), or with the
        // journal; "" when all is well. No rows then.
        char error[256];
        bool is_query_wrong;  // the error is the caller's
        bool is_damaged;      // the error is DATABASE_E_DAMAGED: the journal sets it aside
};

// Copy deeply; free what it holds and zero it.
struct query query_copy(const struct query *query);
void query_deinit(struct query *query);

void query_page_deinit(struct query_page *page);
