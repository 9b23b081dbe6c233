#pragma once
// Transcribing: what is told of a file that was brought to be made text
// (transcription/transcriptions.h), with its text.
//
// Threads: loop thread only.

#include <jansson.h>

#include "transcript/transcript_writer.h"
#include "transcription/transcriptions.h"

#define TRANSCRIPTIONS_PATH "/api/v1/transcriptions"

struct exchange;

// What is known of it but for its text; the caller's.
json_t *transcribing_json(const struct transcription *one);

// What is known of it for lists of many: without the two options that may be long texts; the
// caller's.
json_t *transcribing_row(const struct transcription *one);

// Answer who asks for it: its state; with its text once it is done, or the text alone in a
// format other than JSON.
void transcribing_show(struct exchange *exchange, struct transcription *one,
                       enum transcript_format format);

// Answer who has brought it, and whose body is complete: 200 with its text, 202 while there is
// none, or why there never will be.
void transcribing_answer(struct exchange *exchange, struct transcription *transcription,
                         enum transcript_format format);
