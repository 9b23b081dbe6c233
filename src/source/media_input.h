#pragma once
// Media input: a descriptor that somebody opened for us (standard input, "<(...)") as something
// that ffmpeg can read. For source/ only.
//
// Threads: loop thread.

#include "util/cleanup.h"
#include "util/error.h"

struct media_input {
        char *path;  // a file that can be opened by this path, and so be sought in; or NULL:
        int descriptor;  // what is to be read through from where it is; above the standard ones
};

// What is behind `descriptor`, which `label` names in messages (util/input.h). A regular file
// that nobody has read from is one by its path where it has one. *ret is to be deinited after a
// success. Terminals, folders and what is closed or empty is refused with words.
int media_input_init(struct media_input *ret, int descriptor, const char *label,
                     struct error *error);
void media_input_deinit(struct media_input *input);
