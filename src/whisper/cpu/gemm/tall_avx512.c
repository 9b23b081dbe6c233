// Tiles for AVX-512 and AMX.
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "whisper/cpu/cpu.h"
#include "whisper/cpu/gemm/tall_amx.h"
#include "whisper/cpu/gemm/tall_avx512.h"
#include "whisper/cpu/gemm/tall_kernels.h"
#include "whisper/cpu/gemm/tall_quantize_avx512.h"

#define LOG2_E 1.44269504f

#define TARGET_BF16 \
        __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512bf16")))

// --- Kernels ---------------------------------------------------------------------------------

// The dot products of bf16 pairs without the processor's help: a bf16 is a float's upper half.
INLINE_AVX512 __m512i dot_bf16_emulated(__m512i sum, __m512i x, __m512i vector) {
        const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
        __m512 y = _mm512_castsi512_ps(sum);

        y = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_slli_epi32(x, 16)),
                            _mm512_castsi512_ps(_mm512_slli_epi32(vector, 16)), y);
        y = _mm512_fmadd_ps(_mm512_castsi512_ps(_mm512_and_si512(x, upper)),
                            _mm512_castsi512_ps(_mm512_and_si512(vector, upper)), y);
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

#define TALL_NAME(name) name##_bf16
#define TALL_TARGET     TARGET_BF16
#define TALL_DOT(sum, x, vector) \
        _mm512_castps_si512(     \
                _mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)(x), (__m512bh)(vector)))
#define TALL_CONVERT(floats)        ((__m256i)_mm512_cvtneps_pbh(floats))
#define TALL_CONVERT_TWO(low, high) ((__m512i)_mm512_cvtne2ps_pbh(high, low))
#define TALL_IS_INT8                0
#define TALL_AMX                    TALL_BF16
#include "whisper/cpu/gemm/tall_avx512.inc"

#define TALL_NAME(name)             name##_bf16_emulated
#define TALL_TARGET                 TARGET_AVX512
#define TALL_DOT(sum, x, vector)    dot_bf16_emulated(sum, x, vector)
#define TALL_CONVERT(floats)        to_bf16_avx512(floats)
#define TALL_CONVERT_TWO(low, high) to_bf16_two_avx512(low, high)
#define TALL_IS_INT8                0
#include "whisper/cpu/gemm/tall_avx512.inc"

#define TALL_NAME(name)          name##_int8
#define TALL_TARGET              TARGET_VNNI
#define TALL_DOT(sum, x, vector) _mm512_dpbusd_epi32(sum, x, vector)
#define TALL_CONVERT(floats)     to_bf16_avx512(floats)
#define TALL_IS_INT8             1
#define TALL_AMX                 TALL_INT8
#include "whisper/cpu/gemm/tall_avx512.inc"

void tall_multiply_bf16(const struct tall_product *product) {
        if (cpu_has_amx())
                multiply_amx_bf16(product);
        else if (cpu_has_bf16())
                multiply_bf16(product);
        else
                multiply_bf16_emulated(product);
}

// --- Packing ---------------------------------------------------------------------------------

TARGET_AVX512 void tall_pack_columns_avx512(const struct tall_matrix *matrix, const uint16_t *x,
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
                        transpose_avx512(block);
                        for (size_t i = 0; i < 16 && i < n_groups; i++)
                                _mm512_storeu_si512(tall_matrix_at(matrix, group + i, column),
                                                    block[i]);
                }
        }
}

TARGET_AVX512 void tall_pack_rows_avx512(const struct tall_matrix *matrix, const uint16_t *x,
                                         size_t stride, size_t n_rows) {
        for (size_t row = 0; row < n_rows; row += 2, x += 2 * stride) {
                for (size_t vector = 0; vector < matrix->n_vectors; vector++) {
                        size_t column = vector * TALL_VECTOR_COLUMNS;
                        const __m256i *first = (const __m256i *)(x + column);
                        const __m256i *second = (const __m256i *)(x + stride + column);
                        __m512i pair = _mm512_cvtepu16_epi32(_mm256_loadu_si256(first));

                        if (row + 1 < n_rows)
                                pair = _mm512_or_si512(
                                        pair,
                                        _mm512_slli_epi32(_mm512_cvtepu16_epi32(
                                                                  _mm256_loadu_si256(second)),
                                                          16));
                        _mm512_storeu_si512(tall_matrix_at(matrix, row / 2, column), pair);
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

float tall_softmax_avx512(float *scores, size_t n, const float *biases, size_t n_unbiased) {
        float largest = scores_bias(scores, n, biases, n_unbiased);

        return cpu_has_bf16() ? probabilities_bf16(scores, n, largest)
                              : probabilities_bf16_emulated(scores, n, largest);
}

// --- Scores and weights ----------------------------------------------------------------------

// The largest of 32.
TARGET_VNNI static int16_t largest_word(__m512i words) {
        __m256i half = _mm256_max_epi16(_mm512_castsi512_si256(words),
                                        _mm512_extracti64x4_epi64(words, 1));
        __m128i quarter =
                _mm_max_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
        // The processor finds the least of eight without a sign.
        __m128i mirror = _mm_set1_epi16(INT16_MAX);

        quarter = _mm_minpos_epu16(_mm_xor_si128(quarter, mirror));
        return (int16_t)(_mm_cvtsi128_si32(quarter) ^ INT16_MAX);
}

// What makes scores of products with n_vectors vectors.
struct score_columns {
        size_t first;
        __m512 scales[TALL_VECTORS], biases[TALL_VECTORS];
};

INLINE_VNNI struct score_columns columns_load(const struct tall_keys *keys, size_t first,
                                              const size_t n_vectors) {
        struct score_columns ret = {.first = first};

#pragma GCC unroll 4
        for (size_t p = 0; p < n_vectors; p++) {
                ret.scales[p] = _mm512_loadu_ps(keys->scales + first + p * TALL_VECTOR_COLUMNS);
                ret.biases[p] = _mm512_loadu_ps(keys->biases + first + p * TALL_VECTOR_COLUMNS);
        }
        return ret;
}

// A query's products with these columns, as scores into sixteen bits; *largest sees them, too.
INLINE_VNNI void store_scores(const struct tall_scores *scores,
                              const struct score_columns *columns,
                              const __m512i sums[TALL_VECTORS], size_t row,
                              const size_t n_vectors, __m512i *largest) {
        __m512 scale = _mm512_set1_ps(scores->query_scales[row]);
        int16_t *ret = scores->scores + row * scores->stride + columns->first;
        __m512i of_vector[TALL_VECTORS], most = _mm512_loadu_si512(largest);

#pragma GCC unroll 4
        for (size_t p = 0; p < n_vectors; p++)
                of_vector[p] = _mm512_cvtps_epi32(_mm512_fmadd_ps(
                        _mm512_cvtepi32_ps(sums[p]), _mm512_mul_ps(scale, columns->scales[p]),
                        columns->biases[p]));
        if (n_vectors == TALL_VECTORS) {
                __m512i low = _mm512_packs_epi32(of_vector[0], of_vector[1]);
                __m512i high = _mm512_packs_epi32(of_vector[2], of_vector[3]);

                _mm512_storeu_si512(ret, low);
                _mm512_storeu_si512(ret + 32, high);
                most = _mm512_max_epi16(most, _mm512_max_epi16(low, high));
        } else {
#pragma GCC unroll 3
                for (size_t p = 0; p < n_vectors; p++) {
                        __m256i words = _mm512_cvtsepi32_epi16(of_vector[p]);

                        _mm256_storeu_si256((__m256i *)(void *)(ret + p * TALL_VECTOR_COLUMNS),
                                            words);
                        most = _mm512_max_epi16(most, _mm512_broadcast_i64x4(words));
                }
        }
        _mm512_storeu_si512(largest, most);
}

INLINE_VNNI void score_tile(const struct tall_scores *scores,
                            const struct tall_product *product, size_t row, size_t vector,
                            const size_t n_vectors, __m512i largest[TALL_BLOCK_ROWS]) {
        const int32_t *zeros = scores->keys.zeros + vector * TALL_VECTOR_COLUMNS;
        struct score_columns columns;
        __m512i sums[TALL_TILE_ROWS][TALL_VECTORS];

#pragma GCC unroll 6
        for (size_t r = 0; r < TALL_TILE_ROWS; r++)
#pragma GCC unroll 4
                for (size_t p = 0; p < n_vectors; p++)
                        sums[r][p] = _mm512_loadu_si512(zeros + p * TALL_VECTOR_COLUMNS);
        sum_tile_int8(product, row, vector, n_vectors, sums);
        columns = columns_load(&scores->keys, vector * TALL_VECTOR_COLUMNS, n_vectors);
#pragma GCC unroll 6
        for (size_t r = 0; r < TALL_TILE_ROWS; r++)
                if (row + r < scores->n_rows)
                        store_scores(scores, &columns, sums[r], row + r, n_vectors,
                                     &largest[row + r]);
}

// Sums that AMX has found, of n_vectors vectors from `vector` on.
INLINE_VNNI void score_sums(const struct tall_scores *scores, const struct tall_amx *amx,
                            size_t vector, const size_t n_vectors,
                            __m512i largest[TALL_BLOCK_ROWS]) {
        const size_t first = vector * TALL_VECTOR_COLUMNS;
        const struct score_columns columns = columns_load(&scores->keys, first, n_vectors);

        for (size_t row = 0; row < scores->n_rows; row++) {
                __m512i sums[TALL_VECTORS];

#pragma GCC unroll 4
                for (size_t p = 0; p < n_vectors; p++)
                        sums[p] = _mm512_load_si512(amx->sums[row] + p * TALL_VECTOR_COLUMNS);
                store_scores(scores, &columns, sums, row, n_vectors, &largest[row]);
        }
}

TARGET_VNNI static void score_blocks_amx(const struct tall_scores *scores,
                                         const struct tall_product *product,
                                         __m512i largest[TALL_BLOCK_ROWS]) {
        size_t n_all = product->matrix.n_vectors, n_vectors;
        struct tall_amx amx;

        tall_amx_begin(&amx, TALL_INT8, product);
        for (size_t vector = 0; vector < n_all; vector += n_vectors) {
                n_vectors = n_all - vector < TALL_VECTORS ? n_all - vector : TALL_VECTORS;
                tall_amx_sum_onto(&amx, vector, n_vectors,
                                  scores->keys.zeros + vector * TALL_VECTOR_COLUMNS);
                if (n_vectors == 4)
                        score_sums(scores, &amx, vector, 4, largest);
                else if (n_vectors == 3)
                        score_sums(scores, &amx, vector, 3, largest);
                else if (n_vectors == 2)
                        score_sums(scores, &amx, vector, 2, largest);
                else
                        score_sums(scores, &amx, vector, 1, largest);
        }
        tall_amx_end();
}

TARGET_VNNI static void score_blocks_vnni(const struct tall_scores *scores,
                                          const struct tall_product *product,
                                          __m512i largest[TALL_BLOCK_ROWS]) {
        const struct tall_matrix *keys = &product->matrix;

        for (size_t vector = 0; vector < keys->n_vectors; vector += TALL_VECTORS) {
                size_t n_vectors = keys->n_vectors - vector;

                for (size_t row = 0; row < scores->n_rows; row += TALL_TILE_ROWS) {
                        if (n_vectors >= 4)
                                score_tile(scores, product, row, vector, 4, largest);
                        else if (n_vectors == 3)
                                score_tile(scores, product, row, vector, 3, largest);
                        else if (n_vectors == 2)
                                score_tile(scores, product, row, vector, 2, largest);
                        else
                                score_tile(scores, product, row, vector, 1, largest);
                }
        }
}

INLINE_VNNI void score_all(const struct tall_scores *scores, int16_t *ret_largest,
                           const bool has_amx) {
        const struct tall_matrix *keys = &scores->keys.matrix;
        const struct tall_product product = {.matrix = *keys,
                                             .n_groups = keys->n_groups,
                                             .x = scores->queries,
                                             .x_stride = keys->n_groups * TALL_GROUP,
                                             .n_rows = scores->n_rows};
        __m512i largest[TALL_BLOCK_ROWS];

        for (size_t row = 0; row < scores->n_rows; row++)
                largest[row] = _mm512_set1_epi16(INT16_MIN);
        if (has_amx)
                score_blocks_amx(scores, &product, largest);
        else
                score_blocks_vnni(scores, &product, largest);
        for (size_t row = 0; row < scores->n_rows; row++)
                ret_largest[row] = largest_word(largest[row]);
}

TARGET_VNNI static void score_vnni(const struct tall_scores *scores, int16_t *ret_largest) {
        score_all(scores, ret_largest, false);
}

TARGET_VNNI static void score_amx(const struct tall_scores *scores, int16_t *ret_largest) {
        score_all(scores, ret_largest, true);
}

// 2^-(largest - score) in 1/128 of a weight, rounded. The fraction's power is the minimax
// polynomial of degree 2 for the relative error, which is 0.0017.
INLINE_VNNI __m512i fine_weights(__m512i largest, __m512i scores) {
        __m512i down = _mm512_sub_epi16(largest, scores);  // without a sign
        __m512i part = _mm512_slli_epi16(down, 9), p;

        p = _mm512_mulhi_epu16(part, _mm512_set1_epi16(11006));
        p = _mm512_sub_epi16(_mm512_set1_epi16((short)43477), p);
        p = _mm512_mulhi_epu16(part, p);
        p = _mm512_sub_epi16(_mm512_set1_epi16((short)65167), p);
        p = _mm512_srlv_epi16(p, _mm512_srli_epi16(down, 7));
        return _mm512_avg_epu16(p, _mm512_setzero_si512());
}

// Rounded to whole weights.
INLINE_VNNI __m512i whole_weights(__m512i fine) {
        return _mm512_mulhrs_epi16(fine, _mm512_set1_epi16(1 << 8));
}

TARGET_VNNI static float quantize_softmax(int16_t *scores, size_t n, int16_t largest) {
        // A column without a key has the least score; it has no weight even then.
        const __m512i least = _mm512_set1_epi16(INT16_MIN + (16 << 7));
        const __m512i most = _mm512_max_epi16(_mm512_set1_epi16(largest), least);
        const __m512i ones = _mm512_set1_epi16(1);
        __m512i sums[2] = {_mm512_setzero_si512(), _mm512_setzero_si512()};
        uint8_t *ret = (uint8_t *)scores;
        size_t i = 0;

        for (; i + 64 <= n; i += 64) {
                __m512i low = fine_weights(most, _mm512_loadu_si512(scores + i));
                __m512i high = fine_weights(most, _mm512_loadu_si512(scores + i + 32));

                sums[0] = _mm512_dpwssd_epi32(sums[0], low, ones);
                sums[1] = _mm512_dpwssd_epi32(sums[1], high, ones);
                _mm512_storeu_si512(
                        ret + i, _mm512_packus_epi16(whole_weights(low), whole_weights(high)));
        }
        for (; i < n; i += 16) {
                __m512i words = _mm512_mask_loadu_epi16(_mm512_set1_epi16(INT16_MIN), 0xffff,
                                                        scores + i);
                __m512i fine = fine_weights(most, words);

                sums[0] = _mm512_dpwssd_epi32(sums[0], fine, ones);
                _mm_storeu_si128(
                        (__m128i *)(void *)(ret + i),
                        _mm256_castsi256_si128(_mm512_cvtepi16_epi8(whole_weights(fine))));
        }
        return (float)_mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1])) / 128;
}

// --- Rows ------------------------------------------------------------------------------------

TARGET_AVX512 static void to_bf16(const float *x, size_t n, uint16_t *ret) {
        for (size_t i = 0; i < n; i += 16) {
                __mmask16 mask = mask_avx512(n - i);
                __m256i y = to_bf16_avx512(_mm512_maskz_loadu_ps(mask, x + i));

                _mm256_mask_storeu_epi16(ret + i, mask, y);
        }
}

TARGET_AVX512 static void from_bf16(const uint16_t *x, size_t n, float *ret) {
        for (size_t i = 0; i < n; i += 16) {
                __mmask16 mask = mask_avx512(n - i);
                __m512 y = from_bf16_avx512(_mm256_maskz_loadu_epi16(mask, x + i));

                _mm512_mask_storeu_ps(ret + i, mask, y);
        }
}

#define KERNELS(multiply, find_scores, rows)                                                  \
        {                                                                                     \
                .panel_vectors = TALL_VECTORS, .chunk_rows = (rows), .attention = TALL_INT8,  \
                .multiply_int8 = (multiply), .to_bf16 = to_bf16, .from_bf16 = from_bf16,      \
                .quantize = tall_quantize_avx512, .quantize_keys = tall_quantize_keys_avx512, \
                .quantize_query = tall_quantize_query_avx512, .score = (find_scores),         \
                .quantize_softmax = quantize_softmax,                                         \
                .quantize_values = tall_quantize_values_avx512,                               \
        }

const struct tall_kernels tall_avx512 = KERNELS(multiply_int8, score_vnni, TALL_ROWS_MAX / 2);
const struct tall_kernels tall_amx = KERNELS(multiply_amx_int8, score_amx, TALL_ROWS_MAX);
