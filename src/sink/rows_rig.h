#pragma once
// Rows rig: rows such as a stream has. Only in tests.
//
// Threads: main thread.

#include "journal/row.h"

// Segments of that stream with the texts "PREFIX 0", "PREFIX 1" ..., each with its words. The
// caller frees them.
struct row *rig_rows_make(const char *stream, const char *prefix, size_t n);
struct row *rig_rows_free(struct row *rows, size_t n);
