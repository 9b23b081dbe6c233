#pragma once
// Skinny GEMM, inside: rows of int8, and what becomes of their sums, by AVX2's and by NEON's
// vectors of eight. Whoever includes this has the sums by skinny_int8_avx2.inc.
//
// Threads: any; no state.

#include <float.h>
#include <math.h>
#include <string.h>

#include "whisper/cpu/gemm/skinny_kernel.h"
#include "whisper/cpu/vectors_avx2.h"

/* A panel's 64 columns lie as four blocks of sixteen, one behind the other: two vectors wide,
 * so that six rows are twelve sums in registers. A row's sums are whole numbers, which do not
 * depend on who is beside it; what becomes of them does what AVX-512's kernels do
 * (skinny_avx512.c), to the same bits. */

#define VECTOR  8
#define COLUMNS SKINNY_AVX2_COLUMNS
#define LINE    ((size_t)COLUMNS * 4)  // bytes of one group of depth in a block

// One vector of a line.
INLINE_AVX2 __m256i vector_of_line(const uint8_t *line, size_t vector) {
        return _mm256_loadu_si256(
                (const __m256i *)(const void *)(line + vector * sizeof(__m256i)));
}

// For the first n of a vector's lanes.
INLINE_AVX2 __m256i mask_of(size_t n) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < VECTOR ? (int)n : VECTOR),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

// --- Products -----------------------------------------------------------------------------

// Write up to eight sums to y, with what the product's flags ask for.
INLINE_AVX2 void store_sums_avx2(const struct skinny_matrix *matrix,
                                 const struct gemm_product *product, size_t row, size_t column,
                                 __m256i sum) {
        const struct int8_head *head = skinny_head(product, row);
        float *ret = product->y + row * product->y_stride + column;
        size_t n = matrix->n_columns > column ? matrix->n_columns - column : 0;
        __m256i mask = mask_of(n);
        __m256i zero = _mm256_mullo_epi32(
                _mm256_loadu_si256((const __m256i *)(const void *)(matrix->sums + column)),
                _mm256_set1_epi32(head->zero));
        __m256 y = _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, zero));

        y = _mm256_mul_ps(y, _mm256_mul_ps(_mm256_loadu_ps(matrix->scales + column),
                                           _mm256_set1_ps(head->scale)));
        if (product->bias)
                y = _mm256_add_ps(y, _mm256_maskload_ps(product->bias + column, mask));
        if (product->flags & GEMM_GELU)
                y = gelu_avx2(y);
        if (product->flags & GEMM_ADD)
                y = _mm256_add_ps(y, _mm256_maskload_ps(ret, mask));
        if (n >= VECTOR)
                _mm256_storeu_ps(ret, y);
        else
                _mm256_maskstore_ps(ret, mask, y);
}

// --- Rows ---------------------------------------------------------------------------------

// Sixteen elements of a row from x on, those behind `n` zeros.
struct sixteen {
        __m256 low, high;
};

INLINE_AVX2 struct sixteen sixteen_of(const float *x, size_t n) {
        struct sixteen ret = {.low = _mm256_maskload_ps(x, mask_of(n)),
                              .high = _mm256_setzero_ps()};

        if (n > VECTOR)
                ret.high = _mm256_maskload_ps(x + VECTOR, mask_of(n - VECTOR));
        return ret;
}

INLINE_AVX2 __m256 magnitude(__m256 x) {
        return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

// Smallest and largest of a row, and the mean magnitude.
struct row_spread {
        float least, most, mean;
};

INLINE_AVX2 struct row_spread find_spread_avx2(const float *x, size_t depth) {
        __m256 least = _mm256_setzero_ps(), most = least, low = least, high = least;

        for (size_t i = 0; i < depth; i += 16) {
                struct sixteen part = sixteen_of(x + i, depth - i);

                least = _mm256_min_ps(least, _mm256_min_ps(part.low, part.high));
                most = _mm256_max_ps(most, _mm256_max_ps(part.low, part.high));
                low = _mm256_add_ps(low, magnitude(part.low));
                high = _mm256_add_ps(high, magnitude(part.high));
        }
        return (struct row_spread){-max_avx2(_mm256_sub_ps(_mm256_setzero_ps(), least)),
                                   max_avx2(most),
                                   sum_avx2(_mm256_add_ps(low, high)) / (float)depth};
}

// How many groups of four have a magnitude beyond the limit.
INLINE_AVX2 int count_wide_avx2(const float *x, size_t depth, float limit) {
        const __m256 most = _mm256_set1_ps(limit);
        int n = 0;

        for (size_t i = 0; i < depth; i += 16) {
                struct sixteen part = sixteen_of(x + i, depth - i);
                unsigned wide = (unsigned)_mm256_movemask_ps(
                        _mm256_cmp_ps(magnitude(part.low), most, _CMP_GT_OQ));

                wide |= (unsigned)_mm256_movemask_ps(
                                _mm256_cmp_ps(magnitude(part.high), most, _CMP_GT_OQ))
                        << VECTOR;
                wide |= wide >> 1;
                wide |= wide >> 2;
                n += __builtin_popcount(wide & 0x1111);
        }
        return n;
}

// As AVX-512's, which says why so.
INLINE_AVX2 void choose_scale_avx2(const float *x, size_t depth, struct int8_head *head) {
        struct row_spread spread = find_spread_avx2(x, depth);
        float limit = fmaxf(5 * spread.mean, fmaxf(-spread.least, spread.most) / 100);

        limit = fmaxf(limit, FLT_MIN);
        while (count_wide_avx2(x, depth, limit) > WIDE_MAX)
                limit *= 1.25f;
        int8_head_begin(head, fmaxf(spread.least, -limit), fminf(spread.most, limit));
}

// The lowest bytes of sixteen whole numbers.
INLINE_AVX2 __m128i low_bytes(__m256i low, __m256i high) {
        const __m256i byte = _mm256_set1_epi32(UINT8_MAX);
        __m256i words =
                _mm256_packus_epi32(_mm256_and_si256(low, byte), _mm256_and_si256(high, byte));

        words = _mm256_permute4x64_epi64(words, 0xd8);
        return _mm_packus_epi16(_mm256_castsi256_si128(words),
                                _mm256_extracti128_si256(words, 1));
}

// Keep the high bytes of those four groups from `first` on that have any.
INLINE_AVX2 void keep_high_avx2(struct int8_head *head, size_t first, __m256i low,
                                __m256i high) {
        const __m256i middle = _mm256_set1_epi32(128);
        uint32_t groups[4];

        low = _mm256_srai_epi32(low, 8);
        high = _mm256_srai_epi32(high, 8);
        if (_mm256_testz_si256(_mm256_or_si256(low, high), _mm256_set1_epi8(-1)))
                return;
        _mm_storeu_si128((__m128i *)(void *)groups, low_bytes(_mm256_add_epi32(low, middle),
                                                              _mm256_add_epi32(high, middle)));
        for (unsigned i = 0; i < 4; i++) {
                // The limit leaves no more than there is room for; what is no number may.
                if (groups[i] == 0x80808080u || head->n_wide == WIDE_MAX)
                        continue;
                head->groups[head->n_wide] = (uint16_t)(first + i);
                head->high[head->n_wide++] = groups[i];
        }
}

TARGET_AVX2 static inline void convert_row(const float *x, size_t depth, void *ret) {
        uint8_t *to = (uint8_t *)ret + ROW_HEAD;
        struct int8_head *head = ret;
        __m256 inverse;
        __m256i zero;

        choose_scale_avx2(x, depth, head);
        inverse = _mm256_set1_ps(head->scale > 0 ? 1 / head->scale : 0);
        zero = _mm256_set1_epi32(head->zero);
        for (size_t i = 0; i < depth; i += 16) {
                struct sixteen part = sixteen_of(x + i, depth - i);
                __m256i low = _mm256_add_epi32(
                        _mm256_cvtps_epi32(_mm256_mul_ps(part.low, inverse)), zero);
                __m256i high = _mm256_add_epi32(
                        _mm256_cvtps_epi32(_mm256_mul_ps(part.high, inverse)), zero);

                keep_high_avx2(head, i / 4, low, high);
                _mm_storeu_si128((__m128i *)(void *)(to + i), low_bytes(low, high));
        }
}

// The kernels that skinny_int8_avx2.inc made by this way, with what converts a row for them.
#define SKINNY_INT8_KERNELS(way, convert)                                                   \
        {                                                                                   \
                .block_columns = SKINNY_AVX2_COLUMNS, .convert_row = convert, .multiply = { \
                        [1] = multiply_1_##way,                                             \
                        multiply_2_##way,                                                   \
                        multiply_3_##way,                                                   \
                        multiply_4_##way,                                                   \
                        multiply_5_##way,                                                   \
                        multiply_6_##way                                                    \
                }                                                                           \
        }
