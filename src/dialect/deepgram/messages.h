#pragma once
// Deepgram messages: what a live client says in text.
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

enum deepgram_message_type {
        DEEPGRAM_KEEP_ALIVE,
        DEEPGRAM_FINALIZE,
        DEEPGRAM_CLOSE_STREAM,
        DEEPGRAM_CONFIGURE,
};

#define DEEPGRAM_ALL_CHANNELS (-1)

struct deepgram_message {
        enum deepgram_message_type type;
        int channel;        // to be finalized; DEEPGRAM_ALL_CHANNELS
        bool has_keyterms;  // new ones are to be listened for
};

// Read one. 0, or DIALECT_E_* with words in *error.
int deepgram_message_read(struct deepgram_message *ret, const char *text, size_t n,
                          struct error *error);
