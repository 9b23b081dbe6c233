// Tiles for aarch64: floats and bf16 as int8. Numbers are AVX2's, those of attention in bytes.
#include "whisper/cpu/gemm/tall_quantize_neon.h"

#include "whisper/cpu/gemm/dots_neon.h"
#include "whisper/cpu/gemm/tall_quantize_avx2.h"

// A row as AVX2 has it, its bytes less 128.
void tall_quantize_neon(const float *x, size_t n, uint8_t *ret, struct tall_row *ret_row) {
        tall_quantize_avx2(x, n, ret, ret_row);
        neon_turn_bytes(ret, n);
}

// n words that fit, as bytes.
static void narrow(const int16_t *words, size_t n, int8_t *ret) {
        for (size_t i = 0; i < n; i++)
                ret[i] = (int8_t)words[i];
}

void tall_quantize_query_neon(const uint16_t *x, size_t n, void *ret, float *ret_scale) {
        int16_t words[TALL_WIDTH_MAX];

        tall_quantize_query_avx2(x, n, words, ret_scale);
        narrow(words, n, ret);
}

// A vector's keys, as words, become its columns of bytes.
static void pack_keys_neon(const struct tall_keys *ret, size_t column,
                           int16_t words[TALL_VECTOR_COLUMNS][TALL_WIDTH_MAX]) {
        uint8_t *to = tall_matrix_at(&ret->matrix, 0, column);

        for (size_t group = 0; group < ret->matrix.n_groups; group++)
                for (size_t i = 0; i < TALL_VECTOR_COLUMNS; i++, to += TALL_GROUP)
                        narrow(words[i] + group * TALL_GROUP, TALL_GROUP, (int8_t *)to);
}

void tall_quantize_keys_neon(const struct tall_keys *ret, const uint16_t *x, size_t stride,
                             size_t n, const float *biases, size_t n_unbiased) {
        tall_quantize_keys_with(ret, &(struct tall_key_rows){x, stride, n, biases, n_unbiased},
                                TALL_GROUP, pack_keys_neon);
}

// The sums of the columns' elements.
static void sum_columns(const struct tall_values *values) {
        const __m256i one = _mm256_set1_epi8(1);
        size_t width = values->matrix.n_vectors * TALL_VECTOR_COLUMNS;

        for (size_t column = 0; column < width; column += 8) {
                __m256i sum = _mm256_setzero_si256();

                for (size_t group = 0; group < values->matrix.n_groups; group++) {
                        const uint8_t *at = tall_matrix_at(&values->matrix, group, column);

                        sum = dot_bytes_neon(
                                sum, one,
                                _mm256_loadu_si256((const __m256i *)(const void *)at));
                }
                _mm256_storeu_ps(values->sums + column, _mm256_cvtepi32_ps(sum));
        }
}

void tall_quantize_values_neon(const struct tall_values *ret, const uint16_t *x, size_t stride,
                               size_t n) {
        tall_quantize_values_of(ret, x, stride, n, 8);
        sum_columns(ret);
}
