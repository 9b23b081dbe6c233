// Tiles for AVX-512 and AMX.
#include <stdbool.h>
#include <string.h>

#include "whisper/cpu/gemm/tall_amx.h"
#include "whisper/cpu/gemm/tall_avx512.h"
#include "whisper/cpu/gemm/tall_kernels.h"
#include "whisper/cpu/gemm/tall_quantize_avx512.h"

// --- Products --------------------------------------------------------------------------------

// Sums become floats, with bias and scales; `first` is the vector's first column.
INLINE_VNNI __m512 finish_sum(const struct tall_product *product, __m512i sum, size_t row,
                              size_t first) {
        const struct tall_row *stands = &product->rows[row];
        __m512 y = _mm512_fnmadd_ps(_mm512_set1_ps(stands->zero),
                                    _mm512_loadu_ps(product->sums + first),
                                    _mm512_cvtepi32_ps(sum));

        y = _mm512_mul_ps(y, _mm512_mul_ps(_mm512_set1_ps(stands->scale),
                                           _mm512_loadu_ps(product->scales + first)));
        if (product->bias)
                y = _mm512_add_ps(y, _mm512_loadu_ps(product->bias + first));
        if (product->flags & TALL_GELU)
                y = gelu_coarse_avx512(y);
        return y;
}

INLINE_VNNI void store_sum(const struct tall_product *product, __m512i sum, size_t row,
                           size_t first) {
        __m512 y = finish_sum(product, sum, row, first);
        size_t at = row * product->y_stride + first;
        float *ret = (float *)product->y + at;

        if (product->flags & TALL_TO_BF16) {
                _mm256_storeu_si256((__m256i *)((uint16_t *)product->y + at),
                                    to_bf16_avx512(y));
                return;
        }
        if (product->flags & TALL_ADD)
                y = _mm512_add_ps(y, _mm512_loadu_ps(ret));
        _mm512_storeu_ps(ret, y);
}

// The sums of a tile of TALL_TILE_ROWS rows from `row` and n_vectors vectors from `vector`, on
// top of what is in them. Rows that are not there are taken for the last one. A part of the
// vectors that lie behind these is asked for meanwhile (all rows together ask for as many as
// these are): so they come from the third-level cache while there is something to do.
INLINE_VNNI void sum_tile(const struct tall_product *product, size_t row, size_t vector,
                          const size_t n_vectors, __m512i sums[TALL_TILE_ROWS][TALL_VECTORS]) {
        size_t n_groups = product->matrix.n_groups, n_rows = product->n_rows - row;
        const uint8_t *elements = product->matrix.elements + tall_matrix_size(n_groups, vector);
        const uint8_t *x[TALL_TILE_ROWS];
        size_t ahead_step = n_vectors * sizeof(__m512i) * TALL_TILE_ROWS / product->n_rows;
        const uint8_t *ahead = elements + tall_matrix_size(n_groups, n_vectors) +
                               row / TALL_TILE_ROWS * n_groups * ahead_step;

#pragma GCC unroll 6
        for (size_t r = 0; r < TALL_TILE_ROWS; r++) {
                size_t nearest = row + (r < n_rows ? r : n_rows - 1);

                x[r] = (const uint8_t *)product->x + nearest * product->x_stride;
        }
        for (size_t group = 0; group < n_groups; group++) {
                __m512i vectors[TALL_VECTORS];

#pragma GCC unroll 4
                for (size_t p = 0; p < n_vectors; p++)
                        vectors[p] = _mm512_loadu_si512(elements + p * sizeof(__m512i));
                elements += n_vectors * sizeof(__m512i);
                _mm_prefetch((const char *)ahead, _MM_HINT_T1);
                ahead += ahead_step;
#pragma GCC unroll 6
                for (size_t r = 0; r < TALL_TILE_ROWS; r++) {
                        __m512i fours = vectors_load_four_avx512(x[r] + group * TALL_GROUP);

#pragma GCC unroll 4
                        for (size_t p = 0; p < n_vectors; p++)
                                sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], fours, vectors[p]);
                }
        }
}

INLINE_VNNI void multiply_tile(const struct tall_product *product, size_t row, size_t vector,
                               const size_t n_vectors) {
        __m512i sums[TALL_TILE_ROWS][TALL_VECTORS];

#pragma GCC unroll 6
        for (size_t r = 0; r < TALL_TILE_ROWS; r++)
#pragma GCC unroll 4
                for (size_t p = 0; p < n_vectors; p++)
                        sums[r][p] = _mm512_setzero_si512();
        sum_tile(product, row, vector, n_vectors, sums);
#pragma GCC unroll 6
        for (size_t r = 0; r < TALL_TILE_ROWS; r++)
#pragma GCC unroll 4
                for (size_t p = 0; p < n_vectors; p++)
                        if (row + r < product->n_rows)
                                store_sum(product, sums[r][p], row + r,
                                          (vector + p) * TALL_VECTOR_COLUMNS);
}

// All rows, a block of vectors after the other: it stays in the first-level cache meanwhile.
TARGET_VNNI static void multiply_vnni(const struct tall_product *product) {
        for (size_t vector = 0; vector < product->matrix.n_vectors; vector += TALL_VECTORS) {
                size_t n_vectors = product->matrix.n_vectors - vector;

                for (size_t row = 0; row < product->n_rows; row += TALL_TILE_ROWS) {
                        if (n_vectors >= 4)
                                multiply_tile(product, row, vector, 4);
                        else if (n_vectors == 3)
                                multiply_tile(product, row, vector, 3);
                        else if (n_vectors == 2)
                                multiply_tile(product, row, vector, 2);
                        else
                                multiply_tile(product, row, vector, 1);
                }
        }
}

// All rows and columns, by AMX.
TARGET_VNNI static void multiply_amx(const struct tall_product *product) {
        struct tall_amx amx;

        tall_amx_begin(&amx, product);
        for (size_t vector = 0; vector < product->matrix.n_vectors; vector += TALL_VECTORS) {
                size_t n_vectors = product->matrix.n_vectors - vector;

                n_vectors = n_vectors < TALL_VECTORS ? n_vectors : TALL_VECTORS;
                tall_amx_sum(&amx, vector, n_vectors);
                for (size_t row = 0; row < product->n_rows; row++)
                        for (size_t p = 0; p < n_vectors; p++)
                                store_sum(product,
                                          _mm512_load_si512(amx.sums[row] +
                                                            p * TALL_VECTOR_COLUMNS),
                                          row, (vector + p) * TALL_VECTOR_COLUMNS);
        }
        tall_amx_end();
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
        sum_tile(product, row, vector, n_vectors, sums);
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

        tall_amx_begin(&amx, product);
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

const struct tall_kernels tall_avx512 = KERNELS(multiply_vnni, score_vnni, TALL_ROWS_MAX / 2);
const struct tall_kernels tall_amx = KERNELS(multiply_amx, score_amx, TALL_ROWS_MAX);
