// Tiles for AVX2: floats and bf16 as int8, to the same bits as by AVX-512
// (tall_quantize_avx512.c, which says what for).
#include "whisper/cpu/gemm/tall_quantize_avx2.h"

#include <math.h>
#include <string.h>

#include "whisper/cpu/gemm/tall_avx2.h"

// Floats that are looked at together.
#define FLOATS_AT_ONCE 32

// For the first n of a vector's lanes.
INLINE_AVX2 __m256i mask_avx2(size_t n) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < AVX2_LANES ? (int)n : AVX2_LANES),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

TARGET_AVX2 void tall_to_bf16_avx2(const float *x, size_t n, uint16_t *ret) {
        size_t i = 0;

        for (; i + 16 <= n; i += 16)
                _mm256_storeu_si256((__m256i *)(void *)(ret + i),
                                    to_bf16_avx2(_mm256_loadu_ps(x + i),
                                                 _mm256_loadu_ps(x + i + AVX2_LANES)));
        for (; i < n; i++)
                ret[i] = (uint16_t)_mm256_extract_epi16(
                        to_bf16_upper_avx2(_mm256_set1_ps(x[i])), 0);
}

TARGET_AVX2 void tall_from_bf16_avx2(const uint16_t *x, size_t n, float *ret) {
        size_t i = 0;

        for (; i + AVX2_LANES <= n; i += AVX2_LANES)
                _mm256_storeu_ps(ret + i, floats_from_bf16_avx2(x + i));
        for (; i < n; i++)
                ret[i] = _mm256_cvtss_f32(from_bf16_avx2(_mm_set1_epi16((short)x[i])));
}

INLINE_AVX2 float min_avx2(__m256 x) {
        return -max_avx2(_mm256_sub_ps(_mm256_setzero_ps(), x));
}

// The least and the most of x and of zero. Four at a time, so that no comparison waits for the
// one before it.
INLINE_AVX2 void find_range_avx2(const float *x, size_t n, float *ret_least, float *ret_most) {
        __m256 least[4], most[4];
        size_t i = 0;

        UNROLL
        for (size_t k = 0; k < 4; k++)
                least[k] = most[k] = _mm256_setzero_ps();
        for (; i + FLOATS_AT_ONCE <= n; i += FLOATS_AT_ONCE) {
                UNROLL
                for (size_t k = 0; k < 4; k++) {
                        __m256 y = _mm256_loadu_ps(x + i + k * AVX2_LANES);

                        least[k] = _mm256_min_ps(least[k], y);
                        most[k] = _mm256_max_ps(most[k], y);
                }
        }
        for (; i < n; i += AVX2_LANES) {
                __m256 y = _mm256_maskload_ps(x + i, mask_avx2(n - i));

                least[0] = _mm256_min_ps(least[0], y);
                most[0] = _mm256_max_ps(most[0], y);
        }
        *ret_least = min_avx2(_mm256_min_ps(_mm256_min_ps(least[0], least[1]),
                                            _mm256_min_ps(least[2], least[3])));
        *ret_most = max_avx2(_mm256_max_ps(_mm256_max_ps(most[0], most[1]),
                                           _mm256_max_ps(most[2], most[3])));
}

// The nearest whole number to x * scale + zero.
INLINE_AVX2 __m256i round_avx2(__m256 x, __m256 scale, __m256 zero) {
        return _mm256_cvtps_epi32(_mm256_fmadd_ps(x, scale, zero));
}

INLINE_AVX2 void quantize_many_avx2(const float *x, __m256 scale, __m256 zero, uint8_t *ret) {
        // Packing takes a quarter of each vector in turn.
        const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
        __m256i low =
                _mm256_packs_epi32(round_avx2(_mm256_loadu_ps(x), scale, zero),
                                   round_avx2(_mm256_loadu_ps(x + AVX2_LANES), scale, zero));
        __m256i high = _mm256_packs_epi32(
                round_avx2(_mm256_loadu_ps(x + 2 * AVX2_LANES), scale, zero),
                round_avx2(_mm256_loadu_ps(x + 3 * AVX2_LANES), scale, zero));

        _mm256_storeu_si256((__m256i *)(void *)ret,
                            _mm256_permutevar8x32_epi32(_mm256_packus_epi16(low, high), order));
}

TARGET_AVX2 void tall_quantize_avx2(const float *x, size_t n, uint8_t *ret,
                                    struct tall_row *ret_row) {
        __m256 scale, zero;
        float low, high;
        size_t i = 0;

        find_range_avx2(x, n, &low, &high);
        if (high - low < 1e-30f) {
                *ret_row = (struct tall_row){0, 0};
                high = low + 1;
        } else {
                ret_row->scale = (high - low) / 255;
                ret_row->zero = nearbyintf(-low / ret_row->scale);
        }
        scale = _mm256_set1_ps(255 / (high - low));
        zero = _mm256_set1_ps(ret_row->zero);
        for (; i + FLOATS_AT_ONCE <= n; i += FLOATS_AT_ONCE)
                quantize_many_avx2(x + i, scale, zero, ret + i);
        if (i < n) {
                float rest[FLOATS_AT_ONCE] = {0};
                uint8_t bytes[FLOATS_AT_ONCE];

                memcpy(rest, x + i, (n - i) * sizeof(*x));
                quantize_many_avx2(rest, scale, zero, bytes);
                memcpy(ret + i, bytes, n - i);
        }
}

// --- Attention -------------------------------------------------------------------------------

#define QUERY_ZERO 128

// Steps of a score in one of e^score: 128 * log2(e).
#define STEPS 184.664965f

// Columns that are summed up together.
#define VECTORS_AT_ONCE 4

INLINE_AVX2 __m256 abs_avx2(__m256 x) {
        return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

// Sixteen whole numbers as words.
INLINE_AVX2 __m256i pack_words(__m256i low, __m256i high) {
        return _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
}

// Eight of a query's elements as bytes with a zero are, less that zero.
INLINE_AVX2 __m256i round_query(const uint16_t *x, __m256 inverse) {
        const __m256i zero = _mm256_set1_epi32(QUERY_ZERO);
        __m256i whole =
                round_avx2(floats_from_bf16_avx2(x), inverse, _mm256_set1_ps(QUERY_ZERO));

        whole = _mm256_max_epi32(_mm256_min_epi32(whole, _mm256_set1_epi32(UINT8_MAX)),
                                 _mm256_setzero_si256());
        return _mm256_sub_epi32(whole, zero);
}

TARGET_AVX2 void tall_quantize_query_avx2(const uint16_t *x, size_t n, void *ret,
                                          float *ret_scale) {
        __m256 most = _mm256_setzero_ps(), inverse;
        int16_t *words = ret;
        float largest;

        for (size_t i = 0; i < n; i += AVX2_LANES)
                most = _mm256_max_ps(most, abs_avx2(floats_from_bf16_avx2(x + i)));
        largest = max_avx2(most);
        inverse = _mm256_set1_ps(largest > 0 ? INT8_MAX / largest : 0);
        *ret_scale = largest * (STEPS / INT8_MAX);
        for (size_t i = 0; i < n; i += 16)
                _mm256_storeu_si256((__m256i *)(void *)(words + i),
                                    pack_words(round_query(x + i, inverse),
                                               round_query(x + i + AVX2_LANES, inverse)));
}

// Means of the columns of n_vectors vectors, and how far from them a value lies at most.
INLINE_AVX2 void measure_vectors_avx2(const uint16_t *x, size_t stride, size_t n_rows,
                                      const size_t n_vectors, float *ret_means,
                                      float *ret_largest) {
        __m256 sum[VECTORS_AT_ONCE], low[VECTORS_AT_ONCE], high[VECTORS_AT_ONCE];

        UNROLL
        for (size_t p = 0; p < n_vectors; p++) {
                sum[p] = _mm256_setzero_ps();
                low[p] = high[p] = floats_from_bf16_avx2(x + p * AVX2_LANES);
        }
        for (size_t row = 0; row < n_rows; row++, x += stride) {
                UNROLL
                for (size_t p = 0; p < n_vectors; p++) {
                        __m256 y = floats_from_bf16_avx2(x + p * AVX2_LANES);

                        sum[p] = _mm256_add_ps(sum[p], y);
                        low[p] = _mm256_min_ps(low[p], y);
                        high[p] = _mm256_max_ps(high[p], y);
                }
        }
        UNROLL
        for (size_t p = 0; p < n_vectors; p++) {
                __m256 mean = _mm256_div_ps(sum[p], _mm256_set1_ps((float)n_rows));

                _mm256_storeu_ps(ret_means + p * AVX2_LANES, mean);
                _mm256_storeu_ps(ret_largest + p * AVX2_LANES,
                                 _mm256_max_ps(_mm256_sub_ps(high[p], mean),
                                               _mm256_sub_ps(mean, low[p])));
        }
}

// Means and largest distances of n columns.
INLINE_AVX2 void measure_columns_avx2(const uint16_t *x, size_t stride, size_t n_rows, size_t n,
                                      float *ret_means, float *ret_largest) {
        size_t i = 0, at_once = (size_t)VECTORS_AT_ONCE * AVX2_LANES;

        for (; i + at_once <= n; i += at_once)
                measure_vectors_avx2(x + i, stride, n_rows, VECTORS_AT_ONCE, ret_means + i,
                                     ret_largest + i);
        for (; i < n; i += AVX2_LANES)
                measure_vectors_avx2(x + i, stride, n_rows, 1, ret_means + i, ret_largest + i);
}

INLINE_AVX2 __m256 less_mean(const uint16_t *x, const float *means) {
        return _mm256_sub_ps(floats_from_bf16_avx2(x), _mm256_loadu_ps(means));
}

// One key as words; returns its scale.
INLINE_AVX2 float quantize_key_avx2(const uint16_t *x, size_t n, const float *means,
                                    int16_t *ret) {
        __m256 most = _mm256_setzero_ps(), inverse;
        float largest;

        for (size_t i = 0; i < n; i += AVX2_LANES)
                most = _mm256_max_ps(most, abs_avx2(less_mean(x + i, means + i)));
        largest = max_avx2(most);
        inverse = _mm256_set1_ps(largest > 0 ? INT8_MAX / largest : 0);
        for (size_t i = 0; i < n; i += 16) {
                __m256 low = less_mean(x + i, means + i);
                __m256 high = less_mean(x + i + AVX2_LANES, means + i + AVX2_LANES);

                _mm256_storeu_si256(
                        (__m256i *)(void *)(ret + i),
                        pack_words(_mm256_cvtps_epi32(_mm256_mul_ps(low, inverse)),
                                   _mm256_cvtps_epi32(_mm256_mul_ps(high, inverse))));
        }
        return largest / INT8_MAX;
}

// A vector's keys, as words, become its columns.
static void pack_keys_avx2(const struct tall_keys *ret, size_t column,
                           int16_t words[TALL_VECTOR_COLUMNS][TALL_WIDTH_MAX]) {
        uint8_t *to = tall_matrix_at(&ret->matrix, 0, column);

        for (size_t group = 0; group < ret->matrix.n_groups; group++)
                for (size_t i = 0; i < TALL_VECTOR_COLUMNS; i++, to += TALL_GROUP)
                        memcpy(to, words[i] + group * 2, TALL_GROUP);
}

TARGET_AVX2 void tall_quantize_keys_with(const struct tall_keys *ret,
                                         const struct tall_key_rows *rows, size_t in_group,
                                         tall_pack_keys pack) {
        size_t width = ret->matrix.n_groups * in_group;
        float means[TALL_WIDTH_MAX], largest[TALL_WIDTH_MAX];

        measure_columns_avx2(rows->x, rows->stride, rows->n, width, means, largest);
        for (size_t first = 0; first < rows->n; first += TALL_VECTOR_COLUMNS) {
                int16_t words[TALL_VECTOR_COLUMNS][TALL_WIDTH_MAX] = {{0}};

                for (size_t i = 0; i < TALL_VECTOR_COLUMNS; i++) {
                        size_t key = first + i;

                        ret->scales[key] = 0;
                        ret->biases[key] = -INFINITY;
                        // Elements have a sign: there is no zero to take away.
                        ret->zeros[key] = 0;
                        if (key >= rows->n)
                                continue;
                        ret->scales[key] = quantize_key_avx2(rows->x + key * rows->stride,
                                                             width, means, words[i]);
                        ret->biases[key] =
                                key < rows->n_unbiased ? 0 : rows->biases[key] * STEPS;
                }
                pack(ret, first, words);
        }
}

void tall_quantize_keys_avx2(const struct tall_keys *ret, const uint16_t *x, size_t stride,
                             size_t n, const float *biases, size_t n_unbiased) {
        tall_quantize_keys_with(ret, &(struct tall_key_rows){x, stride, n, biases, n_unbiased},
                                2, pack_keys_avx2);
}

// Eight columns of one row, less their means, in the lowest bits of each lane.
INLINE_AVX2 __m256i quantize_row(const uint16_t *x, __m256 mean, __m256 inverse, int bits) {
        __m256 y = _mm256_mul_ps(_mm256_sub_ps(floats_from_bf16_avx2(x), mean), inverse);

        return _mm256_and_si256(_mm256_cvtps_epi32(y), _mm256_set1_epi32((1 << bits) - 1));
}

// Eight columns of a group of rows, of which n are left. The bits of an element are a constant
// where this is inlined.
INLINE_AVX2 __m256i quantize_group(const uint16_t *x, size_t stride, size_t n, __m256 mean,
                                   __m256 inverse, const int bits) {
        __m256i ret = _mm256_setzero_si256();

        // No UNROLL: how long it is shows only where this is inlined, which is late for
        // sanitizers.
        for (int row = 0; row < 32 / bits; row++)
                if ((size_t)row < n)
                        ret = _mm256_or_si256(
                                ret, _mm256_slli_epi32(quantize_row(x + (size_t)row * stride,
                                                                    mean, inverse, bits),
                                                       row * bits));
        return ret;
}

TARGET_AVX2 void tall_quantize_values_of(const struct tall_values *ret, const uint16_t *x,
                                         size_t stride, size_t n, int bits) {
        size_t width = ret->matrix.n_vectors * TALL_VECTOR_COLUMNS, n_rows = 32 / (size_t)bits;

        measure_columns_avx2(x, stride, n, width, ret->means, ret->scales);
        for (size_t column = 0; column < width; column += AVX2_LANES) {
                __m256 mean = _mm256_loadu_ps(ret->means + column);
                // A column of nothing but its mean divides by next to nothing, not by nothing.
                __m256 most = _mm256_max_ps(_mm256_loadu_ps(ret->scales + column),
                                            _mm256_set1_ps(1e-30f));
                __m256 inverse = _mm256_div_ps(_mm256_set1_ps(INT8_MAX), most);

                _mm256_storeu_ps(ret->scales + column,
                                 _mm256_div_ps(most, _mm256_set1_ps(INT8_MAX)));
                for (size_t group = 0; group < ret->matrix.n_groups; group++) {
                        const uint16_t *row = x + n_rows * group * stride + column;
                        size_t left = n_rows * group < n ? n - n_rows * group : 0;
                        __m256i lanes =
                                bits == 8
                                        ? quantize_group(row, stride, left, mean, inverse, 8)
                                        : quantize_group(row, stride, left, mean, inverse, 16);

                        _mm256_storeu_si256(
                                (__m256i *)(void *)tall_matrix_at(&ret->matrix, group, column),
                                lanes);
                }
        }
}

void tall_quantize_values_avx2(const struct tall_values *ret, const uint16_t *x, size_t stride,
                               size_t n) {
        tall_quantize_values_of(ret, x, stride, n, 16);
}
