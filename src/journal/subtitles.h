#pragma once
// Subtitles: rows of one stream as text, SRT or WebVTT, in the order in which they come.
//
// Threads: any one at a time.
// Memory:  the stream that is written to is lent.

#include <stdint.h>
#include <stdio.h>

#include "journal/row.h"
#include "transcript/transcript_writer.h"
#include "util/cleanup.h"

struct subtitles;

// Begin: what a file of the format (not JSON) begins with is written. `zero` is the wall clock
// (Unix ms) at 0:00; 0: where the first row starts.
struct subtitles *subtitles_new(FILE *stream, enum transcript_format format, int64_t zero);

// NULL is fine. Returns NULL.
struct subtitles *subtitles_free(struct subtitles *subtitles);

// Write a segment, cut into what can be read at once; rows that are none are left out. What
// began before 0:00 is cut off there.
void subtitles_add(struct subtitles *subtitles, const struct row *row);

DEFINE_CLEANUP(struct subtitles *, subtitles_free);
