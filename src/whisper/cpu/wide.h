#pragma once
// Wide: what AVX-512 does by instructions of its own, beside the table of int8
// (int8_kernels.h): vectors of sixteen floats.
//
// Threads: any; plain data.

#include "whisper/cpu/gemm/skinny_kernel.h"

// Keys or values of one block: n of them, `stride` floats apart.
struct wide_stretch {
        const float *x;
        size_t stride, n;
};

struct wide_kernels {
        // As the functions of vectors.h.
        float (*max)(const float *x, size_t n);
        float (*sum_exp)(const float *x, size_t n, float shift);
        size_t (*argmax)(const float *x, size_t n);

        // scores[i] = query * x[i]; ret += the sum of scores[i] * x[i].
        void (*score)(const struct wide_stretch *keys, const float *query, size_t width,
                      float *scores);
        void (*collect)(const struct wide_stretch *values, const float *scores, size_t width,
                        float *ret);

        // Of floats and halves: [type][rows].
        const skinny_kernel (*skinny)[KERNEL_ROWS_MAX + 1];
};

// What this processor has: NULL without AVX-512.
const struct wide_kernels *wide_kernels(void);
