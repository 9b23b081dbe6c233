#pragma once
// Attention: softmax(queries * keys^T) * values within one window, head by head. Queries come
// already divided by the root of the head's width (model.c folds that into their weights).
//
// Threads: any; scratch belongs to the caller.

#include <stddef.h>

#include "decode/whisper/panels.h"

// One window's keys and values for all heads, packed for panels_multiply_range(): per head the
// keys as panels of 16 keys, then the values as panels of 16 of the head's columns.
struct attention_memory {
        size_t n_keys, n_heads, head_width;
        bool is_half;
        void *elements;  // attention_memory_size() floats or halves; owned by the caller
};

static inline size_t attention_head_size(size_t n_keys, size_t head_width) {
        return panels_size(head_width, n_keys) + panels_size(n_keys, head_width);
}

static inline size_t attention_memory_size(size_t n_keys, size_t n_heads, size_t head_width) {
        return n_heads * attention_head_size(n_keys, head_width);
}

// Pack the window's keys and values, [n_keys, n_heads * head_width] each with `stride`.
void attention_pack(const struct attention_memory *memory, const float *keys,
                    const float *values, size_t stride, int threads);

// Floats of scratch that attention_run() wants for each thread.
size_t attention_scratch_size(const struct attention_memory *memory);

// Attend with n queries (rows of n_heads * head_width floats); ret has the same shape.
struct attention {
        const float *queries;
        size_t query_stride;
        size_t n_queries;
        float *ret;
        size_t ret_stride;
};

void attention_run(const struct attention_memory *memory, const struct attention *attention,
                   float *scratch, int threads);

// The same for one head on the calling thread, at most ATTENTION_BLOCK queries from `first`.
#define ATTENTION_BLOCK 48
void attention_run_block(const struct attention_memory *memory,
                         const struct attention *attention, size_t head, size_t first,
                         float *scratch);
