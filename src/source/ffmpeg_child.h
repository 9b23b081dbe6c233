#pragma once
// ffmpeg child: a media run by the ffmpeg program: its bytes turned into samples, its
// complaints and its end into a verdict. For source/ only.
//
// Threads: loop thread only.

#include "source/media_run.h"

// The way of reading media by an ffmpeg: a path, or a name that is looked up in PATH; copied.
struct media_backend *ffmpeg_child_backend(struct loop *loop, const char *program);
