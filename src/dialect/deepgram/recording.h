#pragma once
// Deepgram recording: the answer about a file.
//
// Threads: any; no state.

#include <stddef.h>

#include "dialect/deepgram/results.h"
#include "dialect/deepgram/wish.h"

struct deepgram_recording {
        struct deepgram_metadata metadata;
        const struct segment *segments;
        size_t n_segments;
        const char *language;  // code; "": nothing was said
};

// A zero-terminated JSON text that the caller frees. Utterances, paragraphs and the language
// are in it as far as they are wished for.
char *deepgram_encode_recording(const struct deepgram_wish *wish,
                                const struct deepgram_recording *recording);
