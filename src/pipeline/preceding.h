#pragma once
// Preceding: what was heard right before the open window of a live stream, sound and text, so
// that a job may bring it along: the last windows, as many as fit, with their sound as its lead
// (decode/job.h), and the text of those before as its prompt.
//
// What is doubtful is not handed on: a window whose text was tried again, given up, refused by
// a filter or missing, or that says just what the one before it said, and all before it, are
// forgotten. So is what lies before a long silence.
//
// Threads: loop thread only.
// Memory:  owns copies of what it keeps: of sound at most PRECEDING_LEAD. Jobs and hypotheses
//          are lent for the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"

#define PRECEDING_WINDOWS_MAX 8

// Samples that a lead has at most. Measured in bench/before.py.
#define PRECEDING_LEAD ((int64_t)8 * AUDIO_RATE)

// One window that was heard.
struct preceding_window {
        int64_t begin, end;     // on the stream's clock
        struct job_lead heard;  // without sound where that is too long, or not wanted
};

// Zeroed brings nothing along.
struct preceding {
        enum decode_context context;
        struct preceding_window windows[PRECEDING_WINDOWS_MAX];  // in order
        size_t n;
        char language[LANGUAGE_CODE_MAX];  // that all of them are in
        int64_t parted_at;                 // preceding_part()
};

void preceding_init(struct preceding *preceding, enum decode_context context);
void preceding_deinit(struct preceding *preceding);

// Nothing was heard: what follows has nothing to do with it.
void preceding_clear(struct preceding *preceding);

// What was said up to that position, answered or not, has nothing to do with what follows: a
// connection was lost, or for a long time no sound came.
void preceding_part(struct preceding *preceding, int64_t position);

// The answer to a final job, which the windows after it may bring along.
void preceding_hear(struct preceding *preceding, const struct job *job,
                    const struct hypothesis *hypothesis);

// Give the job what was heard, if that ends a moment before it and is in its language.
void preceding_tell(struct preceding *preceding, struct job *job);
