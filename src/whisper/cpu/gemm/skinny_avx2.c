#include "whisper/cpu/gemm/skinny_kernel.h"
#include "whisper/cpu/vectors_avx2.h"

/* The kernel keeps its sums in registers: for six rows by 16 columns twelve, with two loads and
 * six broadcasts per step of depth, which is what sixteen registers hold. With fewer rows it
 * takes more columns side by side, so that there are always at least eight sums and no addition
 * waits for the one before it. Depth is summed in its order in every case: that is why a row
 * gets the same bits whoever is beside it. */

#define VECTOR 8

// Eight elements as floats.
INLINE_AVX2 __m256 load_avx2(const void *elements, size_t index, bool is_half) {
        if (is_half)
                return _mm256_cvtph_ps(
                        _mm_loadu_si128((const __m128i *)((const uint16_t *)elements + index)));
        return _mm256_loadu_ps((const float *)elements + index);
}

// Write up to eight sums to y, with what the product's flags ask for.
INLINE_AVX2 void store_avx2(const struct gemm_product *product, size_t row, size_t column,
                            size_t n_columns, __m256 sum) {
        float *y = product->y + row * product->y_stride + column;
        size_t n = n_columns > column ? n_columns - column : 0;
        bool is_whole = n >= VECTOR;
        __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(is_whole ? VECTOR : (int)n),
                                          _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));

        if (product->bias)
                sum = _mm256_add_ps(sum, _mm256_maskload_ps(product->bias + column, mask));
        if (product->flags & GEMM_GELU)
                sum = gelu_avx2(sum);
        if (product->flags & GEMM_ADD)
                sum = _mm256_add_ps(sum, _mm256_maskload_ps(y, mask));
        if (is_whole)
                _mm256_storeu_ps(y, sum);
        else
                _mm256_maskstore_ps(y, mask, sum);
}

// `n_rows` rows by `n` vectors of columns.
struct avx2_block {
        size_t row, column;  // the first
        size_t n_rows, n;
        bool is_half;
};

// One block of one panel; n_rows, n and is_half are constants where this is inlined.
INLINE_AVX2 void multiply_block(const struct skinny_matrix *matrix,
                                const struct gemm_product *product,
                                const struct avx2_block block) {
        const size_t rows = block.n_rows, n = block.n;
        size_t stride = product->x_stride / sizeof(float);
        const float *x = (const float *)product->x + block.row * stride;
        size_t index =
                block.column / SKINNY_PANEL_COLUMNS * matrix->depth * SKINNY_PANEL_COLUMNS +
                block.column % SKINNY_PANEL_COLUMNS;
        __m256 sums[KERNEL_ROWS_MAX * 2];

        UNROLL
        for (size_t i = 0; i < rows * n; i++)
                sums[i] = _mm256_setzero_ps();
        for (size_t d = 0; d < matrix->depth; d++, index += SKINNY_PANEL_COLUMNS) {
                UNROLL
                for (size_t v = 0; v < n; v++) {
                        __m256 elements =
                                load_avx2(matrix->elements, index + v * VECTOR, block.is_half);

                        UNROLL
                        for (size_t r = 0; r < rows; r++)
                                sums[r * n + v] =
                                        _mm256_fmadd_ps(_mm256_broadcast_ss(x + r * stride + d),
                                                        elements, sums[r * n + v]);
                }
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
                UNROLL
                for (size_t v = 0; v < n; v++)
                        store_avx2(product, block.row + r, block.column + v * VECTOR,
                                   matrix->n_columns, sums[r * n + v]);
        }
}

// Define a kernel for so many rows that takes `n` vectors of columns at a time.
#define DEFINE_KERNEL(rows, n, name, is_half)                                                 \
        TARGET_AVX2 static void multiply_##name##_##rows(const struct skinny_matrix *matrix,  \
                                                         const struct gemm_product *product,  \
                                                         const struct skinny_block *at) {     \
                for (size_t c = 0; c < SKINNY_PANEL_COLUMNS; c += (n)*VECTOR)                 \
                        multiply_block(matrix, product,                                       \
                                       (struct avx2_block){                                   \
                                               at->row, at->panel * SKINNY_PANEL_COLUMNS + c, \
                                               rows, n, is_half});                            \
        }
#define DEFINE_KERNELS(rows, n)               \
        DEFINE_KERNEL(rows, n, floats, false) \
        DEFINE_KERNEL(rows, n, halves, true)

DEFINE_KERNELS(1, 8)
DEFINE_KERNELS(2, 4)
DEFINE_KERNELS(3, 4)
DEFINE_KERNELS(4, 2)
DEFINE_KERNELS(5, 2)
DEFINE_KERNELS(6, 2)

const skinny_kernel skinny_kernels_avx2[2][KERNEL_ROWS_MAX + 1] = {
        [SKINNY_FLOAT] = {NULL, multiply_floats_1, multiply_floats_2, multiply_floats_3,
                          multiply_floats_4, multiply_floats_5, multiply_floats_6},
        [SKINNY_HALF] = {NULL, multiply_halves_1, multiply_halves_2, multiply_halves_3,
                         multiply_halves_4, multiply_halves_5, multiply_halves_6},
};
