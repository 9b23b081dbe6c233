#pragma once
// Archive cut: a file of windows without a stretch of time.
//
// Threads: any one at a time.

#include <stdbool.h>
#include <stdint.h>

#include "journal/archive_window.h"

// Write what of the file's windows lies outside [since, until) (Unix ms) into *kept, frame by
// frame: one that lies within for a part of its 20 ms is left out. False, with *kept as it was,
// when all does. What a crash left behind the last whole window is not kept.
bool archive_cut(const struct archive_bytes *file, int64_t since, int64_t until,
                 struct archive_bytes *kept);
