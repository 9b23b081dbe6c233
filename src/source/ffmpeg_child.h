#pragma once
// ffmpeg child: one run of ffmpeg, its bytes turned into samples, its complaints and its end
// into a verdict. For source/ only.
//
// Threads: loop thread only.
// Memory:  ffmpeg_child_close() may be called from within the listener's calls.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "source/ffmpeg_command.h"
#include "source/ffmpeg_diagnosis.h"
#include "util/process.h"

struct ffmpeg_child;

// How a run ended.
struct ffmpeg_end {
        const struct ffmpeg_diagnosis *diagnosis;
        struct process_exit exit;
        uint64_t n_samples;  // delivered
};

struct ffmpeg_child_listener {
        void (*on_samples)(void *context, const float *samples, size_t n);
        void (*on_end)(void *context, const struct ffmpeg_end *end);  // once, last
        void (*on_drain)(void *context);                              // may be NULL
        void *context;
};

// Run the command. With a script, standard input gets it and ends; `has_stdin` leaves it open
// for process_write(). Negative errno and words in *error if ffmpeg cannot be run.
int ffmpeg_child_open(struct ffmpeg_child **ret, struct loop *loop,
                      const struct ffmpeg_command *command, bool has_stdin,
                      const struct ffmpeg_child_listener *listener, struct error *error);

// Its process, for pause, input and stop; never to be closed by the caller.
struct process *ffmpeg_child_process(struct ffmpeg_child *child);

struct ffmpeg_child *ffmpeg_child_close(struct ffmpeg_child *child);

DEFINE_CLEANUP(struct ffmpeg_child *, ffmpeg_child_close);
