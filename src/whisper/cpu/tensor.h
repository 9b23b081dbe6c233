#pragma once
// Tensor: the thin layer over oneDNN: linear layers over many rows. Weights are packed once, in
// the layout that oneDNN names for this CPU; primitives, which are bound to a number of rows,
// are kept in a table. Nothing outside tensor*.c and cpu.c knows oneDNN.
//
// Threads: a struct linear is immutable and shared; a struct tensor_context belongs to one
//          engine. oneDNN uses as many threads as OpenMP gives the calling thread.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "whisper/cpu/gemm/dense.h"
#include "whisper/cpu/gemm/panels.h"

// Primitives exist for multiples of so many rows: x and y need room for the rounded-up count.
// 1500, a full window, is one.
#define TENSOR_ROWS_STEP 50

static inline size_t tensor_rows(size_t n_rows) {
        return (n_rows + TENSOR_ROWS_STEP - 1) / TENSOR_ROWS_STEP * TENSOR_ROWS_STEP;
}

struct linear;

// From a weight [n_out, n_in] and a bias [n_out] (NULL: none), which are copied.
int linear_new(struct linear **ret, const float *weight, const float *bias, size_t n_out,
               size_t n_in, struct error *error);
// The same as tiles, for whoever runs them himself: dense.h. -ENOMEM.
int linear_new_dense(struct linear **ret, enum tile_elements elements, const float *weight,
                     const float *bias, size_t n_out, size_t n_in);
struct linear *linear_free(struct linear *linear);

// The layer's tiles; NULL when it is oneDNN's.
const struct dense *linear_dense(const struct linear *linear);

struct tensor_context;

int tensor_context_new(struct tensor_context **ret, struct error *error);
struct tensor_context *tensor_context_free(struct tensor_context *context);

// For a layer of oneDNN's: y = x * weight + bias, then the product's flags. The bias is the
// layer's: product->bias is NULL. Not both of PRODUCT_ADD and PRODUCT_GELU. -EIO when oneDNN
// refuses.
int linear_apply(struct tensor_context *context, const struct linear *linear,
                 const struct product *product);

DEFINE_CLEANUP(struct linear *, linear_free);
DEFINE_CLEANUP(struct tensor_context *, tensor_context_free);
