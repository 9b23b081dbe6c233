#pragma once
// Pipe writer: bytes into a pipe, as fast as whoever reads it takes them.
//
// Threads: loop thread only.
// Memory:  what was not taken yet is kept; pipe_writer_write() says when its caller should
//          wait. pipe_writer_close() may be called from within on_drain.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/loop.h"

struct pipe_writer;

// Write into the pipe's write end, which is taken. on_drain tells that there is room again
// after pipe_writer_write() said that there was none.
struct pipe_writer *pipe_writer_open(struct loop *loop, int descriptor,
                                     void (*on_drain)(void *context), void *context);

// Hand bytes over (copied). True while there is room for more; after false the caller should
// wait for on_drain (the bytes are kept all the same). Bytes that nobody will read are dropped,
// as are those after pipe_writer_end().
bool pipe_writer_write(struct pipe_writer *writer, const uint8_t *bytes, size_t n);

// Bytes that were not taken yet.
size_t pipe_writer_pending(const struct pipe_writer *writer);

// No more bytes will come: the pipe is closed when all are written.
void pipe_writer_end(struct pipe_writer *writer);

// Close it now; what was not taken is lost. NULL is fine. Returns NULL.
struct pipe_writer *pipe_writer_close(struct pipe_writer *writer);

DEFINE_CLEANUP(struct pipe_writer *, pipe_writer_close);
