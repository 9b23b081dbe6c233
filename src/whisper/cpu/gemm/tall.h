#pragma once
// Tall GEMM: products of many rows with a packed matrix, by dot products of int8 fours. A tile
// is what the registers hold: 6 rows by 64 columns of sums, or by 16.
//
//     y[r][c] = sum over d of x[r][d] * matrix[d][c]
//
// The depth is cut into groups of 4 bytes. A row's result does not depend on
// the rows beside it, bit for bit.
//
// For the encoder's rows in int8, by tall_layer.h and self_attention.h; the decoder's
// few rows go through skinny.h, which says why there are both.
//
// Threads: any; no state. All is as int8_kernels() has it.

#include <stddef.h>
#include <stdint.h>

#include "whisper/cpu/gemm/tall_layout.h"

// Vectors side by side in a matrix, and what attention is packed as.
size_t tall_panel_vectors(void);
enum tall_type tall_attention_type(void);

void tall_multiply(enum tall_type elements, const struct tall_product *product);

// To bf16, in which rows wait between layers, rounded to nearest even, and back.
void tall_to_bf16(const float *x, size_t n, uint16_t *ret);
void tall_from_bf16(const uint16_t *x, size_t n, float *ret);

// A row of floats as int8: *ret_row says what for. Zero is kept exactly.
void tall_quantize(const float *x, size_t n, uint8_t *ret, struct tall_row *ret_row);

// --- Attention -------------------------------------------------------------------------------

/* A score is kept in sixteen bits, as the power of two that e^score is, in steps of 1/128: that
 * reaches to scores of +-177, and a step, 0.5 %, is less than what eight bits leave of a query
 * and a key. Of its softmax weight stays a byte: 255 for the largest score of the row.
 *
 * All of it has eight bits, whether it is kept as bytes (TALL_INT8) or, where these cannot be
 * multiplied without loss, as words (TALL_INT16).
 *
 * As bytes, groups of four of 64 keys come out in another order, in which AVX-512 packs four
 * vectors into one: group g at 4 * (g % 4) + g / 4. Values are packed in the same order. What
 * is left behind the last 64 keys keeps its order, and so does all of it on aarch64.
 */

#define TALL_BLOCK_ROWS 48  // queries in one struct tall_scores, at most
#define TALL_WIDTH_MAX  96  // elements of a key

// Keys as columns, less their mean, which softmax does not see. By column: the scales, what is
// added to a score (in steps; -INFINITY for columns beyond the last key), and what is taken
// away for the queries' zero.
struct tall_keys {
        struct tall_matrix matrix;
        float *scales, *biases;
        int32_t *zeros;
};

// From n rows of bf16, whose width is the matrix' depth and a multiple of 16. biases[i] is
// added to the scores of the keys from n_unbiased on. The stride is in elements.
void tall_quantize_keys(const struct tall_keys *ret, const uint16_t *x, size_t stride, size_t n,
                        const float *biases, size_t n_unbiased);

// A row of n bf16, n a multiple of 16; ret_scale has what makes a score of its product with a
// key.
void tall_quantize_query(const uint16_t *x, size_t n, void *ret, float *ret_scale);

struct tall_scores {
        struct tall_keys keys;
        const void *queries;  // [n_rows, depth of the keys]
        const float *query_scales;
        size_t n_rows;
        int16_t *scores;  // [n_rows, columns of the keys]
        size_t stride;    // elements
};

// Fills scores; ret_largest [n_rows].
void tall_score(const struct tall_scores *scores, int16_t *ret_largest);

// Scores become softmax weights of a byte (or of a word), in place. Returns the sum of the
// unrounded weights: self_attention.c gives what was rounded away the values' mean. n is a
// multiple of 16.
float tall_quantize_softmax(int16_t *scores, size_t n, int16_t largest);

// Values as rows of the matrix, less their mean, in the order of the weights; by column the
// means and scales, and the sums of the elements where rows are kept less something
// (tall_kernels.h): elsewhere they are left as they were, and finite. Columns of the matrix are
// elements of a value, its groups as many as fill 16 keys each time. They go with unsigned rows
// whose zero is 0.
struct tall_values {
        struct tall_matrix matrix;
        float *means, *scales, *sums;
};
void tall_quantize_values(const struct tall_values *ret, const uint16_t *x, size_t stride,
                          size_t n);
