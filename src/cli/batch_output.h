#pragma once
// Batch output: what `transcribe` writes of its files, and what it tells people meanwhile.
//
// Threads: main thread.

#include "pipeline/batch.h"
#include "transcript/transcript_writer.h"
#include "util/progress.h"

struct batch_output {
        struct transcript_writer *writer;  // lent
        struct progress *progress;         // lent
};

// The listener of a batch that writes into `output`, which outlives it.
struct batch_listener batch_output_listener(struct batch_output *output);
