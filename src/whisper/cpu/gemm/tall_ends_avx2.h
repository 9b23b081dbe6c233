#pragma once
// Tall GEMM, inside: the ends of tiles of AVX2's and of NEON's vectors of eight, what becomes
// of their sums. Whoever includes this has the tiles by tall_avx2.inc.
//
// Threads: any; no state.

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "whisper/cpu/gemm/tall_avx2.h"
#include "whisper/cpu/gemm/tall_kernels.h"
#include "whisper/cpu/gemm/tall_quantize_avx2.h"

#define LINE ((size_t)TALL_VECTOR_COLUMNS * TALL_GROUP)  // bytes of a vector's group

// Half of a vector's group: eight columns.
INLINE_AVX2 __m256i elements_of_line(const uint8_t *line, size_t half) {
        return _mm256_loadu_si256((const __m256i *)(const void *)(line + half * LINE / 2));
}

// --- Products --------------------------------------------------------------------------------

// Eight sums become floats, with scales, bias and what the flags ask for.
INLINE_AVX2 __m256 finish(const struct tall_product *product, __m256i sum, size_t row,
                          size_t first) {
        const struct tall_row *stands = &product->rows[row];
        __m256 y = _mm256_fnmadd_ps(_mm256_set1_ps(stands->zero),
                                    _mm256_loadu_ps(product->sums + first),
                                    _mm256_cvtepi32_ps(sum));

        y = _mm256_mul_ps(y, _mm256_mul_ps(_mm256_set1_ps(stands->scale),
                                           _mm256_loadu_ps(product->scales + first)));
        if (product->bias)
                y = _mm256_add_ps(y, _mm256_loadu_ps(product->bias + first));
        if (product->flags & TALL_GELU)
                y = gelu_coarse_avx2(y);
        return y;
}

// A row's sums with the sixteen columns from `first` on.
INLINE_AVX2 void store_tile_row(const struct tall_product *product, const __m256i sums[2],
                                size_t row, size_t first) {
        __m256 low = finish(product, sums[0], row, first);
        __m256 high = finish(product, sums[1], row, first + AVX2_LANES);
        size_t at = row * product->y_stride + first;
        float *ret = (float *)product->y + at;

        if (product->flags & TALL_TO_BF16) {
                _mm256_storeu_si256((__m256i *)(void *)((uint16_t *)product->y + at),
                                    to_bf16_avx2(low, high));
                return;
        }
        if (product->flags & TALL_ADD) {
                low = _mm256_add_ps(low, _mm256_loadu_ps(ret));
                high = _mm256_add_ps(high, _mm256_loadu_ps(ret + AVX2_LANES));
        }
        _mm256_storeu_ps(ret, low);
        _mm256_storeu_ps(ret + AVX2_LANES, high);
}

// --- Scores and weights ----------------------------------------------------------------------

// The largest of sixteen.
INLINE_AVX2 int16_t largest_word_avx2(__m256i words) {
        __m128i half = _mm_max_epi16(_mm256_castsi256_si128(words),
                                     _mm256_extracti128_si256(words, 1));
        // The processor finds the least of eight without a sign.
        __m128i mirror = _mm_set1_epi16(INT16_MAX);

        half = _mm_minpos_epu16(_mm_xor_si128(half, mirror));
        return (int16_t)(_mm_cvtsi128_si32(half) ^ INT16_MAX);
}

// A query's products with eight columns, as scores.
INLINE_AVX2 __m256i scores_of(const struct tall_scores *scores, __m256i sum, size_t row,
                              size_t first) {
        __m256 scale = _mm256_mul_ps(_mm256_set1_ps(scores->query_scales[row]),
                                     _mm256_loadu_ps(scores->keys.scales + first));

        return _mm256_cvtps_epi32(_mm256_fmadd_ps(
                _mm256_cvtepi32_ps(sum), scale, _mm256_loadu_ps(scores->keys.biases + first)));
}

// Products with sixteen, as scores of sixteen bits; *largest sees them, too.
INLINE_AVX2 void store_scores_avx2(const struct tall_scores *scores, const __m256i sums[2],
                                   size_t row, size_t first, __m256i *largest) {
        __m256i words = _mm256_packs_epi32(scores_of(scores, sums[0], row, first),
                                           scores_of(scores, sums[1], row, first + AVX2_LANES));
        int16_t *ret = scores->scores + row * scores->stride + first;

        words = _mm256_permute4x64_epi64(words, 0xd8);
        _mm256_storeu_si256((__m256i *)(void *)ret, words);
        *largest = _mm256_max_epi16(*largest, words);
}

// Words without a sign, each shifted down by as many bits as the word of `counts` says.
INLINE_AVX2 __m256i shift_words(__m256i words, __m256i counts) {
        const __m256i lower = _mm256_set1_epi32(UINT16_MAX);
        __m256i low = _mm256_srlv_epi32(_mm256_and_si256(words, lower),
                                        _mm256_and_si256(counts, lower));
        __m256i high = _mm256_srlv_epi32(words, _mm256_srli_epi32(counts, 16));

        return _mm256_or_si256(low, _mm256_andnot_si256(lower, high));
}

// As AVX-512's, which says what the numbers are.
INLINE_AVX2 __m256i fine_weights_avx2(__m256i largest, __m256i scores) {
        __m256i down = _mm256_sub_epi16(largest, scores);
        __m256i part = _mm256_slli_epi16(down, 9), p;

        p = _mm256_mulhi_epu16(part, _mm256_set1_epi16(11006));
        p = _mm256_sub_epi16(_mm256_set1_epi16((short)43477), p);
        p = _mm256_mulhi_epu16(part, p);
        p = _mm256_sub_epi16(_mm256_set1_epi16((short)65167), p);
        p = shift_words(p, _mm256_srli_epi16(down, 7));
        return _mm256_avg_epu16(p, _mm256_setzero_si256());
}

// The weights stay in words: values are multiplied as such.
TARGET_AVX2 static inline float quantize_softmax_avx2(int16_t *scores, size_t n,
                                                      int16_t largest) {
        // A column without a key has the least score; it has no weight even then.
        const __m256i least = _mm256_set1_epi16(INT16_MIN + (16 << 7));
        const __m256i most = _mm256_max_epi16(_mm256_set1_epi16(largest), least);
        __m256i sum = _mm256_setzero_si256();
        int32_t parts[AVX2_LANES], total = 0;

        for (size_t i = 0; i < n; i += 16) {
                __m256i *at = (__m256i *)(void *)(scores + i);
                __m256i fine = fine_weights_avx2(most, _mm256_loadu_si256(at));

                sum = dot_words_avx2(sum, fine, _mm256_set1_epi16(1));
                _mm256_storeu_si256(at, _mm256_mulhrs_epi16(fine, _mm256_set1_epi16(1 << 8)));
        }
        _mm256_storeu_si256((__m256i *)(void *)parts, sum);
        for (size_t i = 0; i < AVX2_LANES; i++)
                total += parts[i];
        return (float)total / 128;
}
