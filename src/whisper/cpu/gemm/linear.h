#pragma once
// Linear: a linear layer over many rows, in float32 by oneDNN, else a tall layer. Weights are
// packed once, in the layout that oneDNN names for this CPU; primitives, which are bound to a
// number of rows, are kept in a table. Nothing outside linear*.[ch] and cpu_x86.c knows oneDNN.
//
// Threads: a struct linear is immutable and shared; a struct linear_context belongs to one
//          engine. Each thread of its team runs oneDNN on rows of its own.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/team.h"
#include "whisper/cpu/gemm/skinny.h"
#include "whisper/cpu/gemm/tall_layer.h"

// Primitives exist for multiples of so many rows: x and y need room for the rounded-up count.
// 1500, a full window, is one. A row of the result is the same to the last bit whatever rows
// stand beside it with AVX-512; without it oneDNN chooses by their number how it adds up.
#define LINEAR_ROWS_STEP 50

static inline size_t linear_rows(size_t n_rows) {
        return (n_rows + LINEAR_ROWS_STEP - 1) / LINEAR_ROWS_STEP * LINEAR_ROWS_STEP;
}

struct linear;

// From a weight [n_out, n_in] and a bias [n_out] (NULL: none), which are copied.
int linear_new(struct linear **ret, const float *weight, const float *bias, size_t n_out,
               size_t n_in, struct error *error);
// As linear_new(), but a tall layer, for whoever runs it himself. -ENOMEM.
int linear_new_tall(struct linear **ret, const float *weight, const float *bias, size_t n_out,
                    size_t n_in);
struct linear *linear_free(struct linear *linear);

// The tall layer that it is; NULL when it is oneDNN's.
const struct tall_layer *linear_tall(const struct linear *linear);

struct linear_context;

// The team, which is lent, does the work; NULL: the caller alone. -EIO when oneDNN does not
// start.
int linear_context_new(struct linear_context **ret, struct team *team, struct error *error);
struct linear_context *linear_context_free(struct linear_context *context);

// For a layer of oneDNN's: y = x * weight + bias, then the product's flags. The bias is the
// layer's: product->bias is NULL. Not both of GEMM_ADD and GEMM_GELU. -EIO when oneDNN
// refuses.
int linear_apply(struct linear_context *context, const struct linear *linear,
                 const struct gemm_product *product);

DEFINE_CLEANUP(struct linear *, linear_free);
DEFINE_CLEANUP(struct linear_context *, linear_context_free);
