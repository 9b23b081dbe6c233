#include "decode/whisper/tiles.h"

#include <math.h>
#include <string.h>

#include "decode/whisper/cpu.h"
#include "decode/whisper/tiles_avx512.h"

#define LOG2_E 1.44269504f

#define TARGET_BF16 \
        __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

// --- Kernels ---------------------------------------------------------------------------------

// The dot products of bf16 pairs without the processor's help: a bf16 is a float's upper half.
INLINE_AVX512 __m512i dot_bf16_emulated(__m512i sum, __m512i x, __m512i panel) {
        const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
        __m512 y = _mm512_castsi512_ps(sum);

        y = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)),
                            _mm512_castsi512_ps(_mm512_slli_epi32(panel, 16)), y);
        y = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(x, upper)),
                            _mm512_castsi512_ps(_mm512_and_si512(panel, upper)), y);
        return _mm512_castps_si512(y);
}

INLINE_AVX512 __m512i to_bf16_two_avx512(__m512 low, __m512 high) {
        return _mm512_inserti64x4(_mm512_castsi256_si512(to_bf16_avx512(low)),
                                  to_bf16_avx512(high), 1);
}

// exp(score - largest), where largest * LOG2_E is the shift; zero where the mask is. It goes
// into *sum, too.
INLINE_AVX512 __m512 probability(const float *score, __mmask16 mask, __m512 shift,
                                 __m512 *sum) {
        __m512 x = _mm512_maskz_loadu_ps(mask, score);

        x = exp2_avx512(_mm512_fmsub_ps(x, _mm512_set1_ps(LOG2_E), shift));
        x = _mm512_maskz_mov_ps(mask, x);
        *sum = _mm512_add_ps(*sum, x);
        return x;
}

#define TILE_NAME(name) name##_bf16
#define TILE_TARGET     TARGET_BF16
#define TILE_DOT(sum, x, panel) \
        _mm512_castps_si512(    \
                _mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)(x), (__m512bh)(panel)))
#define TILE_CONVERT(floats)        ((__m256i)_mm512_cvtneps_pbh(floats))
#define TILE_CONVERT_TWO(low, high) ((__m512i)_mm512_cvtne2ps_pbh(high, low))
#define TILE_IS_INT8                0
#include "decode/whisper/tiles_kernel.inc"

#define TILE_NAME(name)             name##_bf16_emulated
#define TILE_TARGET                 TARGET_AVX512
#define TILE_DOT(sum, x, panel)     dot_bf16_emulated(sum, x, panel)
#define TILE_CONVERT(floats)        to_bf16_avx512(floats)
#define TILE_CONVERT_TWO(low, high) to_bf16_two_avx512(low, high)
#define TILE_IS_INT8                0
#include "decode/whisper/tiles_kernel.inc"

#define TILE_NAME(name)         name##_int8
#define TILE_TARGET             TARGET_VNNI
#define TILE_DOT(sum, x, panel) _mm512_dpbusd_epi32(sum, x, panel)
#define TILE_CONVERT(floats)    to_bf16_avx512(floats)
#define TILE_IS_INT8            1
#include "decode/whisper/tiles_kernel.inc"

void tiles_multiply(enum tile_elements elements, const struct tile_product *product) {
        if (elements == TILE_INT8)
                multiply_int8(product);
        else if (cpu_has_bf16())
                multiply_bf16(product);
        else
                multiply_bf16_emulated(product);
}

// --- Packing ---------------------------------------------------------------------------------

// 16 vectors of 16 elements of 32 bits become their columns: pairs, fours, then quarters of the
// vectors change places.
TARGET_AVX512 static void transpose(__m512i x[16]) {
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

TARGET_AVX512 void tiles_pack_columns(const struct tile_matrix *matrix, const uint16_t *x,
                                      size_t stride, size_t n_columns) {
        for (size_t column = 0; column < n_columns; column += 16) {
                size_t n = n_columns - column < 16 ? n_columns - column : 16;

                for (size_t group = 0; group < matrix->n_groups; group += 16) {
                        size_t n_groups = matrix->n_groups - group;
                        __mmask16 mask = mask_avx512(n_groups);
                        __m512i block[16];

                        for (size_t i = 0; i < 16; i++)
                                block[i] = i < n ? _mm512_maskz_loadu_epi32(
                                                           mask, x + (column + i) * stride +
                                                                         group * 2)
                                                 : _mm512_setzero_si512();
                        transpose(block);
                        for (size_t i = 0; i < 16 && i < n_groups; i++)
                                _mm512_storeu_si512(tile_matrix_at(matrix, group + i, column),
                                                    block[i]);
                }
        }
}

TARGET_AVX512 void tiles_pack_rows(const struct tile_matrix *matrix, const uint16_t *x,
                                   size_t stride, size_t n_rows) {
        for (size_t row = 0; row < n_rows; row += 2, x += 2 * stride) {
                for (size_t panel = 0; panel < matrix->n_panels; panel++) {
                        size_t column = panel * TILE_PANEL_COLUMNS;
                        const __m256i *first = (const __m256i *)(x + column);
                        const __m256i *second = (const __m256i *)(x + stride + column);
                        __m512i pair = _mm512_cvtepu16_epi32(_mm256_loadu_si256(first));

                        if (row + 1 < n_rows)
                                pair = _mm512_or_si512(
                                        pair,
                                        _mm512_slli_epi32(_mm512_cvtepu16_epi32(
                                                                  _mm256_loadu_si256(second)),
                                                          16));
                        _mm512_storeu_si512(tile_matrix_at(matrix, row / 2, column), pair);
                }
        }
}

// --- Softmax ---------------------------------------------------------------------------------

// The largest score, once the biases are in.
TARGET_AVX512 static float scores_bias(float *scores, size_t n, const float *biases,
                                       size_t n_unbiased) {
        __m512 largest = _mm512_set1_ps(-INFINITY);
        size_t i = 0;

        for (; i + 16 <= n_unbiased; i += 16)
                largest = _mm512_max_ps(largest, _mm512_loadu_ps(scores + i));
        for (; i < n; i += 16) {
                __mmask16 mask = mask_avx512(n - i);
                __m512 x = _mm512_maskz_loadu_ps(mask, scores + i);

                if (n_unbiased < n) {
                        __mmask16 biased = mask;

                        if (i < n_unbiased)
                                biased &= (__mmask16)~mask_avx512(n_unbiased - i);
                        x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(biased, biases + i));
                }
                _mm512_mask_storeu_ps(scores + i, mask, x);
                largest = _mm512_mask_max_ps(largest, mask, largest, x);
        }
        return _mm512_reduce_max_ps(largest);
}

// As shares of 255, in bytes. What is rounded away is in the sum all the same: whoever
// multiplies gives it the values' mean (self_attention.c).
TARGET_AVX512 static float probabilities_int8(float *scores, size_t n, float largest) {
        __m512 shift = _mm512_set1_ps(largest * LOG2_E), sum = _mm512_setzero_ps();
        uint8_t *ret = (uint8_t *)scores;

        for (size_t i = 0; i < n; i += 16) {
                __m512 x = probability(scores + i, mask_avx512(n - i), shift, &sum);
                __m512i share = _mm512_cvtps_epu32(_mm512_mul_ps(x, _mm512_set1_ps(255)));

                _mm_storeu_si128((__m128i *)(void *)(ret + i), _mm512_cvtusepi32_epi8(share));
        }
        return _mm512_reduce_add_ps(sum);
}

float tiles_softmax(enum tile_elements elements, float *scores, size_t n, const float *biases,
                    size_t n_unbiased) {
        float largest = scores_bias(scores, n, biases, n_unbiased);

        if (elements == TILE_INT8)
                return probabilities_int8(scores, n, largest);
        return cpu_has_bf16() ? probabilities_bf16(scores, n, largest)
                              : probabilities_bf16_emulated(scores, n, largest);
}

// --- Rows ------------------------------------------------------------------------------------

TARGET_AVX512 void tiles_to_bf16(const float *x, size_t n, uint16_t *ret) {
        for (size_t i = 0; i < n; i += 16) {
                __mmask16 mask = mask_avx512(n - i);
                __m256i y = to_bf16_avx512(_mm512_maskz_loadu_ps(mask, x + i));

                _mm256_mask_storeu_epi16(ret + i, mask, y);
        }
}

TARGET_AVX512 void tiles_from_bf16(const uint16_t *x, size_t n, float *ret) {
        for (size_t i = 0; i < n; i += 16) {
                __mmask16 mask = mask_avx512(n - i);
                __m512 y = from_bf16_avx512(_mm256_maskz_loadu_epi16(mask, x + i));

                _mm512_mask_storeu_ps(ret + i, mask, y);
        }
}
