#pragma once
// ffmpeg child: a media run by the ffmpeg program: its bytes turned into samples, its
// complaints and its end into a verdict. For source/ only.
//
// Threads: loop thread only.

#include "source/media_run.h"

// Run the program `ffmpeg` (NULL: the one in PATH). Negative errno and words in *error if it
// cannot be run.
int ffmpeg_child_open(struct media_run **ret, struct loop *loop, const char *ffmpeg,
                      const struct media_run_config *config,
                      const struct media_run_listener *listener, struct error *error);
