#pragma once
// Int8 kernels: the arithmetic of int8 for the kinds of processors there are, in the encoder,
// its attention, the decoder and its cross-attention. One kind is chosen for the whole process,
// when it is first asked for; a matrix is packed for the kind that multiplies it.
//
// All kinds give the same bits for the same factors, as weights are called once they are bytes:
// AVX2 alone has less room for them (gemm/dots_avx2.h).
//
// Threads: any; what is chosen does not change, but by a test.

#include <stddef.h>
#include <stdint.h>

#include "whisper/cpu/cross_int8.h"
#include "whisper/cpu/gemm/skinny_kernel.h"
#include "whisper/cpu/gemm/tall_kernels.h"

enum int8_kind {
        INT8_AVX2,
        INT8_AVX2_VNNI,     // AVX-VNNI: the dot products, 256 bits wide
        INT8_AVX512_VNNI,   // 512 bits wide
        INT8_AMX,           // the encoder's products by tiles
        INT8_NEON,          // any aarch64
        INT8_NEON_DOTPROD,  // the dot products
        INT8_NEON_I8MM,     // the encoder's products by small matrices
        INT8_KINDS
};

struct int8_kernels {
        const char *name;
        // What a factor of one stands for in a column of n weights. NULL: the largest weight
        // becomes 127.
        float (*unit)(const float *weights, size_t n);
        // Makes rounded factors fit, a multiple of eight behind the column's first. NULL: they
        // do.
        void (*fit)(int8_t *factors, size_t n);
        const struct tall_kernels *tall;
        const struct skinny_int8 *skinny;
        const struct cross_int8_kernels *cross;
};

// The kernels for this processor: the last kind that it has, and that ONEDNN_MAX_CPU_ISA lets
// it have.
const struct int8_kernels *int8_kernels(void);

// The kernels of one kind; NULL when the processor has not got it (kernels_x86.c,
// kernels_aarch64.c).
const struct int8_kernels *int8_kernels_of(enum int8_kind kind);

// For tests: from now on these, which live as long; NULL for this processor's. What was packed
// for others is of no use any more.
void int8_kernels_use(const struct int8_kernels *kernels);

// The unit of a column of n weights; 0 when all of them are 0.
float int8_unit(const float *weights, size_t n);
