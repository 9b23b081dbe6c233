#pragma once
// Posting: a request that brings a file to be made text, from its head to its answer. The body
// is the file, or multipart/form-data with the file in the field "file".
//
// Threads: loop thread only.

#include "pipeline/hub.h"
#include "transcription/transcriptions.h"

struct exchange;

// Seconds that the answer waits for the text, where `?wait=` does not say; and most.
#define POSTING_WAIT      30
#define POSTING_WAIT_MOST 120

// Answer a request to POST. Parameters are those of a wish (transcription_wish.h), `wait` and
// `format`, in the query or as fields of the form.
void posting_answer(struct exchange *exchange, struct hub *hub,
                    struct transcriptions *transcriptions);
