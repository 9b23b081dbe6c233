#pragma once
// Cells: what a server tells, as a table on a terminal. Names and reasons are strangers' texts:
// they are made fit for a line, and columns are as wide as they show.
//
// Threads: main thread.

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

// Columns of a table.
#define CELLS_MAX 6

struct cells {
        char *(*rows)[CELLS_MAX];
        size_t n, n_columns;
};

// Zeroed, but for n_columns, is empty.
void cells_deinit(struct cells *cells);

// Begin a row; then give it its cells, each taken. A row's missing ones are empty.
void cells_row(struct cells *cells);
void cells_put(struct cells *cells, size_t column, char *text);

// Print it: each line begins with `indent` blanks, and has none at its end.
void cells_print(const struct cells *cells, int indent);

// A text of an answer, fit for a line; "" where there is none. The caller frees it.
char *cells_text(const json_t *json, const char *key);

// "3 d 4 h", "12 min", "45 s"; the caller frees it.
char *cells_duration(double seconds);

// How long before `now` (Unix ms) the answer's time was, as cells_duration(); the caller frees
// it.
char *cells_age(const json_t *json, const char *key, int64_t now);

// The whole answer, as JSON for programs.
void cells_json_print(const json_t *json);
