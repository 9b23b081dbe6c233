// Tiles for aarch64: four or six rows by sixteen columns of sums, by instructions that each of
// its processors has, by `sdot`, and by `smmla`.
#include "whisper/cpu/gemm/dots_neon.h"
#include "whisper/cpu/gemm/tall_ends_avx2.h"
#include "whisper/cpu/gemm/tall_quantize_neon.h"

// 128 times the sums of eight columns' factors, which rows are kept less; queries, whose
// product has no such sums, have no zero to begin with.
INLINE_NEON __m256i begin_sums(const struct tall_product *product, size_t column) {
        if (!product->sums)
                return _mm256_setzero_si256();
        return _mm256_slli_epi32(_mm256_cvtps_epi32(_mm256_loadu_ps(product->sums + column)),
                                 7);
}

#define TALL_NAME(name)             name##_neon
#define TALL_TARGET                 TARGET_NEON
#define TALL_BYTES(sum, x, vector)  dot_bytes_neon(sum, x, vector)
#define TALL_TWO(...)               dot_two_neon(__VA_ARGS__)
#define TALL_WORDS(sum, x, vector)  dot_words_avx2(sum, x, vector)
#define TALL_ROWS                   4
#define TALL_BEGIN(product, column) begin_sums(product, column)
#define TALL_SCORE_WORDS            0
#include "whisper/cpu/gemm/tall_avx2.inc"

#define TALL_NAME(name)             name##_neon_dotprod
#define TALL_TARGET                 TARGET_NEON_DOTPROD
#define TALL_BYTES(sum, x, vector)  dot_bytes_neon_dotprod(sum, x, vector)
#define TALL_TWO(...)               dot_two_neon_dotprod(__VA_ARGS__)
#define TALL_WORDS(sum, x, vector)  dot_words_avx2(sum, x, vector)
#define TALL_ROWS                   6
#define TALL_BEGIN(product, column) begin_sums(product, column)
#define TALL_SCORE_WORDS            0
#include "whisper/cpu/gemm/tall_avx2.inc"

// The weights are bytes less 128, as rows are.
static float quantize_softmax_neon(int16_t *scores, size_t n, int16_t largest) {
        float ret = quantize_softmax_avx2(scores, n, largest);
        uint8_t *bytes = (uint8_t *)scores;

        for (size_t i = 0; i < n; i += 16) {
                const uint16_t *words = (const uint16_t *)scores + i;
                uint8x8_t low = vmovn_u16(vld1q_u16(words));
                uint8x16_t all = vmovn_high_u16(low, vld1q_u16(words + 8));

                vst1q_u8(bytes + i, veorq_u8(all, vdupq_n_u8(NEON_ROW_ZERO)));
        }
        return ret;
}

// --- Small matrices --------------------------------------------------------------------------

#define PAIRS 2  // of rows in a tile

// Two rows' sums with sixteen columns: in each vector two columns of the one, then of the
// other.
struct pair_sums {
        int32x4_t of[TALL_VECTOR_COLUMNS / 2];
};

// Onto the sums of n_pairs pairs what two groups make of four columns. n_pairs is a constant
// where this is inlined.
static inline TARGET_NEON_I8MM __attribute__((always_inline)) void
add_quarter(const int8x16_t rows[PAIRS], const uint8_t *elements, size_t quarter,
            const size_t n_pairs, struct pair_sums sums[PAIRS]) {
        int32x4_t first = vreinterpretq_s32_u8(vld1q_u8(elements + quarter * 16));
        int32x4_t next = vreinterpretq_s32_u8(vld1q_u8(elements + LINE + quarter * 16));
        int8x16_t low = vreinterpretq_s8_s32(vzip1q_s32(first, next));
        int8x16_t high = vreinterpretq_s8_s32(vzip2q_s32(first, next));

        UNROLL
        for (size_t p = 0; p < n_pairs; p++) {
                int32x4_t *to = &sums[p].of[2 * quarter];

                to[0] = vmmlaq_s32(to[0], rows[p], low);
                to[1] = vmmlaq_s32(to[1], rows[p], high);
        }
}

// Onto the sums of all sixteen columns: of two rows eight bytes each.
static inline TARGET_NEON_I8MM __attribute__((always_inline)) void
add_two_groups(const uint8_t *const x[2 * PAIRS], size_t group, const uint8_t *elements,
               const size_t n_pairs, struct pair_sums sums[PAIRS]) {
        int8x16_t rows[PAIRS];

        UNROLL
        for (size_t p = 0; p < n_pairs; p++)
                rows[p] = vreinterpretq_s8_u8(
                        vcombine_u8(vld1_u8(x[2 * p] + group * TALL_GROUP),
                                    vld1_u8(x[2 * p + 1] + group * TALL_GROUP)));
        UNROLL
        for (size_t quarter = 0; quarter < 4; quarter++)
                add_quarter(rows, elements, quarter, n_pairs, sums);
}

// Sums of pairs become those of rows.
static inline TARGET_NEON_I8MM __attribute__((always_inline)) void
part_pair(const struct pair_sums *pair, __m256i first[2], __m256i second[2]) {
        UNROLL
        for (size_t half = 0; half < 2; half++) {
                int64x2_t a = vreinterpretq_s64_s32(pair->of[4 * half]);
                int64x2_t b = vreinterpretq_s64_s32(pair->of[4 * half + 1]);
                int64x2_t c = vreinterpretq_s64_s32(pair->of[4 * half + 2]);
                int64x2_t d = vreinterpretq_s64_s32(pair->of[4 * half + 3]);

                first[half] = (__m256i){vreinterpretq_s32_s64(vzip1q_s64(a, b)),
                                        vreinterpretq_s32_s64(vzip1q_s64(c, d))};
                second[half] = (__m256i){vreinterpretq_s32_s64(vzip2q_s64(a, b)),
                                         vreinterpretq_s32_s64(vzip2q_s64(c, d))};
        }
}

// Of one row, where the last group is alone.
static inline TARGET_NEON_I8MM __attribute__((always_inline)) void
add_last_group(const uint8_t *x, const uint8_t *elements, __m256i sums[2]) {
        __m256i four = vectors_load_four_avx2(x);

        for (size_t half = 0; half < 2; half++)
                sums[half] = dot_bytes_neon_dotprod(sums[half], four,
                                                    elements_of_line(elements, half));
}

// n_pairs pairs of rows from `row` on with the vector number `vector`.
static inline TARGET_NEON_I8MM __attribute__((always_inline)) void
run_pairs(const struct tall_product *product, size_t row, size_t vector, const size_t n_pairs) {
        const size_t n_groups = product->matrix.n_groups, whole = n_groups - n_groups % 2;
        const size_t column = vector * TALL_VECTOR_COLUMNS;
        const uint8_t *elements = product->matrix.elements + tall_matrix_size(n_groups, vector);
        const uint8_t *x[2 * PAIRS];
        struct pair_sums sums[PAIRS];

        UNROLL
        for (size_t p = 0; p < n_pairs; p++) {
                for (size_t i = 0; i < 2; i++)
                        x[2 * p + i] = (const uint8_t *)product->x +
                                       (row + 2 * p + i) * product->x_stride;
                UNROLL
                for (size_t i = 0; i < TALL_VECTOR_COLUMNS / 2; i++)
                        sums[p].of[i] = vdupq_n_s32(0);
        }
        for (size_t group = 0; group < whole; group += 2)
                add_two_groups(x, group, elements + group * LINE, n_pairs, sums);
        UNROLL
        for (size_t p = 0; p < n_pairs; p++) {
                __m256i of_rows[2][2];

                part_pair(&sums[p], of_rows[0], of_rows[1]);
                for (size_t i = 0; i < 2; i++) {
                        for (size_t half = 0; half < 2; half++)
                                of_rows[i][half] = _mm256_add_epi32(
                                        of_rows[i][half],
                                        begin_sums(product, column + half * AVX2_LANES));
                        if (whole < n_groups)
                                add_last_group(x[2 * p + i] + whole * TALL_GROUP,
                                               elements + whole * LINE, of_rows[i]);
                        store_tile_row(product, of_rows[i], row + 2 * p + i, column);
                }
        }
}

// All rows, a vector after the other: it stays in the first-level cache meanwhile.
static TARGET_NEON_I8MM void multiply_int8_neon_i8mm(const struct tall_product *product) {
        for (size_t vector = 0; vector < product->matrix.n_vectors; vector++) {
                size_t row = 0;

                for (; row + (size_t)2 * PAIRS <= product->n_rows; row += (size_t)2 * PAIRS)
                        run_pairs(product, row, vector, PAIRS);
                for (; row + 2 <= product->n_rows; row += 2)
                        run_pairs(product, row, vector, 1);
                for (; row < product->n_rows; row++)
                        run_tile_neon_dotprod(product, row, vector, 1, false);
        }
}

#define KERNELS(way, small)                                                                   \
        {                                                                                     \
                .panel_vectors = 1, .turned = NEON_ROW_ZERO, .chunk_rows = TALL_ROWS_MAX / 2, \
                .attention = TALL_INT8, .multiply_int8 = multiply_int8_##small,               \
                .to_bf16 = tall_to_bf16_avx2, .from_bf16 = tall_from_bf16_avx2,               \
                .quantize = tall_quantize_neon, .quantize_keys = tall_quantize_keys_neon,     \
                .quantize_query = tall_quantize_query_neon, .score = score_##way,             \
                .quantize_softmax = quantize_softmax_neon,                                    \
                .quantize_values = tall_quantize_values_neon,                                 \
        }

const struct tall_kernels tall_neon = KERNELS(neon, neon);
const struct tall_kernels tall_neon_dotprod = KERNELS(neon_dotprod, neon_dotprod);
const struct tall_kernels tall_neon_i8mm = KERNELS(neon_dotprod, neon_i8mm);
