// Tiles for AVX2: four or six rows by sixteen columns of sums, as many as sixteen registers
// hold beside what the way to multiply needs.
#include "whisper/cpu/gemm/dots_avx2.h"
#include "whisper/cpu/gemm/tall_ends_avx2.h"

#define TALL_NAME(name)             name##_avx2
#define TALL_TARGET                 TARGET_AVX2
#define TALL_BYTES(sum, x, vector)  dot_bytes_avx2(sum, x, vector)
#define TALL_TWO(...)               dot_two_avx2(__VA_ARGS__)
#define TALL_WORDS(sum, x, vector)  dot_words_avx2(sum, x, vector)
#define TALL_ROWS                   4
#define TALL_BEGIN(product, column) _mm256_setzero_si256()
#define TALL_SCORE_WORDS            1
#include "whisper/cpu/gemm/tall_avx2.inc"

#define TALL_NAME(name)             name##_avx2_vnni
#define TALL_TARGET                 TARGET_AVX2_VNNI
#define TALL_BYTES(sum, x, vector)  dot_bytes_avx2_vnni(sum, x, vector)
#define TALL_TWO(...)               dot_two_avx2_vnni(__VA_ARGS__)
#define TALL_WORDS(sum, x, vector)  dot_words_avx2_vnni(sum, x, vector)
#define TALL_ROWS                   6
#define TALL_BEGIN(product, column) _mm256_setzero_si256()
#define TALL_SCORE_WORDS            1
#include "whisper/cpu/gemm/tall_avx2.inc"

#define KERNELS(way)                                                                          \
        {                                                                                     \
                .panel_vectors = 1, .chunk_rows = TALL_ROWS_MAX / 2, .attention = TALL_INT16, \
                .multiply_int8 = multiply_int8_##way, .multiply_int16 = multiply_int16_##way, \
                .to_bf16 = tall_to_bf16_avx2, .from_bf16 = tall_from_bf16_avx2,               \
                .quantize = tall_quantize_avx2, .quantize_keys = tall_quantize_keys_avx2,     \
                .quantize_query = tall_quantize_query_avx2, .score = score_##way,             \
                .quantize_softmax = quantize_softmax_avx2,                                    \
                .quantize_values = tall_quantize_values_avx2,                                 \
        }

const struct tall_kernels tall_avx2 = KERNELS(avx2);
const struct tall_kernels tall_avx2_vnni = KERNELS(avx2_vnni);
