#pragma once
// Dot products of four bytes, or of two words, in each lane of a vector: what the int8 kernels
// for AVX2 are compiled with, once by AVX2's own instructions and once by those of AVX-VNNI.
//
// Threads: any; no state.

#include <stdint.h>

#include "whisper/cpu/vectors_avx2.h"

#define TARGET_AVX2_VNNI __attribute__((target("avx2,fma,f16c,avxvnni")))

/* sum + the products of unsigned bytes x with signed factors. AVX2 adds two products in sixteen
 * bits with a sign, and what is too large for these becomes the largest: with all of a byte in
 * x there is room for two factors whose sum is 128. Two such sums are added before they are
 * widened, which takes a third of the work away; so 128 is what four factors of one sign may
 * make together: dots_unit_avx2() and dots_fit_avx2() see to it. */
#define AVX2_FACTOR_SUM 128

INLINE_AVX2 __m256i dot_bytes_avx2(__m256i sum, __m256i x, __m256i factors) {
        __m256i pairs = _mm256_maddubs_epi16(x, factors);

        return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// Two groups at once.
INLINE_AVX2 __m256i dot_two_avx2(__m256i sum, __m256i x, __m256i factors, __m256i next_x,
                                 __m256i next_factors) {
        __m256i pairs = _mm256_add_epi16(_mm256_maddubs_epi16(x, factors),
                                         _mm256_maddubs_epi16(next_x, next_factors));

        return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

// By AVX-VNNI, where no sum of products is too large.
static inline TARGET_AVX2_VNNI __attribute__((always_inline)) __m256i
dot_bytes_avx2_vnni(__m256i sum, __m256i x, __m256i factors) {
        return _mm256_dpbusd_avx_epi32(sum, x, factors);
}

static inline TARGET_AVX2_VNNI __attribute__((always_inline)) __m256i
dot_two_avx2_vnni(__m256i sum, __m256i x, __m256i factors, __m256i next_x,
                  __m256i next_factors) {
        return _mm256_dpbusd_avx_epi32(_mm256_dpbusd_avx_epi32(sum, x, factors), next_x,
                                       next_factors);
}

static inline TARGET_AVX2_VNNI __attribute__((always_inline)) __m256i
dot_words_avx2_vnni(__m256i sum, __m256i x, __m256i factors) {
        return _mm256_dpwssd_avx_epi32(sum, x, factors);
}

// What a factor of one stands for in a column of n weights, so that their factors fit, but for
// what is rounded: the first of them begin a group of four.
float dots_unit_avx2(const float *weights, size_t n);

// Makes factors fit that do not: of those of one sign that are too many the largest become
// less.
void dots_fit_avx2(int8_t *factors, size_t n);
