#pragma once
// Rows: what is kept, as pages of the journal's rows: history, what a search finds, alerts that
// fired; and a row by its id.
//
// Threads: loop thread only.

#include <stdbool.h>
#include <stdint.h>

#include "api/reading.h"

#define ROWS_NO_SEGMENT "there is no segment with this id"

enum rows_of {
        ROWS_HISTORY,  // whatever `kind` says, else segments; oldest first unless `order` says
                       // so
        ROWS_FOUND,    // segments with the words of `q`, newest first, likewise
        ROWS_ALERTS,   // alerts, newest first, likewise
};

// Answer with a page: {"rows": [...], "next": cursor or null, "is_end", "is_other_epoch"}.
// `stream` is the path's; NULL: the query may name one, or a glob, as `stream`.
void rows_answer(struct readings *readings, struct exchange *exchange,
                 const struct reading_place *place, enum rows_of which, const char *stream);

// Answer with the segment that has this id, or 404.
void rows_answer_one(struct readings *readings, struct exchange *exchange,
                     const struct reading_place *place, const char *id);

// The id of a segment as a path has it. False: it is none, and answered with 404.
bool rows_id_read(struct exchange *exchange, const char *text, uint8_t ret[ROW_ID_BYTES]);
