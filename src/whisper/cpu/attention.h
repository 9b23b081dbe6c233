#pragma once
// Attention: softmax(queries * keys^T + biases) * values, head by head, each window within
// itself. Queries come already divided by the root of the head's width (model.c folds that into
// their weights).
//
// Threads: any; scratch belongs to the caller.

#include <stddef.h>

#include "util/team.h"
#include "whisper/cpu/gemm/skinny.h"

// One window's keys and values for all heads, packed for skinny_multiply_range(): per head the
// keys as panels of 64 keys, then the values as panels of 64 of the head's columns.
struct packed_kv {
        size_t n_keys, n_heads, head_width;
        // Added to the scores of each key but the first n_unbiased: [n_keys], borrowed; not
        // read when all are.
        const float *biases;
        size_t n_unbiased;
        float *elements;  // packed_kv_size() of them; owned by the caller
};

static inline size_t packed_kv_head_size(size_t n_keys, size_t head_width) {
        return skinny_size(head_width, n_keys) + skinny_size(n_keys, head_width);
}

static inline size_t packed_kv_size(size_t n_keys, size_t n_heads, size_t head_width) {
        return n_heads * packed_kv_head_size(n_keys, head_width);
}

// What one window attends to and with: rows of n_heads * head_width floats.
struct attention {
        const struct packed_kv *kv;
        const float *queries;
        size_t query_stride;
        size_t n_queries;
        float *ret;  // like the queries
        size_t ret_stride;
};

// What is packed into a struct packed_kv: [n_keys, n_heads * head_width] each.
struct attention_source {
        const struct packed_kv *kv;
        const float *keys, *values;
        size_t stride;
};

// Pack the keys and values of n windows, by the team.
void attention_pack(const struct attention_source *sources, size_t n, struct team *team);

// Floats of scratch that attention_run() wants for each thread, for windows of at most
// n_keys keys.
size_t attention_scratch_size(size_t n_keys, size_t head_width);

// Attend in n windows whose heads are alike, by the team; `scratch` has scratch_size floats for
// each of its threads.
void attention_run(const struct attention *attentions, size_t n, float *scratch,
                   size_t scratch_size, struct team *team);
