#pragma once
// Segment row: a stream's text and states in the shape that the journal has for them, for the
// journal and for those who are told at once. Rows have no ids, and do not say whose session it
// is.
//
// Threads: loop thread only.
// Memory:  the caller owns the rows.

#include <stddef.h>

#include "journal/row.h"
#include "transcript/observer.h"
#include "transcript/segment.h"

// A final segment, with its words.
struct row *segment_row_final(const struct stream_facts *facts, const struct segment *segment,
                              const char *language);

// As much of a tail's text as `n_bytes`.
struct row *segment_row_tail(const struct stream_facts *facts, const struct segment *tail,
                             size_t n_bytes, const char *language);

// An update's tail for those who are told at once: its row as JSON, with the text that is
// stable (journal/row_json.h). The caller frees it.
char *segment_row_tail_json(const struct stream_facts *facts, const struct update *update);

// The source's state, which it is in since `wall`.
struct row *segment_row_status(const struct stream_facts *facts,
                               const struct stream_notice *notice, nsec_t wall);
