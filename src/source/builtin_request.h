#pragma once
// Builtin request: what the media process is asked for, and the descriptors that go with it:
// the pipe that a child writes into, and what it reads, which is opened here. For source/ only.
//
// Threads: loop thread only.

#include "media/control.h"
#include "source/media_run.h"
#include "util/error.h"

struct builtin_request {
        struct media_request request;  // may hold a password: builtin_request_deinit() wipes it
        // Of the child. [1] is what it reads, if anything.
        int descriptors[MEDIA_DESCRIPTORS_MAX];
        size_t n_descriptors;
        bool is_input_lent;  // it is not to be closed
        // Ours, to be taken, or -1: the read end of what the child writes, and the write end of
        // what it reads.
        int output, input;
};

// Open what is needed. Negative errno with words in *error: a file that cannot be opened, or no
// more descriptors. builtin_request_deinit() in any case.
// `allow`: as media_backend_allow() was told.
int builtin_request_init(struct builtin_request *ret, const struct media_run_config *config,
                         const char *allow, struct error *error);

// Close what was not taken.
void builtin_request_deinit(struct builtin_request *request);
