#pragma once
// Log writer: a thread that writes lines to a descriptor, so that nobody else has to wait for
// whoever reads them. A log's reader that stands still (a full pipe, a terminal stopped by
// Ctrl-S, a disk that hangs) would otherwise stop the loop, and with it every stream.
//
// The descriptor is not made non-blocking: that would be seen by every process that shares it.
//
// Threads: any may call log_writer_put(); the rest belongs to who made the writer. The writer's
//          thread only writes. One lock, held for the copy of a line.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/loop.h"

struct log_writer;

// A writer to `fd` (lent), holding back at most `queue_bytes` of lines that nobody reads. NULL
// when there is no thread to be had.
struct log_writer *log_writer_new(int fd, size_t queue_bytes);

// Have the line written, with a line break behind it; never waits. A line that finds the queue
// full is dropped and counted.
void log_writer_put(struct log_writer *writer, const char *line, size_t n);

// How many lines were dropped since the last call, if there is room again for telling it; else
// 0.
uint64_t log_writer_take_dropped(struct log_writer *writer);

// Wait until all is written, at most so long. True when it is.
bool log_writer_flush(struct log_writer *writer, nsec_t timeout);

// Flush, end the thread and free the writer: returns NULL. What cannot be written within
// `timeout` stays: the writer is returned as it is, its thread waiting for the reader, for the
// process to end.
struct log_writer *log_writer_stop(struct log_writer *writer, nsec_t timeout);
