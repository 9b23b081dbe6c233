#pragma once
// Captions: a stream's text as WebVTT, SRT or lines: what was said in a stretch of time, or
// what is said from now on until the client goes.
//
// Threads: loop thread only.
// Memory:  CAPTIONS_WAITING_MAX for each client; who lets more wait is dropped.

#include "api/reading.h"
#include "transcript/transcript_writer.h"

#define CAPTIONS_WAITING_MAX ((size_t)256 * 1024)

// Of the query's `from` and `to`, with 0:00 at `from` (where the first segment starts without
// it); or, with `live=1`, of what comes, with 0:00 at this call.
void captions_answer(struct readings *readings, struct exchange *exchange,
                     const struct reading_place *place, enum transcript_format format,
                     const char *stream);
