#pragma once
// Builtin child: a media run by a child of the media process: its records turned into calls of
// the listener. For source/ only.
//
// Threads: loop thread only.

#include "source/media_run.h"

// The way of reading media by eavesdrop-media. `program` is its path; NULL: where it is found
// (media_process.h).
struct media_backend *builtin_child_backend(struct loop *loop, const char *program);
