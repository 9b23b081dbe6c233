#pragma once
// Panels: a matrix cut into panels of 16 columns, and products of a few rows with it. For what
// is bound by memory or too small for oneDNN: the decoder's layers, whose weights stay in half
// precision as they lie in the model files (converted in registers, exactly), and attention.
//
//     y[r][c] = sum over d of x[r][d] * matrix[d][c]
//
// A row's result does not depend on the rows beside it: decoding gives the same tokens alone
// and in a batch.
//
// Threads: panels are immutable once filled; any thread.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PANEL_COLUMNS 16

// Elements lie as [n_panels][depth][PANEL_COLUMNS]; columns beyond n_columns are zeros.
// Exactly one of the two pointers is set.
struct panels {
        size_t depth, n_columns;
        uint16_t *halves;
        float *floats;
};

enum product_flags {
        PRODUCT_ADD = 1 << 0,   // add to what is in y
        PRODUCT_GELU = 1 << 1,  // y = gelu(product + bias)
};

// x is [n_rows, depth], y is [n_rows, n_columns], strides in floats; bias [n_columns] or NULL.
struct product {
        const float *x;
        size_t x_stride;
        size_t n_rows;
        float *y;
        size_t y_stride;
        const float *bias;
        unsigned flags;
};

static inline size_t panels_count(size_t n_columns) {
        return (n_columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
}

// Elements that [depth, n_columns] takes, padding included.
static inline size_t panels_size(size_t depth, size_t n_columns) {
        return panels_count(n_columns) * depth * PANEL_COLUMNS;
}

// Pack a linear layer's weight [n_out, n_in] (PyTorch's orientation): as halves when that loses
// nothing, else as floats. -ENOMEM.
int panels_init(struct panels *panels, const float *weight, size_t n_out, size_t n_in);
void panels_deinit(struct panels *panels);

// Fill elements of a matrix whose column c is the row x + c * stride of `depth` floats
// (attention: keys), or whose row d is x + d * stride of n_columns floats (values).
void panels_pack_columns(const struct panels *panels, const float *x, size_t stride);
void panels_pack_rows(const struct panels *panels, const float *x, size_t stride);

// Column `column`, [depth]: the embedding of a token.
void panels_column(const struct panels *panels, size_t column, float *ret);

// The product for panels [first, last) only, on this thread.
void panels_multiply_range(const struct panels *panels, const struct product *product,
                           size_t first, size_t last);

// The product, on `threads` threads.
void panels_multiply(const struct panels *panels, const struct product *product, int threads);
