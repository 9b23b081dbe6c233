#pragma once
// Batch: many files through one engine, written in their order. While the last windows
// of one file are still decoded, the next files are read already, so that the engine always has
// a full batch; what is held is bounded all the same.
//
// Threads: loop thread only.

#include <stddef.h>

#include "cli/transcript_format.h"
#include "pipeline/file.h"
#include "util/progress.h"

struct batch;

struct batch_parts {
        struct stream_services services;
        struct file_settings file;  // how each is transcribed
        char *const *files;
        size_t n_files;
        struct transcript_writer *writer;
        struct progress *progress;
        // Every file was dealt with, or the text cannot be written any more. The failed ones
        // were told on standard error.
        void (*on_done)(void *context, size_t n_failed);
        void *context;
};

// Start. Everything in `parts` outlives it.
struct batch *batch_open(const struct batch_parts *parts);

// Stop where it is: a file that is being written is broken off. NULL is fine. Returns NULL.
struct batch *batch_close(struct batch *batch);
