#pragma once
// Tall GEMM, inside: rows and attention's matrices for aarch64. As the functions of tall.h;
// what those of attention make are bytes.
//
// Threads: any; no state.

#include "whisper/cpu/gemm/tall.h"

void tall_quantize_neon(const float *x, size_t n, uint8_t *ret, struct tall_row *ret_row);

void tall_quantize_query_neon(const uint16_t *x, size_t n, void *ret, float *ret_scale);
void tall_quantize_keys_neon(const struct tall_keys *ret, const uint16_t *x, size_t stride,
                             size_t n, const float *biases, size_t n_unbiased);
void tall_quantize_values_neon(const struct tall_values *ret, const uint16_t *x, size_t stride,
                               size_t n);
