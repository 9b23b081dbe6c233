#pragma once
// Tall layout: how a tall GEMM's matrices lie, and what a product of one is (tall.h).
//
// Threads: any; plain data.

#include <stddef.h>
#include <stdint.h>

#define TALL_TILE_ROWS      6
#define TALL_ROWS_MAX       96  // of one product
#define TALL_VECTOR_COLUMNS 16  // of a vector
#define TALL_VECTORS        4   // side by side in a tile of AVX-512
#define TALL_TILE_COLUMNS   (TALL_VECTORS * TALL_VECTOR_COLUMNS)
#define TALL_GROUP          4  // bytes

enum tall_type {
        TALL_INT8,  // unsigned rows, signed matrix
        TALL_INT16  // both signed: bytes where int8's products are not exact
};

// A packed matrix. Panels of some vectors of columns (the last one may have fewer), in each
// [n_groups][vectors of the panel][TALL_VECTOR_COLUMNS][TALL_GROUP bytes].
struct tall_matrix {
        uint8_t *elements;  // tall_matrix_size() bytes, aligned for vectors
        size_t n_groups, n_vectors;
        size_t panel_vectors;  // as tall_panel_vectors() has them
};

static inline size_t tall_matrix_size(size_t n_groups, size_t n_vectors) {
        return n_groups * n_vectors * TALL_VECTOR_COLUMNS * TALL_GROUP;
}

// The four bytes at (group, column).
static inline uint8_t *tall_matrix_at(const struct tall_matrix *matrix, size_t group,
                                      size_t column) {
        size_t vector = column / TALL_VECTOR_COLUMNS;
        size_t first = vector - vector % matrix->panel_vectors;
        size_t n_vectors = matrix->n_vectors - first;

        if (n_vectors > matrix->panel_vectors)
                n_vectors = matrix->panel_vectors;
        vector -= first;
        return matrix->elements + tall_matrix_size(matrix->n_groups, first) +
               ((group * n_vectors + vector) * TALL_VECTOR_COLUMNS +
                column % TALL_VECTOR_COLUMNS) *
                       TALL_GROUP;
}

// A row stands for scale * (element - zero).
struct tall_row {
        float scale, zero;
};

enum tall_flags {
        TALL_ADD = 1 << 0,     // add to what is in y
        TALL_GELU = 1 << 1,    // y = gelu(product + bias)
        TALL_TO_BF16 = 1 << 2  // y is bf16; not with TALL_ADD
};

struct tall_product {
        struct tall_matrix matrix;
        const void *x;      // its first row
        size_t x_stride;    // bytes
        size_t n_rows;      // at most TALL_ROWS_MAX
        void *y;            // [n_rows, columns of the matrix] of float or bf16
        size_t y_stride;    // elements
        const float *bias;  // by column, or NULL
        unsigned flags;
        // What the rows stand for, and by column the scales and the sums of the matrix'
        // elements.
        const struct tall_row *rows;
        const float *scales, *sums;
};
