#pragma once
// Tiles: products of some rows with a packed matrix, by AVX-512's dot products of bf16 pairs
// and of int8 fours. A tile is what the registers hold: 6 rows by 64 columns of sums.
//
//     y[r][c] = sum over d of x[r][d] * matrix[d][c]
//
// The depth is cut into groups of 4 bytes: 2 bf16 or 4 int8. A row's result does not depend on
// the rows beside it, bit for bit.
//
// For the encoder's many rows in bf16 and int8, by dense.h and self_attention.h; the decoder's
// few rows go through panels, and panels.h says why there are both.
//
// Threads: any; no state. Callers have checked cpu_has_avx512(), for int8 cpu_has_vnni().

#include <stddef.h>
#include <stdint.h>

#define TILE_ROWS          6
#define TILE_PANEL_COLUMNS 16  // of a vector
#define TILE_PANELS        4   // side by side in a tile
#define TILE_COLUMNS       (TILE_PANELS * TILE_PANEL_COLUMNS)
#define TILE_GROUP         4  // bytes

enum tile_elements {
        TILE_BF16,  // by the processor's own instruction, else by one that does the same
        TILE_INT8,  // unsigned rows, signed matrix
};

// A packed matrix. Blocks of TILE_PANELS panels (the last one may have fewer), in each
// [n_groups][panels of the block][TILE_PANEL_COLUMNS][TILE_GROUP bytes].
struct tile_matrix {
        uint8_t *elements;  // tile_matrix_size() bytes, aligned for vectors
        size_t n_groups, n_panels;
};

static inline size_t tile_matrix_size(size_t n_groups, size_t n_panels) {
        return n_groups * n_panels * TILE_PANEL_COLUMNS * TILE_GROUP;
}

// Fill columns, which are vectors of n bf16 at x, x + stride, ...; or pairs of rows of bf16,
// the second of the last pair zeros if there is an odd number. Strides are in elements, n and a
// row a multiple of 16.
void tiles_pack_columns(const struct tile_matrix *matrix, const uint16_t *x, size_t stride,
                        size_t n_columns);
void tiles_pack_rows(const struct tile_matrix *matrix, const uint16_t *x, size_t stride,
                     size_t n_rows);

// The four bytes at (group, column).
static inline uint8_t *tile_matrix_at(const struct tile_matrix *matrix, size_t group,
                                      size_t column) {
        size_t first = column / TILE_COLUMNS * TILE_PANELS;
        size_t n_panels = matrix->n_panels - first;
        size_t panel = column % TILE_COLUMNS / TILE_PANEL_COLUMNS;

        if (n_panels > TILE_PANELS)
                n_panels = TILE_PANELS;
        return matrix->elements + tile_matrix_size(matrix->n_groups, first) +
               ((group * n_panels + panel) * TILE_PANEL_COLUMNS + column % TILE_PANEL_COLUMNS) *
                       TILE_GROUP;
}

// A row of int8 stands for scale * (element - zero).
struct tile_row {
        float scale, zero;
};

enum tile_flags {
        TILE_ADD = 1 << 0,     // add to what is in y
        TILE_GELU = 1 << 1,    // y = gelu(product + bias)
        TILE_TO_BF16 = 1 << 2  // y is bf16; not with TILE_ADD
};

struct tile_product {
        struct tile_matrix matrix;
        size_t first_group, n_groups;  // the part of the depth that is summed
        const void *x;                 // its first row, at first_group
        size_t x_stride;               // bytes
        size_t n_rows;
        void *y;            // [n_rows, columns of the matrix] of float or bf16
        size_t y_stride;    // elements
        const float *bias;  // by column, or NULL
        unsigned flags;
        // For int8: what the rows stand for, and by column the scales and the sums of the
        // matrix' elements.
        const struct tile_row *rows;
        const float *scales, *sums;
};

void tiles_multiply(enum tile_elements elements, const struct tile_product *product);

// Scores of n keys become probabilities, in place: exp(score + bias - the largest), in bf16 and
// followed by zeros up to a multiple of 32, or as int8 (unsigned) in shares of 255 and followed
// by zeros up to a multiple of 16. Keys before n_unbiased have no bias. Returns the sum, by
// which they are still to be divided; that of int8 has what was rounded away, too. There is
// room for a multiple of 16 floats.
float tiles_softmax(enum tile_elements elements, float *scores, size_t n, const float *biases,
                    size_t n_unbiased);

// To bf16, rounded to nearest even, and back.
void tiles_to_bf16(const float *x, size_t n, uint16_t *ret);
void tiles_from_bf16(const uint16_t *x, size_t n, float *ret);

// A row of floats as int8: *ret_row says what for. Zero is kept exactly.
void tiles_quantize(const float *x, size_t n, uint8_t *ret, struct tile_row *ret_row);

// The mean of each of the n columns of bf16 rows; n is a multiple of 16, as below.
void tiles_means(const uint16_t *x, size_t stride, size_t n_rows, size_t n, float *ret);

// As tiles_pack_columns() and tiles_pack_rows(), into int8. What is packed is the difference to
// the means: of columns [n_groups * 4], of rows by column. The columns' scales and sums (zeros
// for those that fill up the last panel) are what a tile_product wants; the rows have scales
// alone and go with unsigned rows whose zero is 0.
struct tile_columns {
        float *scales, *sums;  // [columns of the matrix]
};
void tiles_quantize_columns(const struct tile_matrix *matrix, const uint16_t *x, size_t stride,
                            size_t n_columns, const float *means, struct tile_columns ret);
void tiles_quantize_rows(const struct tile_matrix *matrix, const uint16_t *x, size_t stride,
                         size_t n_rows, const float *means, float *ret_scales);
