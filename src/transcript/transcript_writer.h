#pragma once
// Transcript writer: finished segments of files as text, JSON lines, SRT or WebVTT.
//
// Threads: main thread.
// Memory:  the writer borrows its stream.

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "transcript/segment.h"
#include "util/cleanup.h"

enum transcript_format {
        TRANSCRIPT_TEXT,  // a line per segment
        TRANSCRIPT_JSON,  // an object per file and line
        TRANSCRIPT_SRT,
        TRANSCRIPT_VTT,
};

// "text", "json", "srt", "vtt"; false if it is none of them.
bool transcript_writer_format(const char *name, enum transcript_format *ret);

struct transcript_writer;

// `names_files`: text lines begin with the file's name, as grep's do with several files.
struct transcript_writer *transcript_writer_new(FILE *stream, enum transcript_format format,
                                                bool names_files);
struct transcript_writer *transcript_writer_free(struct transcript_writer *writer);

// A file begins; its segments in order; it ends. Positions are samples from the file's start;
// `language` may be "" (nothing was said) and is null in JSON then. A file that is broken off
// instead of ended gives no JSON object. Everything written is flushed by the end of each call.
void transcript_writer_begin(struct transcript_writer *writer, const char *file);
void transcript_writer_segment(struct transcript_writer *writer, const struct segment *segment);
void transcript_writer_end(struct transcript_writer *writer, const char *language,
                           int64_t duration);
void transcript_writer_break(struct transcript_writer *writer);

// True when a file without segments is to be seen in what is written.
bool transcript_writer_shows_nothing_said(const struct transcript_writer *writer);

// True once something could not be written: what follows would be in vain.
bool transcript_writer_has_failed(const struct transcript_writer *writer);

DEFINE_CLEANUP(struct transcript_writer *, transcript_writer_free);
