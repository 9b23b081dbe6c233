#pragma once
// Tall GEMM, inside: its int8 arithmetic for one kind of processor (int8_kernels.h has the
// kinds). The functions are those of tall.h, which says what they promise.
//
// Threads: any; plain data.

#include "whisper/cpu/gemm/tall.h"

struct tall_kernels {
        // Vectors side by side in a panel of a matrix, and rows of a chunk (tall_layer.h).
        size_t panel_vectors, chunk_rows;
        // The bits that are turned in the bytes of rows and of softmax weights: those of NEON
        // are less by 128, so that it needs the sums of all columns.
        uint8_t turned;
        // What attention's queries, keys, weights and values are packed as.
        enum tall_type attention;

        // For elements of TALL_INT8 and TALL_INT16; the second may be NULL where attention has
        // the first.
        void (*multiply_int8)(const struct tall_product *product);
        void (*multiply_int16)(const struct tall_product *product);

        void (*to_bf16)(const float *x, size_t n, uint16_t *ret);
        void (*from_bf16)(const uint16_t *x, size_t n, float *ret);
        void (*quantize)(const float *x, size_t n, uint8_t *ret, struct tall_row *ret_row);

        void (*quantize_keys)(const struct tall_keys *ret, const uint16_t *x, size_t stride,
                              size_t n, const float *biases, size_t n_unbiased);
        void (*quantize_query)(const uint16_t *x, size_t n, void *ret, float *ret_scale);
        void (*score)(const struct tall_scores *scores, int16_t *ret_largest);
        float (*quantize_softmax)(int16_t *scores, size_t n, int16_t largest);
        void (*quantize_values)(const struct tall_values *ret, const uint16_t *x, size_t stride,
                                size_t n);
};

extern const struct tall_kernels tall_avx2, tall_avx2_vnni, tall_avx512, tall_amx;
extern const struct tall_kernels tall_neon, tall_neon_dotprod, tall_neon_i8mm;
