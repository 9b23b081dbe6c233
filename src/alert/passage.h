#pragma once
// Passage: a place in what was said on a stream, which may lie across segments, and what an
// alert's row tells of it.
//
// Threads: any one at a time.

#include <stddef.h>
#include <stdint.h>

#include "journal/row.h"

// A segment (or a tail), and where its text begins when all of a stream's bytes are counted.
struct passage_piece {
        const struct row *row;
        int64_t base;
        size_t *words;  // where in the text each of the row's words is; NULL: not known
};

// One of that row, lent; and free what it holds.
struct passage_piece passage_piece_of(const struct row *row, int64_t base);
void passage_piece_deinit(struct passage_piece *piece);

struct passage {
        const struct passage_piece *pieces;  // that it lies in, at least one
        size_t n_pieces;
        int64_t begin, end;  // bytes, counted as the pieces' bases
};

// What was said there, as it was written. The caller frees it.
char *passage_found(const struct passage *passage);

// When it was said, in samples on the stream's clock: by its words, or, where they have no
// times, guessed from its place in the text.
void passage_span(const struct passage *passage, int64_t *ret_begin, int64_t *ret_end);

// The wall clock at that position, in Unix milliseconds.
int64_t passage_wall(const struct passage *passage, int64_t position);

// A row of kind ROW_ALERT without an alert's name and phase: the text of all its pieces, what
// was found, its words and when they were said; where the words have no times, the pieces' time
// is the row's. The caller frees it.
struct row *passage_row(const struct passage *passage);
