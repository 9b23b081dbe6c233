#pragma once
// Vectors, inside: the functions of eight floats that several kernels inline.
//
// Threads: any; no state.

#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include "whisper/cpu/vectors_neon.h"
#else
#error "eavesdrop is for x86-64 and for aarch64 processors"
#endif

#include "whisper/cpu/vectors.h"

#define INLINE_AVX2 static inline TARGET_AVX2 __attribute__((always_inline))

// exp(x), relative error below 2e-7; 0 below -87.3, largest finite above 88.3. Range reduction
// by powers of two in two parts (Cody and Waite), then the Taylor polynomial of degree 7.
INLINE_AVX2 __m256 exp_avx2(__m256 x) {
        const __m256 is_tiny = _mm256_cmp_ps(x, _mm256_set1_ps(-87.3f), _CMP_LT_OQ);

        x = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-87.3f)), _mm256_set1_ps(88.3f));
        __m256 n = _mm256_round_ps(_mm256_mul_ps(x, _mm256_set1_ps(1.44269504f)),
                                   _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
        r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);

        __m256 p = _mm256_set1_ps(1.0f / 5040);
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 720));
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 120));
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 24));
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f / 6));
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(0.5f));
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));
        p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.0f));

        __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
        p = _mm256_mul_ps(p, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
        return _mm256_andnot_ps(is_tiny, p);
}

// log10(x) of a normal x > 0, absolute error below 2e-7 for each power of ten: the polynomial
// of Cephes' logf for log(1 + m), m between sqrt(1/2) - 1 and sqrt(2) - 1.
INLINE_AVX2 __m256 log10_avx2(__m256 x) {
        const __m256i half = _mm256_set1_epi32(0x3f000000), bits = _mm256_castps_si256(x);
        __m256 m = _mm256_castsi256_ps(
                _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x007fffff)), half));
        __m256 n = _mm256_cvtepi32_ps(
                _mm256_sub_epi32(_mm256_srli_epi32(bits, 23), _mm256_set1_epi32(126)));
        __m256 is_low = _mm256_cmp_ps(m, _mm256_set1_ps(0.70710678f), _CMP_LT_OQ), square, p;

        n = _mm256_sub_ps(n, _mm256_and_ps(is_low, _mm256_set1_ps(1)));
        m = _mm256_sub_ps(_mm256_add_ps(m, _mm256_and_ps(is_low, m)), _mm256_set1_ps(1));
        square = _mm256_mul_ps(m, m);
        p = _mm256_set1_ps(7.0376836292e-2f);
        p = _mm256_fmadd_ps(p, m, _mm256_set1_ps(-1.1514610310e-1f));
        p = _mm256_fmadd_ps(p, m, _mm256_set1_ps(1.1676998740e-1f));
        p = _mm256_fmadd_ps(p, m, _mm256_set1_ps(-1.2420140846e-1f));
        p = _mm256_fmadd_ps(p, m, _mm256_set1_ps(1.4249322787e-1f));
        p = _mm256_fmadd_ps(p, m, _mm256_set1_ps(-1.6668057665e-1f));
        p = _mm256_fmadd_ps(p, m, _mm256_set1_ps(2.0000714765e-1f));
        p = _mm256_fmadd_ps(p, m, _mm256_set1_ps(-2.4999993993e-1f));
        p = _mm256_fmadd_ps(p, m, _mm256_set1_ps(3.3333331174e-1f));
        p = _mm256_fmsub_ps(p, m, _mm256_set1_ps(0.5f));
        p = _mm256_fmadd_ps(p, square, m);
        return _mm256_fmadd_ps(n, _mm256_set1_ps(0.30103000f),
                               _mm256_mul_ps(p, _mm256_set1_ps(0.43429448f)));
}

// x / 2 * (1 + erf(x / sqrt 2)), erf by Abramowitz and Stegun 7.1.26 (error below 1.5e-7).
INLINE_AVX2 __m256 gelu_avx2(__m256 x) {
        const __m256 sign_bit = _mm256_set1_ps(-0.0f), one = _mm256_set1_ps(1.0f);
        __m256 z = _mm256_mul_ps(x, _mm256_set1_ps(0.70710678f));
        __m256 magnitude = _mm256_andnot_ps(sign_bit, z);
        __m256 t =
                _mm256_div_ps(one, _mm256_fmadd_ps(magnitude, _mm256_set1_ps(0.3275911f), one));

        __m256 p = _mm256_set1_ps(1.061405429f);
        p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-1.453152027f));
        p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(1.421413741f));
        p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(-0.284496736f));
        p = _mm256_fmadd_ps(p, t, _mm256_set1_ps(0.254829592f));
        p = _mm256_mul_ps(p, t);
        __m256 decay = exp_avx2(_mm256_xor_ps(_mm256_mul_ps(magnitude, magnitude), sign_bit));
        __m256 erf = _mm256_fnmadd_ps(p, decay, one);
        erf = _mm256_or_ps(erf, _mm256_and_ps(x, sign_bit));
        return _mm256_mul_ps(_mm256_mul_ps(x, _mm256_set1_ps(0.5f)), _mm256_add_ps(one, erf));
}

INLINE_AVX2 float sum_avx2(__m256 x) {
        __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

        half = _mm_add_ps(half, _mm_movehl_ps(half, half));
        half = _mm_add_ss(half, _mm_movehdup_ps(half));
        return _mm_cvtss_f32(half);
}

INLINE_AVX2 float max_avx2(__m256 x) {
        __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

        half = _mm_max_ps(half, _mm_movehl_ps(half, half));
        half = _mm_max_ss(half, _mm_movehdup_ps(half));
        return _mm_cvtss_f32(half);
}

// The four bytes at x in every lane.
INLINE_AVX2 __m256i vectors_load_four_avx2(const void *x) {
        int32_t four;

        memcpy(&four, x, sizeof(four));
        return _mm256_set1_epi32(four);
}

// sum + the dot products of each lane's two words.
INLINE_AVX2 __m256i dot_words_avx2(__m256i sum, __m256i x, __m256i factors) {
        return _mm256_add_epi32(sum, _mm256_madd_epi16(x, factors));
}
