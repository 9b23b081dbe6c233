#pragma once
// Pipe reader: what comes through a pipe, handed on in turn with other such work
// (util/run_queue.h): what a peer writes is work of a size that it decides.
//
// Threads: loop thread only.
// Memory:  64 KiB are read ahead, as much as a pipe holds, and nothing more before they are
//          handed on: while the reader is paused or others have their turn, whoever writes
//          blocks. pipe_reader_close() may be called from within the listener's calls.

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/loop.h"

struct pipe_reader;

struct pipe_reader_listener {
        // `n` bytes came; valid during the call. Returns how many it takes: fewer only when it
        // has paused or closed the reader; the rest comes again.
        size_t (*on_bytes)(void *context, const uint8_t *bytes, size_t n);
        // Nobody can write any more, and all that came was handed on. Called once, last.
        void (*on_end)(void *context);
        void *context;
};

// Read from the pipe's read end, which is taken.
struct pipe_reader *pipe_reader_open(struct loop *loop, int descriptor,
                                     const struct pipe_reader_listener *listener);

// Stop and start the flow of on_bytes. While it is paused, the end is not told either.
void pipe_reader_pause(struct pipe_reader *reader);
void pipe_reader_resume(struct pipe_reader *reader);

// Throw away what still comes, from now on; the end is told as usual.
void pipe_reader_discard(struct pipe_reader *reader);

// Make no further calls. NULL is fine. Returns NULL.
struct pipe_reader *pipe_reader_close(struct pipe_reader *reader);

DEFINE_CLEANUP(struct pipe_reader *, pipe_reader_close);
