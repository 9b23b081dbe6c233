#pragma once
// Dot products of four bytes in each lane of a vector by NEON: what the int8 kernels for
// aarch64 are compiled with, by instructions that each of its processors has and by `sdot`.
//
// NEON multiplies bytes with a sign by bytes with a sign. So rows, whose bytes have none, are
// kept less 128: what that takes away, 128 times the sum of a column's factors, is given back
// in whole numbers, and results are those of AVX2 to the last bit.
//
// Threads: any; no state.

#include "whisper/cpu/vectors_avx2.h"

#ifdef __clang__
#define TARGET_NEON_DOTPROD __attribute__((target("dotprod")))
#define TARGET_NEON_I8MM    __attribute__((target("dotprod,i8mm")))
#else
#define TARGET_NEON_DOTPROD __attribute__((target("arch=armv8.2-a+dotprod")))
#define TARGET_NEON_I8MM    __attribute__((target("arch=armv8.2-a+dotprod+i8mm")))
#endif
#define TARGET_NEON
#define INLINE_NEON_DOTPROD static inline TARGET_NEON_DOTPROD __attribute__((always_inline))

// What a row's byte is kept less, and the bit that is turned for it.
#define NEON_ROW_ZERO 128

// Two products have room in sixteen bits: 2 * 128 * 127.
INLINE_NEON int32x4_t neon_dot_bytes(int32x4_t sum, int32x4_t x, int32x4_t factors) {
        int8x16_t a = vreinterpretq_s8_s32(x), b = vreinterpretq_s8_s32(factors);
        int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));

        return vpadalq_s16(sum, vpaddq_s16(low, vmull_high_s8(a, b)));
}

INLINE_NEON __m256i dot_bytes_neon(__m256i sum, __m256i x, __m256i factors) {
        return (__m256i){neon_dot_bytes(sum.low, x.low, factors.low),
                         neon_dot_bytes(sum.high, x.high, factors.high)};
}

INLINE_NEON __m256i dot_two_neon(__m256i sum, __m256i x, __m256i factors, __m256i next_x,
                                 __m256i next_factors) {
        return dot_bytes_neon(dot_bytes_neon(sum, x, factors), next_x, next_factors);
}

INLINE_NEON_DOTPROD __m256i dot_bytes_neon_dotprod(__m256i sum, __m256i x, __m256i factors) {
        return (__m256i){vdotq_s32(sum.low, vreinterpretq_s8_s32(factors.low),
                                   vreinterpretq_s8_s32(x.low)),
                         vdotq_s32(sum.high, vreinterpretq_s8_s32(factors.high),
                                   vreinterpretq_s8_s32(x.high))};
}

INLINE_NEON_DOTPROD __m256i dot_two_neon_dotprod(__m256i sum, __m256i x, __m256i factors,
                                                 __m256i next_x, __m256i next_factors) {
        return dot_bytes_neon_dotprod(dot_bytes_neon_dotprod(sum, x, factors), next_x,
                                      next_factors);
}

// n bytes of a row, as they are kept and back.
INLINE_NEON void neon_turn_bytes(uint8_t *x, size_t n) {
        const uint8x16_t bit = vdupq_n_u8(NEON_ROW_ZERO);
        size_t i = 0;

        for (; i + 16 <= n; i += 16)
                vst1q_u8(x + i, veorq_u8(vld1q_u8(x + i), bit));
        for (; i < n; i++)
                x[i] ^= NEON_ROW_ZERO;
}
