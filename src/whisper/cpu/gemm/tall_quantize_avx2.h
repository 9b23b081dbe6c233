#pragma once
// Tall GEMM, inside: rows and attention's matrices for AVX2. As the functions of tall.h; what
// those of attention make are words.
//
// Threads: any; no state.

#include "whisper/cpu/gemm/tall.h"

void tall_to_bf16_avx2(const float *x, size_t n, uint16_t *ret);
void tall_from_bf16_avx2(const uint16_t *x, size_t n, float *ret);
void tall_quantize_avx2(const float *x, size_t n, uint8_t *ret, struct tall_row *ret_row);

void tall_quantize_query_avx2(const uint16_t *x, size_t n, void *ret, float *ret_scale);
void tall_quantize_keys_avx2(const struct tall_keys *ret, const uint16_t *x, size_t stride,
                             size_t n, const float *biases, size_t n_unbiased);
void tall_quantize_values_avx2(const struct tall_values *ret, const uint16_t *x, size_t stride,
                               size_t n);

// The rows that keys are made from, as tall_quantize_keys() takes them.
struct tall_key_rows {
        const uint16_t *x;
        size_t stride, n;
        const float *biases;
        size_t n_unbiased;
};

// Puts a vector's keys, as words, into its columns.
typedef void (*tall_pack_keys)(const struct tall_keys *ret, size_t column,
                               int16_t words[TALL_VECTOR_COLUMNS][TALL_WIDTH_MAX]);

// As the two above, for keys of so many elements in a group that are packed so, and for values
// of so many bits (8 or 16) that as many rows as fill 32 of them make a group.
void tall_quantize_keys_with(const struct tall_keys *ret, const struct tall_key_rows *rows,
                             size_t in_group, tall_pack_keys pack);
void tall_quantize_values_of(const struct tall_values *ret, const uint16_t *x, size_t stride,
                             size_t n, int bits);
