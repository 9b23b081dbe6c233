#pragma once
// ffmpeg diagnosis: what ffmpeg's complaints on standard error mean. For source/ only.
//
// Threads: any; a struct ffmpeg_diagnosis belongs to its caller.

#include <stddef.h>

#include "source/media_fault.h"

#define FFMPEG_LINE_MAX 240

struct ffmpeg_diagnosis {
        enum media_fault fault;
        size_t sign;                 // that told of it; the lowest is the most telling
        size_t n_errors;             // lines that were errors, not warnings
        char line[FFMPEG_LINE_MAX];  // the last meaningful one, redacted; "" none
};

void ffmpeg_diagnosis_init(struct ffmpeg_diagnosis *diagnosis);

// Take in one line as ffmpeg printed it (with -loglevel level+...).
void ffmpeg_diagnosis_add(struct ffmpeg_diagnosis *diagnosis, const char *line);

// What to tell people: words without secrets, no full stop. "" when nothing was wrong.
// Valid as long as the diagnosis.
const char *ffmpeg_diagnosis_text(const struct ffmpeg_diagnosis *diagnosis);
