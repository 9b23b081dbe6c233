// Tiles: floats and bf16 as int8.
#include <math.h>
#include <string.h>

#include "decode/whisper/tiles.h"
#include "decode/whisper/tiles_avx512.h"

TARGET_AVX512 void tiles_quantize(const float *x, size_t n, uint8_t *ret,
                                  struct tile_row *ret_row) {
        __m512 least = _mm512_setzero_ps(), most = _mm512_setzero_ps(), scale, zero;
        float low, high;

        for (size_t i = 0; i < n; i += 16) {
                __m512 y = _mm512_maskz_loadu_ps(mask_avx512(n - i), x + i);

                least = _mm512_min_ps(least, y);
                most = _mm512_max_ps(most, y);
        }
        low = _mm512_reduce_min_ps(least);
        high = _mm512_reduce_max_ps(most);
        if (high - low < 1e-30f) {
                *ret_row = (struct tile_row){0, 0};
                high = low + 1;
        } else {
                ret_row->scale = (high - low) / 255;
                ret_row->zero = nearbyintf(-low / ret_row->scale);
        }
        scale = _mm512_set1_ps(255 / (high - low));
        zero = _mm512_set1_ps(ret_row->zero);
        for (size_t i = 0; i < n; i += 16) {
                __mmask16 mask = mask_avx512(n - i);
                __m512 y = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, x + i), scale, zero);

                y = _mm512_max_ps(y, _mm512_setzero_ps());
                _mm_mask_storeu_epi8(ret + i, mask,
                                     _mm512_cvtusepi32_epi8(_mm512_cvtps_epu32(y)));
        }
}

// --- Columns ---------------------------------------------------------------------------------

INLINE_AVX512 __m512 load_bf16(const uint16_t *x) {
        return from_bf16_avx512(_mm256_loadu_si256((const __m256i *)(const void *)x));
}

TARGET_AVX512 void tiles_means(const uint16_t *x, size_t stride, size_t n_rows, size_t n,
                               float *ret) {
        for (size_t i = 0; i < n; i += 16) {
                __m512 sum = _mm512_setzero_ps();

                for (size_t row = 0; row < n_rows; row++)
                        sum = _mm512_add_ps(sum, load_bf16(x + row * stride + i));
                _mm512_storeu_ps(ret + i, _mm512_div_ps(sum, _mm512_set1_ps((float)n_rows)));
        }
}

// One column of the matrix from a vector of n bf16.
INLINE_AVX512 void quantize_column(const struct tile_matrix *matrix, size_t column,
                                   const uint16_t *x, const float *means, float *ret_scale,
                                   float *ret_sum) {
        size_t n = matrix->n_groups * TILE_GROUP;
        uint8_t *at = tile_matrix_at(matrix, 0, column);
        size_t step =
                matrix->n_groups > 1 ? (size_t)(tile_matrix_at(matrix, 1, column) - at) : 0;
        __m512 most = _mm512_setzero_ps(), inverse;
        __m512i sum = _mm512_setzero_si512();
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
                uint8_t bytes[16];

                sum = _mm512_add_epi32(sum, whole);
                _mm_storeu_si128((__m128i *)(void *)bytes, _mm512_cvtsepi32_epi8(whole));
                for (size_t k = 0; k < 16; k += TILE_GROUP, at += step)
                        memcpy(at, bytes + k, TILE_GROUP);
        }
        *ret_scale = largest / INT8_MAX;
        *ret_sum = (float)_mm512_reduce_add_epi32(sum);
}

TARGET_AVX512 void tiles_quantize_columns(const struct tile_matrix *matrix, const uint16_t *x,
                                          size_t stride, size_t n_columns, const float *means,
                                          struct tile_columns ret) {
        size_t n_all = matrix->n_panels * TILE_PANEL_COLUMNS;

        for (size_t column = 0; column < n_columns; column++)
                quantize_column(matrix, column, x + column * stride, means, &ret.scales[column],
                                &ret.sums[column]);
        for (size_t column = n_columns; column < n_all; column++) {
                ret.scales[column] = ret.sums[column] = 0;
                for (size_t group = 0; group < matrix->n_groups; group++)
                        memset(tile_matrix_at(matrix, group, column), 0, TILE_GROUP);
        }
}

// Four rows of a panel's columns, less their means, as the bytes of its lanes.
INLINE_AVX512 __m512i quantize_four(const uint16_t *x, size_t stride, size_t n_rows,
                                    __m512 mean, __m512 inverse) {
        __m512i ret = _mm512_setzero_si512();

#pragma GCC unroll 4
        for (unsigned row = 0; row < TILE_GROUP; row++) {
                __m512 y;

                if (row >= n_rows)
                        break;
                y = _mm512_sub_ps(load_bf16(x + row * stride), mean);
                ret = insert_byte_avx512(ret, _mm512_mul_ps(y, inverse), row);
        }
        return ret;
}

TARGET_AVX512 void tiles_quantize_rows(const struct tile_matrix *matrix, const uint16_t *x,
                                       size_t stride, size_t n_rows, const float *means,
                                       float *ret_scales) {
        for (size_t panel = 0; panel < matrix->n_panels; panel++) {
                size_t column = panel * TILE_PANEL_COLUMNS;
                __m512 mean = _mm512_loadu_ps(means + column), most = _mm512_setzero_ps();
                __m512 inverse;

                for (size_t row = 0; row < n_rows; row++) {
                        __m512 y = load_bf16(x + row * stride + column);

                        most = _mm512_max_ps(most, _mm512_abs_ps(_mm512_sub_ps(y, mean)));
                }
                // A column of nothing but its mean divides by next to nothing, not by nothing.
                most = _mm512_max_ps(most, _mm512_set1_ps(1e-30f));
                inverse = _mm512_div_ps(_mm512_set1_ps(INT8_MAX), most);
                _mm512_storeu_ps(ret_scales + column,
                                 _mm512_div_ps(most, _mm512_set1_ps(INT8_MAX)));
                for (size_t row = 0; row < n_rows; row += TILE_GROUP)
                        _mm512_storeu_si512(tile_matrix_at(matrix, row / TILE_GROUP, column),
                                            quantize_four(x + row * stride + column, stride,
                                                          n_rows - row, mean, inverse));
        }
}
