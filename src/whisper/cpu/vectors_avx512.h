#pragma once
// Vectors, inside, for AVX-512: as vectors_avx2.h, and those of vectors.h that do better with
// it.
//
// Threads: any; no state.

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "whisper/cpu/vectors.h"
#include "whisper/cpu/wide.h"

// What cpu_has_avx512() promises, and cpu_has_vnni().
#define TARGET_AVX512 __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")))
#define TARGET_VNNI \
        __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define INLINE_AVX512 static inline TARGET_AVX512 __attribute__((always_inline))
#define INLINE_VNNI   static inline TARGET_VNNI __attribute__((always_inline))

// For the first n of a vector's 16 lanes.
INLINE_AVX512 __mmask16 mask_avx512(size_t n) {
        return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

// The four bytes at x in every lane.
INLINE_AVX512 __m512i vectors_load_four_avx512(const void *x) {
        int32_t four;

        memcpy(&four, x, sizeof(four));
        return _mm512_set1_epi32(four);
}

// x, rounded to a byte with a sign, put into the byte number `index` of each lane, where there
// are zeros.
INLINE_AVX512 __m512i insert_byte_avx512(__m512i lanes, __m512 x, unsigned index) {
        __m512i byte = _mm512_and_si512(_mm512_cvtps_epi32(x), _mm512_set1_epi32(UINT8_MAX));

        return _mm512_or_si512(lanes,
                               _mm512_sllv_epi32(byte, _mm512_set1_epi32((int)(8 * index))));
}

// exp(x), relative error below 2e-7; 0 below -87.3, largest finite above 88.3: exp_avx2().
INLINE_AVX512 __m512 exp_avx512(__m512 x) {
        const __mmask16 is_normal = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-87.3f), _CMP_NLT_UQ);

        x = _mm512_min_ps(_mm512_max_ps(x, _mm512_set1_ps(-87.3f)), _mm512_set1_ps(88.3f));
        __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
        __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
        r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);

        __m512 p = _mm512_set1_ps(1.0f / 5040);
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 720));
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
        return _mm512_maskz_scalef_ps(is_normal, p, n);
}

// As gelu_avx2().
INLINE_AVX512 __m512 gelu_avx512(__m512 x) {
        const __m512 one = _mm512_set1_ps(1.0f);
        __m512 z = _mm512_mul_ps(x, _mm512_set1_ps(0.70710678f));
        __m512 magnitude = _mm512_abs_ps(z);
        __m512 t =
                _mm512_div_ps(one, _mm512_fmadd_ps(magnitude, _mm512_set1_ps(0.3275911f), one));

        __m512 p = _mm512_set1_ps(1.061405429f);
        p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-1.453152027f));
        p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(1.421413741f));
        p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(-0.284496736f));
        p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(0.254829592f));
        p = _mm512_mul_ps(p, t);
        __m512 decay = exp_avx512(
                _mm512_sub_ps(_mm512_setzero_ps(), _mm512_mul_ps(magnitude, magnitude)));
        __m512 erf = _mm512_fnmadd_ps(p, decay, one);
        erf = _mm512_mask_sub_ps(erf, _mm512_movepi32_mask(_mm512_castps_si512(x)),
                                 _mm512_setzero_ps(), erf);
        return _mm512_mul_ps(_mm512_mul_ps(x, _mm512_set1_ps(0.5f)), _mm512_add_ps(one, erf));
}

// As the functions of vectors.h; for processors with cpu_has_avx512().
float vector_max_avx512(const float *x, size_t n);
float vector_sum_exp_avx512(const float *x, size_t n, float shift);
size_t vector_argmax_avx512(const float *x, size_t n);

// As wide.h has them.
void vector_score_avx512(const struct wide_stretch *keys, const float *query, size_t width,
                         float *scores);
void vector_collect_avx512(const struct wide_stretch *values, const float *scores, size_t width,
                           float *ret);
