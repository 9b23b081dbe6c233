#pragma once
// Cross-attention: what the decoder hears of one window in one layer, and how tokens listen to
// it: softmax(queries * keys^T + biases) * values, head by head. Queries come already divided
// by the root of the head's width (model.c folds that into their weights).
//
// A query's result does not depend on the queries beside it.
//
// Threads: any; a cache is immutable once packed. Scratch belongs to the caller.

#include <stddef.h>

#include "whisper/cpu/gemm/skinny.h"

// The KV cache of one layer: keys and values of all heads, each packed for skinny products: the
// keys [head_width, n_keys], then the values [n_keys, head_width]. Of int8 they are
// cross_int8's, for heads of CROSS_INT8_WIDTH.
struct cross_kv_layer {
        enum skinny_type type;  // SKINNY_HALF or SKINNY_INT8
        size_t n_keys, n_heads, head_width;
        const float *biases;  // added to the scores of each key but the first n_unbiased:
        size_t n_unbiased;    // [n_keys], borrowed
        void *elements;       // cross_kv_layer_size() bytes; owned by the caller
};

size_t cross_kv_layer_size(enum skinny_type type, size_t n_keys, size_t n_heads,
                           size_t head_width);

// Pack one head of the keys and values, [n_keys, n_heads * head_width] each, rows `stride`
// floats apart.
void cross_kv_layer_pack(const struct cross_kv_layer *cache, size_t head, const float *keys,
                         const float *values, size_t stride);

// Bytes of scratch, aligned to 64, that the functions below want for caches of at most
// n_keys.
size_t cross_scratch_size(size_t n_keys, size_t head_width);

// Rows of n_heads * head_width floats that listen to one window.
struct cross_queries {
        const float *x;
        float *ret;
        size_t stride, n;
};

// One head of all queries.
void cross_attend(const struct cross_kv_layer *cache, size_t head,
                  const struct cross_queries *queries, void *scratch);

// What one head makes of one query (a row, as above): the probability of each key, [n_keys].
void cross_probabilities(const struct cross_kv_layer *cache, size_t head, const float *query,
                         float *ret, void *scratch);

// The key that one head of one query heeds most of all.
size_t cross_peak(const struct cross_kv_layer *cache, size_t head, const float *query,
                  void *scratch);
