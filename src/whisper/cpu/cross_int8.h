#pragma once
// The cross-attention KV cache in eight bits, one head of it: half of what halves take, and
// what is read of a window for every token is its cost. Each key has a scale of its own and is
// kept without the mean of all keys, which adds the same to every score, so that softmax does
// not see it. Each channel of the values has a scale and a middle. What meets them is split
// into two bytes, high and low: a query and its weights have sixteen bits, which costs no
// reading.
//
// Sums are of whole numbers, and queries are taken one by one: a result depends on nothing
// else.
//
// Threads: any; a cache is immutable once packed.

#include <stddef.h>

// How wide a head must be: that of every published Whisper.
#define CROSS_INT8_WIDTH 64
// Keys that lie side by side.
#define CROSS_INT8_KEYS 16

struct cross_int8 {
        size_t n_keys;
        void *elements;  // cross_int8_size() bytes, aligned to 64; borrowed
};

size_t cross_int8_size(size_t n_keys);

// Keys and values, [n_keys, CROSS_INT8_WIDTH] each, rows `stride` floats apart.
void cross_int8_pack(const struct cross_int8 *head, const float *keys, const float *values,
                     size_t stride);

// The query's product with each key, but for what is the same for all: [n_keys], in room for a
// multiple of CROSS_INT8_KEYS.
void cross_int8_score(const struct cross_int8 *head, const float *query, float *scores);

// softmax(scores) * values, [CROSS_INT8_WIDTH]. The scratch has two bytes for each of n_keys,
// rounded up likewise.
void cross_int8_collect(const struct cross_int8 *head, const float *scores, void *scratch,
                        float *ret);

// What these three are for one kind of processor (int8_kernels.h).
struct cross_int8_kernels {
        void (*pack)(const struct cross_int8 *head, const float *keys, const float *values,
                     size_t stride);
        void (*score)(const struct cross_int8 *head, const float *query, float *scores);
        void (*collect)(const struct cross_int8 *head, const float *scores, void *scratch,
                        float *ret);
};

extern const struct cross_int8_kernels cross_int8_avx2, cross_int8_avx512;
