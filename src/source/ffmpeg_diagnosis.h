#pragma once
// ffmpeg diagnosis: what ffmpeg's complaints on standard error mean. For source/ only.
//
// Threads: any; a struct ffmpeg_diagnosis belongs to its caller.

#include <stddef.h>

// What went wrong, the most telling first: of several, the lowest wins.
enum ffmpeg_fault {
        FFMPEG_FAULT_CREDENTIALS,  // the far end refuses user name or password
        FFMPEG_FAULT_NOT_FOUND,    // it has no such path
        FFMPEG_FAULT_NO_AUDIO,     // there is no audio track
        FFMPEG_FAULT_INDEX_LAST,   // an MP4 file that cannot be read from a pipe
        FFMPEG_FAULT_NAME,         // the host's name is unknown
        FFMPEG_FAULT_REFUSED,      // nobody listens there
        FFMPEG_FAULT_UNREACHABLE,  // no way to the host
        FFMPEG_FAULT_TIMEOUT,      // no answer in time
        FFMPEG_FAULT_PROTOCOL,     // ffmpeg lacks the protocol or may not use it
        FFMPEG_FAULT_FORMAT,       // ffmpeg may not take it for what it is
        FFMPEG_FAULT_NOT_MEDIA,    // what arrives is no sound that ffmpeg knows
        FFMPEG_FAULT_OTHER,        // in ffmpeg's own words
        FFMPEG_FAULT_NONE,
};

#define FFMPEG_LINE_MAX 240

struct ffmpeg_diagnosis {
        enum ffmpeg_fault fault;
        size_t n_errors;             // lines that were errors, not warnings
        char line[FFMPEG_LINE_MAX];  // the last meaningful one, redacted; "" none
};

void ffmpeg_diagnosis_init(struct ffmpeg_diagnosis *diagnosis);

// Take in one line as ffmpeg printed it (with -loglevel level+...).
void ffmpeg_diagnosis_add(struct ffmpeg_diagnosis *diagnosis, const char *line);

// What to tell people: words without secrets, no full stop. "" when nothing was wrong.
// Valid as long as the diagnosis.
const char *ffmpeg_diagnosis_text(const struct ffmpeg_diagnosis *diagnosis);
