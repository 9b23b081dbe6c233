#pragma once
// Skinny GEMM: products of a few rows with a matrix packed as panels of 64 columns: the
// decoder's linear layers, which are bound by how fast their weights can be read.
//
//     y[r][c] = sum over d of x[r][d] * matrix[d][c]
//
// The elements' type says how it is reckoned: float32 and half precision in float32 (halves are
// widened in registers, exactly); int8 in whole numbers, with a scale for each column and for
// each row of x.
//
// A row's result does not depend on the rows beside it: decoding gives the same tokens alone
// and in a batch.
//
// Why there is a tall GEMM (tall.h), too: the encoder in int8 has so many rows that its time
// goes into arithmetic, not into reading. The tall one knows no number of rows but a whole
// register tile's and no columns but whole vectors; in return it writes bf16, takes int8 rows
// with a zero point and a coarser GELU. The skinny one has a
// kernel for each number of rows, masks the last columns (of a vocabulary of 51,865) and holds
// float32 and halves as well. One kernel for both would test for each what only the other
// needs, and int8 rows would become other numbers.
//
// Threads: a matrix is immutable once filled; any thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/team.h"

#define SKINNY_PANEL_COLUMNS 64

enum skinny_type {
        SKINNY_FLOAT,
        SKINNY_HALF,
        SKINNY_INT8,  // as int8_kernels() has it
};

// Elements lie as [n_panels][depth / group][SKINNY_PANEL_COLUMNS][group], with as many elements
// of a column in a group as fill four bytes, but one half. What is beyond depth and n_columns
// is zeros. A panel of int8 may be cut into blocks of fewer columns, one behind the other.
struct skinny_matrix {
        enum skinny_type type;
        size_t depth, n_columns;
        void *elements;
        // Of int8, [columns of all panels]: what an element is times, and the sum of a column's
        // elements.
        float *scales;
        int32_t *sums;
};

enum gemm_flags {
        GEMM_ADD = 1 << 0,   // add to what is in y
        GEMM_GELU = 1 << 1,  // y = gelu(product + bias)
};

// x is [n_rows] in the matrix' form (skinny_convert_row) with its stride in bytes; y is
// [n_rows, n_columns], its stride in floats; bias [n_columns] or NULL.
struct gemm_product {
        const void *x;
        size_t x_stride;
        size_t n_rows;
        float *y;
        size_t y_stride;
        const float *bias;
        unsigned flags;
};

static inline size_t skinny_panels(size_t n_columns) {
        return (n_columns + SKINNY_PANEL_COLUMNS - 1) / SKINNY_PANEL_COLUMNS;
}

// Elements that [depth, n_columns] takes as floats or halves, padding included.
static inline size_t skinny_size(size_t depth, size_t n_columns) {
        return skinny_panels(n_columns) * depth * SKINNY_PANEL_COLUMNS;
}

// Bytes that the elements of such a matrix take.
size_t skinny_bytes(enum skinny_type type, size_t depth, size_t n_columns);

// Pack a linear layer's weight [n_out, n_in] (PyTorch's orientation). Of float and half, half
// is taken when it loses nothing. The team packs it, or NULL: the caller alone. -ENOMEM.
int skinny_init(struct skinny_matrix *matrix, enum skinny_type type, const float *weight,
                size_t n_out, size_t n_in, struct team *team);
void skinny_deinit(struct skinny_matrix *matrix);

// Fill the elements (not of int8) of a matrix whose column c is the row x + c * stride of
// `depth` floats (attention: keys), or whose row d is x + d * stride of n_columns floats
// (values).
void skinny_pack_columns(const struct skinny_matrix *matrix, const float *x, size_t stride);
void skinny_pack_rows(const struct skinny_matrix *matrix, const float *x, size_t stride);

// Column `column`, [depth]: the embedding of a token.
void skinny_column(const struct skinny_matrix *matrix, size_t column, float *ret);

// A row of x as the product takes it: its size in bytes, a multiple of 64, and the conversion
// of `depth` floats. Of float and half it is floats.
size_t skinny_row_size(enum skinny_type type, size_t depth);
void skinny_convert_row(enum skinny_type type, size_t depth, const float *x, void *ret);

// The product for panels [first, last) only, on this thread.
void skinny_multiply_range(const struct skinny_matrix *matrix,
                           const struct gemm_product *product, size_t first, size_t last);

// The product for part number `part` of all panels, of n_parts of nearly one size.
void skinny_multiply_part(const struct skinny_matrix *matrix,
                          const struct gemm_product *product, size_t part, size_t n_parts);
