#pragma once
// Tall GEMM, inside: what the kernels for AVX-512 share.
//
// Threads: any; no state.

#include <immintrin.h>

#include "whisper/cpu/gemm/tall_layout.h"
#include "whisper/cpu/vectors_avx512.h"

// To bf16 by rounding to nearest even; the instruction for it is not everywhere. NaN stays NaN
// as long as it is a quiet one.
INLINE_AVX512 __m256i to_bf16_avx512(__m512 x) {
        __m512i bits = _mm512_castps_si512(x);
        __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));

        bits = _mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff)));
        return _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16));
}

INLINE_AVX512 __m512 from_bf16_avx512(__m256i x) {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

// 16 vectors of 16 elements of 32 bits become their columns: pairs, fours, then quarters of the
// vectors change places.
INLINE_AVX512 void transpose_avx512(__m512i x[16]) {
        __m512i y[16];

#pragma GCC unroll 8
        for (int i = 0; i < 16; i += 2) {
                y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
                y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 16; i += 4) {
                x[i] = _mm512_unpacklo_epi64(y[i], y[i + 2]);
                x[i + 1] = _mm512_unpackhi_epi64(y[i], y[i + 2]);
                x[i + 2] = _mm512_unpacklo_epi64(y[i + 1], y[i + 3]);
                x[i + 3] = _mm512_unpackhi_epi64(y[i + 1], y[i + 3]);
        }
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++) {
                __m512i a = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88);
                __m512i b = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xdd);
                __m512i c = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
                __m512i d = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xdd);

                y[i] = _mm512_shuffle_i32x4(a, c, 0x88);
                y[i + 8] = _mm512_shuffle_i32x4(a, c, 0xdd);
                y[i + 4] = _mm512_shuffle_i32x4(b, d, 0x88);
                y[i + 12] = _mm512_shuffle_i32x4(b, d, 0xdd);
        }
        memcpy(x, y, sizeof(y));
}

// gelu_avx512() without its exp and division, for results that go into bf16 or int8: absolute
// error below 1.3e-4. Within -4..4 x/2 + x * x * P(x * x), where P is the minimax polynomial of
// degree 7 for that error; outside 0 or x.
INLINE_AVX512 __m512 gelu_coarse_avx512(__m512 x) {
        __m512 square = _mm512_mul_ps(x, x);
        __m512 p = _mm512_set1_ps(-1.3012952e-09f);
        __mmask16 is_far = _mm512_cmp_ps_mask(square, _mm512_set1_ps(16), _CMP_GT_OQ);

        p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(1.0419610e-07f));
        p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(-3.6571346e-06f));
        p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(7.4855074e-05f));
        p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(-1.0064906e-03f));
        p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(9.5053986e-03f));
        p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(-6.5887846e-02f));
        p = _mm512_fmadd_ps(p, square, _mm512_set1_ps(0.39867339f));
        p = _mm512_fmadd_ps(p, square, _mm512_mul_ps(x, _mm512_set1_ps(0.5f)));
        return _mm512_mask_max_ps(p, is_far, x, _mm512_setzero_ps());
}
