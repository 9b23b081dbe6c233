#pragma once
// ffmpeg check: is there an ffmpeg that will do? For source/ only.
//
// Threads: main thread.

#include "util/error.h"

// Ask the program (a name is looked up in PATH) for its version; takes some 50 ms. Negative
// errno, with the remedy in *error.
int ffmpeg_check(const char *program, struct error *error);
