#pragma once
// Tall GEMM, inside, for AVX2: what rows, attention and products share. Each function does what
// its namesake of tall_avx512.h does, to the same bits.
//
// Threads: any; no state.

#include <string.h>

#include "whisper/cpu/gemm/tall_layout.h"
#include "whisper/cpu/vectors_avx2.h"

#define AVX2_LANES 8

// To bf16 by rounding to nearest even: sixteen of them.
INLINE_AVX2 __m256i to_bf16_upper_avx2(__m256 x) {
        __m256i bits = _mm256_castps_si256(x);
        __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));

        bits = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
        return _mm256_srli_epi32(bits, 16);
}

INLINE_AVX2 __m256i to_bf16_avx2(__m256 low, __m256 high) {
        // Packing takes a quarter of each in turn.
        return _mm256_permute4x64_epi64(
                _mm256_packus_epi32(to_bf16_upper_avx2(low), to_bf16_upper_avx2(high)), 0xd8);
}

INLINE_AVX2 __m256 from_bf16_avx2(__m128i x) {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}

INLINE_AVX2 __m256 floats_from_bf16_avx2(const uint16_t *x) {
        return from_bf16_avx2(_mm_loadu_si128((const __m128i *)(const void *)x));
}

INLINE_AVX2 __m256 gelu_coarse_avx2(__m256 x) {
        __m256 square = _mm256_mul_ps(x, x), far;
        __m256 p = _mm256_set1_ps(-1.3012952e-09f);

        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(1.0419610e-07f));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(-3.6571346e-06f));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(7.4855074e-05f));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(-1.0064906e-03f));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(9.5053986e-03f));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(-6.5887846e-02f));
        p = _mm256_fmadd_ps(p, square, _mm256_set1_ps(0.39867339f));
        p = _mm256_fmadd_ps(p, square, _mm256_mul_ps(x, _mm256_set1_ps(0.5f)));
        far = _mm256_cmp_ps(square, _mm256_set1_ps(16), _CMP_GT_OQ);
        return _mm256_blendv_ps(p, _mm256_max_ps(x, _mm256_setzero_ps()), far);
}
