#pragma once
// Text attention: how a token attends to all that its sequence said up to it, itself included:
// softmax(query * keys^T) * values, head by head, over the pages of the text memory.
//
// Threads: any; no state.

#include <stddef.h>

#include "whisper/cpu/text_memory.h"

// One head of one token: its query and the place for what comes out, [width] each.
struct text_query {
        const struct text_memory *text;
        size_t layer, position;
        size_t column;  // where the head begins in a key
        size_t width;   // a multiple of 16
        const float *query;
        float *ret;
};

// `scores` has room for TEXT_POSITIONS.
void text_attend(const struct text_pool *pool, const struct text_query *query, float *scores);
