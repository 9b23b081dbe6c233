#pragma once
// Paged attention: how a token attends to all that its sequence said up to it, itself included:
// softmax(query * keys^T) * values, head by head, over the blocks of the KV cache.
//
// Threads: any; no state.

#include <stddef.h>

#include "whisper/cpu/kv_cache.h"

// One head of one token: its query and the place for what comes out, [width] each.
struct paged_query {
        const struct kv_cache *kv;
        size_t layer, position;
        size_t column;  // where the head begins in a key
        size_t width;   // a multiple of 16
        const float *query;
        float *ret;
};

// `scores` has room for KV_POSITIONS.
void paged_attend(const struct kv_pool *pool, const struct paged_query *query, float *scores);
