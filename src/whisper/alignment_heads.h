#pragma once
// Alignment heads: which heads of the cross-attention follow the sound word by word. A
// CTranslate2 folder says so in its config.json; OpenAI's models have known ones, told by their
// shapes; for any other model all heads of the last half of the layers stand in, as in OpenAI's
// code.
//
// Threads: main thread at start.

#include <stddef.h>

#include "whisper/whisper.h"

// A head of the decoder's cross-attention.
struct decoder_head {
        size_t layer, head;
};

// So many at most: OpenAI's have 23, and each costs memory while words are aligned.
#define ALIGNMENT_HEADS_MAX 32

// The heads of the model at `path` (as models_resolve() gives it); returns how many, at
// least 1.
size_t alignment_heads_find(struct decoder_head ret[static ALIGNMENT_HEADS_MAX],
                            const struct whisper_info *info, const char *path);
