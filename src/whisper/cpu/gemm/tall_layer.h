#pragma once
// Tall layer: a linear layer for many rows in int8: its weights packed once (tall.h),
// and its product with a chunk of rows on the calling thread. Whoever runs a network hands each
// thread a chunk and takes it through all layers that look at rows one by one, while it lies in
// the cache.
//
// Threads: a layer is immutable; any thread. Chunks belong to their thread.

#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "whisper/cpu/gemm/tall.h"

// Rows of a chunk at most.
#define TALL_LAYER_ROWS_MAX TALL_ROWS_MAX

// Rows of a chunk for this processor: 48 rows of 2048 floats are 400 kB of a second-level
// cache. AMX is done with so few before the weights have come from the third level, and has
// more of the second one.
size_t tall_layer_rows(void);

struct tall_layer {
        size_t n_in, n_out;
        struct tall_matrix matrix;
        float *bias;           // [n_out]
        float *scales, *sums;  // [n_out], by output, of the quantised weights
};

// From a weight [n_out, n_in] and a bias [n_out] (NULL: none), which are copied. n_out is a
// multiple of 16. NULL when there is no memory.
struct tall_layer *tall_layer_new(const float *weight, const float *bias, size_t n_out,
                                  size_t n_in);
struct tall_layer *tall_layer_free(struct tall_layer *layer);

// The layer of the outputs from `first` on, a multiple of TALL_TILE_COLUMNS, at most
// TALL_TILE_COLUMNS of them; it borrows.
struct tall_layer tall_layer_part(const struct tall_layer *layer, size_t first);

// Rows as a layer takes them in.
struct tall_input {
        const void *x;
        size_t stride;  // bytes
        const struct tall_row *rows;
};

// Room for a chunk's rows: [TALL_LAYER_ROWS_MAX] rows of at most n_in elements.
struct tall_chunk {
        uint8_t *elements;
        struct tall_row rows[TALL_LAYER_ROWS_MAX];
};

static inline size_t tall_chunk_size(size_t n_in) {
        return TALL_LAYER_ROWS_MAX * (n_in + TALL_GROUP);
}

// n_rows rows of n floats (stride in floats). What comes back points into the chunk.
struct tall_input tall_take_floats(struct tall_chunk *chunk, const float *x, size_t stride,
                                   size_t n_rows, size_t n);

// n_rows rows of n bf16 (stride in bf16), n a multiple of 16; `row` has room for n floats.
struct tall_input tall_take_bf16(struct tall_chunk *chunk, const uint16_t *x, size_t stride,
                                 size_t n_rows, size_t n, float *row);

// y = input * weight + bias, then the flags; at most TALL_LAYER_ROWS_MAX rows if the input is a
// chunk's. The stride is in elements.
void tall_layer_multiply(const struct tall_layer *layer, const struct tall_input *input,
                         size_t n_rows, void *y, size_t y_stride, unsigned flags);

DEFINE_CLEANUP(struct tall_layer *, tall_layer_free);
