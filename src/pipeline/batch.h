#pragma once
// Batch: many files through one engine, told of in their order. While the last windows of one
// file are still decoded, the next files are read already, so that the engine always has a full
// batch; what is held is bounded all the same.
//
// Threads: loop thread only.
// Memory:  what the listener is given is lent during the call.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/file.h"
#include "transcript/segment.h"
#include "util/error.h"
#include "util/loop.h"

struct batch;
struct media_backend;

// A file whose end has come.
struct batch_file {
        const char *path;
        const struct error *error;  // what was wrong with it, with its name; NULL: nothing
        bool is_open;               // it could be opened, and was begun
        bool has_speech;            // there were segments
        const char *language;       // "": unknown
        int64_t duration;           // samples that came of it
};

struct batch_progress {
        const char *path;  // of the file that is told of now
        size_t number;     // of that file, from 1 on
        size_t n_files;
        int64_t position;   // up to where it is transcribed
        int64_t n_samples;  // transcribed, of all files
        nsec_t elapsed;     // since the batch began
};

// What happens to the files, one after the other; the listener's `on_done` is the batch's.
struct batch_listener {
        void (*on_begin)(void *context, const char *path);
        void (*on_segment)(void *context, const struct segment *segment);
        // What people should know of a file; whenever it turns up.
        void (*on_warning)(void *context, const char *path, const char *words);
        void (*on_end)(void *context, const struct batch_file *file);
        void (*on_progress)(void *context, const struct batch_progress *progress);
        // False: nobody will read more, and the batch is done.
        bool (*wants_more)(const void *context);
        void *context;
};

struct batch_parts {
        struct stream_services services;
        struct media_backend *media;  // reads the files
        const char *track;            // which sound track of each (media.h)
        struct file_settings file;    // how each is transcribed
        char *const *files;           // their paths
        size_t n_files;
        struct batch_listener listener;
        // All files were dealt with, or no more are wanted.
        void (*on_done)(void *context, size_t n_failed);
        void *context;
};

// Start. Everything in `parts` outlives it.
struct batch *batch_open(const struct batch_parts *parts);

// Stop where it is: a file that is told of is broken off. NULL is fine. Returns NULL.
struct batch *batch_close(struct batch *batch);
