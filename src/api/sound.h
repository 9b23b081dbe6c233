#pragma once
// Sound: the sound of a segment, or of a stretch of a stream's time, as a file; also a part of
// it, as players ask for.
//
// Threads: loop thread only.

#include "api/reading.h"

// [from, to) of the stream, at most an hour, as the query's `format`: ogg (as without it) or
// wav.
void sound_answer(struct readings *readings, struct exchange *exchange,
                  const struct reading_place *place, const char *stream);

// Of the segment with this id, likewise.
void sound_answer_segment(struct readings *readings, struct exchange *exchange,
                          const struct reading_place *place, const char *id);
