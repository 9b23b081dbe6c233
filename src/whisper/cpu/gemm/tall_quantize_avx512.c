// Tiles: floats and bf16 as int8.
#include <math.h>
#include <string.h>

#include "whisper/cpu/gemm/tall_avx512.h"
#include "whisper/cpu/gemm/tall_quantize_avx512.h"

// Floats that are looked at together.
#define FLOATS_AT_ONCE 64

// The least and the most of x and of zero. Four at a time, so that no comparison waits for the
// one before it.
TARGET_AVX512 static void find_range(const float *x, size_t n, float *ret_least,
                                     float *ret_most) {
        __m512 least[4], most[4];
        size_t i = 0;

#pragma GCC unroll 4
        for (size_t k = 0; k < 4; k++)
                least[k] = most[k] = _mm512_setzero_ps();
        for (; i + FLOATS_AT_ONCE <= n; i += FLOATS_AT_ONCE) {
#pragma GCC unroll 4
                for (size_t k = 0; k < 4; k++) {
                        __m512 y = _mm512_loadu_ps(x + i + k * 16);

                        least[k] = _mm512_min_ps(least[k], y);
                        most[k] = _mm512_max_ps(most[k], y);
                }
        }
        for (; i < n; i += 16) {
                __m512 y = _mm512_maskz_loadu_ps(mask_avx512(n - i), x + i);

                least[0] = _mm512_min_ps(least[0], y);
                most[0] = _mm512_max_ps(most[0], y);
        }
        *ret_least = _mm512_reduce_min_ps(_mm512_min_ps(_mm512_min_ps(least[0], least[1]),
                                                        _mm512_min_ps(least[2], least[3])));
        *ret_most = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(most[0], most[1]),
                                                       _mm512_max_ps(most[2], most[3])));
}

// The nearest whole number to x * scale + zero.
INLINE_AVX512 __m512i round_avx512(__m512 x, __m512 scale, __m512 zero) {
        return _mm512_cvtps_epi32(_mm512_fmadd_ps(x, scale, zero));
}

INLINE_AVX512 void quantize_many(const float *x, __m512 scale, __m512 zero, uint8_t *ret) {
        // Packing takes a quarter of each vector in turn.
        const __m512i order =
                _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        __m512i low = _mm512_packs_epi32(round_avx512(_mm512_loadu_ps(x), scale, zero),
                                         round_avx512(_mm512_loadu_ps(x + 16), scale, zero));
        __m512i high = _mm512_packs_epi32(round_avx512(_mm512_loadu_ps(x + 32), scale, zero),
                                          round_avx512(_mm512_loadu_ps(x + 48), scale, zero));

        _mm512_storeu_si512(ret,
                            _mm512_permutexvar_epi32(order, _mm512_packus_epi16(low, high)));
}

TARGET_AVX512 void tall_quantize_avx512(const float *x, size_t n, uint8_t *ret,
                                        struct tall_row *ret_row) {
        __m512 scale, zero;
        float low, high;
        size_t i = 0;

        find_range(x, n, &low, &high);
        if (high - low < 1e-30f) {
                *ret_row = (struct tall_row){0, 0};
                high = low + 1;
        } else {
                ret_row->scale = (high - low) / 255;
                ret_row->zero = nearbyintf(-low / ret_row->scale);
        }
        scale = _mm512_set1_ps(255 / (high - low));
        zero = _mm512_set1_ps(ret_row->zero);
        for (; i + FLOATS_AT_ONCE <= n; i += FLOATS_AT_ONCE)
                quantize_many(x + i, scale, zero, ret + i);
        for (; i < n; i += 16) {
                __mmask16 mask = mask_avx512(n - i);
                __m512i whole = round_avx512(_mm512_maskz_loadu_ps(mask, x + i), scale, zero);

                whole = _mm512_max_epi32(whole, _mm512_setzero_si512());
                _mm_mask_storeu_epi8(ret + i, mask, _mm512_cvtusepi32_epi8(whole));
        }
}

// --- Attention -------------------------------------------------------------------------------

#define QUERY_ZERO 128

// Steps of a score in one of e^score: 128 * log2(e).
#define STEPS 184.664965f

// Columns that are summed up together.
#define VECTORS_AT_ONCE 4

INLINE_AVX512 __m512 load_bf16(const uint16_t *x) {
        return from_bf16_avx512(_mm256_loadu_si256((const __m256i *)(const void *)x));
}

TARGET_AVX512 void tall_quantize_query_avx512(const uint16_t *x, size_t n, void *ret,
                                              float *ret_scale) {
        uint8_t *bytes = ret;
        const __m512 zero = _mm512_set1_ps(QUERY_ZERO);
        __m512 most = _mm512_setzero_ps(), inverse;
        float largest;

        for (size_t i = 0; i < n; i += 16)
                most = _mm512_max_ps(most, _mm512_abs_ps(load_bf16(x + i)));
        largest = _mm512_reduce_max_ps(most);
        inverse = _mm512_set1_ps(largest > 0 ? INT8_MAX / largest : 0);
        *ret_scale = largest * (STEPS / INT8_MAX);
        for (size_t i = 0; i < n; i += 16) {
                __m512 y = _mm512_fmadd_ps(load_bf16(x + i), inverse, zero);

                _mm_storeu_si128((__m128i *)(void *)(bytes + i),
                                 _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(y)));
        }
}

// Means of the columns of n_vectors vectors, and how far from them a value lies at most.
INLINE_AVX512 void measure_vectors(const uint16_t *x, size_t stride, size_t n_rows,
                                   const size_t n_vectors, float *ret_means,
                                   float *ret_largest) {
        __m512 sum[VECTORS_AT_ONCE], low[VECTORS_AT_ONCE], high[VECTORS_AT_ONCE];

#pragma GCC unroll 4
        for (size_t p = 0; p < n_vectors; p++) {
                sum[p] = _mm512_setzero_ps();
                low[p] = high[p] = load_bf16(x + p * TALL_VECTOR_COLUMNS);
        }
        for (size_t row = 0; row < n_rows; row++, x += stride) {
#pragma GCC unroll 4
                for (size_t p = 0; p < n_vectors; p++) {
                        __m512 y = load_bf16(x + p * TALL_VECTOR_COLUMNS);

                        sum[p] = _mm512_add_ps(sum[p], y);
                        low[p] = _mm512_min_ps(low[p], y);
                        high[p] = _mm512_max_ps(high[p], y);
                }
        }
#pragma GCC unroll 4
        for (size_t p = 0; p < n_vectors; p++) {
                __m512 mean = _mm512_div_ps(sum[p], _mm512_set1_ps((float)n_rows));

                _mm512_storeu_ps(ret_means + p * TALL_VECTOR_COLUMNS, mean);
                _mm512_storeu_ps(ret_largest + p * TALL_VECTOR_COLUMNS,
                                 _mm512_max_ps(_mm512_sub_ps(high[p], mean),
                                               _mm512_sub_ps(mean, low[p])));
        }
}

// Means and largest distances of n columns.
TARGET_AVX512 static void measure_columns(const uint16_t *x, size_t stride, size_t n_rows,
                                          size_t n, float *ret_means, float *ret_largest) {
        size_t i = 0, at_once = VECTORS_AT_ONCE * TALL_VECTOR_COLUMNS;

        for (; i + at_once <= n; i += at_once)
                measure_vectors(x + i, stride, n_rows, VECTORS_AT_ONCE, ret_means + i,
                                ret_largest + i);
        for (; i < n; i += TALL_VECTOR_COLUMNS)
                measure_vectors(x + i, stride, n_rows, 1, ret_means + i, ret_largest + i);
}

// One key as bytes; returns its scale.
INLINE_AVX512 float quantize_key(const uint16_t *x, size_t n, const float *means,
                                 uint8_t *ret) {
        __m512 most = _mm512_setzero_ps(), inverse;
        float largest;

        for (size_t i = 0; i < n; i += 16)
                most = _mm512_max_ps(most,
                                     _mm512_abs_ps(_mm512_sub_ps(load_bf16(x + i),
                                                                 _mm512_loadu_ps(means + i))));
        largest = _mm512_reduce_max_ps(most);
        inverse = _mm512_set1_ps(largest > 0 ? INT8_MAX / largest : 0);
        for (size_t i = 0; i < n; i += 16) {
                __m512 y = _mm512_sub_ps(load_bf16(x + i), _mm512_loadu_ps(means + i));
                __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(y, inverse));

                _mm_storeu_si128((__m128i *)(void *)(ret + i), _mm512_cvtsepi32_epi8(whole));
        }
        return largest / INT8_MAX;
}

// A vector's keys, as bytes, become its columns.
TARGET_VNNI static void pack_keys(const struct tall_keys *ret, size_t column,
                                  uint8_t bytes[TALL_VECTOR_COLUMNS][TALL_WIDTH_MAX]) {
        size_t n_groups = ret->matrix.n_groups;
        __m512i sums = _mm512_setzero_si512();

        for (size_t group = 0; group < n_groups; group += 16) {
                __mmask16 mask = mask_avx512(n_groups - group);
                __m512i block[16];

                for (size_t i = 0; i < 16; i++)
                        block[i] =
                                _mm512_maskz_loadu_epi32(mask, bytes[i] + group * TALL_GROUP);
                transpose_avx512(block);
                for (size_t i = 0; i < 16 && group + i < n_groups; i++) {
                        sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), block[i]);
                        _mm512_storeu_si512(tall_matrix_at(&ret->matrix, group + i, column),
                                            block[i]);
                }
        }
        _mm512_storeu_si512(ret->zeros + column,
                            _mm512_mullo_epi32(sums, _mm512_set1_epi32(-QUERY_ZERO)));
}

TARGET_AVX512 void tall_quantize_keys_avx512(const struct tall_keys *ret, const uint16_t *x,
                                             size_t stride, size_t n, const float *biases,
                                             size_t n_unbiased) {
        size_t width = ret->matrix.n_groups * TALL_GROUP;
        float means[TALL_WIDTH_MAX], largest[TALL_WIDTH_MAX];

        measure_columns(x, stride, n, width, means, largest);
        for (size_t first = 0; first < n; first += TALL_VECTOR_COLUMNS) {
                uint8_t bytes[TALL_VECTOR_COLUMNS][TALL_WIDTH_MAX] = {{0}};

                for (size_t i = 0; i < TALL_VECTOR_COLUMNS; i++) {
                        size_t key = first + i;

                        ret->scales[key] = 0;
                        ret->biases[key] = -INFINITY;
                        if (key >= n)
                                continue;
                        ret->scales[key] =
                                quantize_key(x + key * stride, width, means, bytes[i]);
                        ret->biases[key] = key < n_unbiased ? 0 : biases[key] * STEPS;
                }
                pack_keys(ret, first, bytes);
        }
}

// Where a group of values lies: in the order of the softmax weights (tall.h).
static size_t value_group(const struct tall_matrix *matrix, size_t group) {
        size_t at_once = TALL_VECTORS * 4, first = group - group % at_once;

        if (first + at_once > matrix->n_groups)
                return group;
        return first + group % 4 * 4 + group % at_once / 4;
}

// Four rows of a vector's columns, less their means, as the bytes of its lanes.
INLINE_AVX512 __m512i quantize_four(const uint16_t *x, size_t stride, size_t n_rows,
                                    __m512 mean, __m512 inverse) {
        __m512i ret = _mm512_setzero_si512();

#pragma GCC unroll 4
        for (unsigned row = 0; row < TALL_GROUP; row++) {
                __m512 y;

                if (row >= n_rows)
                        break;
                y = _mm512_sub_ps(load_bf16(x + row * stride), mean);
                ret = insert_byte_avx512(ret, _mm512_mul_ps(y, inverse), row);
        }
        return ret;
}

TARGET_AVX512 void tall_quantize_values_avx512(const struct tall_values *ret, const uint16_t *x,
                                               size_t stride, size_t n) {
        size_t width = ret->matrix.n_vectors * TALL_VECTOR_COLUMNS;

        measure_columns(x, stride, n, width, ret->means, ret->scales);
        for (size_t column = 0; column < width; column += TALL_VECTOR_COLUMNS) {
                __m512 mean = _mm512_loadu_ps(ret->means + column);
                // A column of nothing but its mean divides by next to nothing, not by nothing.
                __m512 most = _mm512_max_ps(_mm512_loadu_ps(ret->scales + column),
                                            _mm512_set1_ps(1e-30f));
                __m512 inverse = _mm512_div_ps(_mm512_set1_ps(INT8_MAX), most);

                _mm512_storeu_ps(ret->scales + column,
                                 _mm512_div_ps(most, _mm512_set1_ps(INT8_MAX)));
                for (size_t group = 0; group < ret->matrix.n_groups; group++) {
                        size_t row = group * TALL_GROUP;
                        __m512i four = quantize_four(x + row * stride + column, stride,
                                                     row < n ? n - row : 0, mean, inverse);

                        _mm512_storeu_si512(tall_matrix_at(&ret->matrix,
                                                           value_group(&ret->matrix, group),
                                                           column),
                                            four);
                }
        }
}
