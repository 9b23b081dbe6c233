#include <math.h>
#include <string.h>

#include "decode/whisper/panels_kernel.h"
#include "decode/whisper/vectors_avx512.h"

/* A panel is four vectors wide: six rows of it are 24 sums in registers, with four loads and
 * six broadcasts for each group of depth; one row is four sums, enough to read weights faster
 * than memory gives them. Depth is summed in its order whatever the number of rows: that is why
 * a row gets the same bits whoever is beside it. */

// The kernels for all types are compiled for all of this; an instruction of VNNI or BF16 is
// only in those that ask for it by name, which are called where cpu.h says that it is there.
#define TARGET_DOTS     \
        __attribute__(( \
                target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16")))
#define INLINE_DOTS static inline TARGET_DOTS __attribute__((always_inline))

#define VECTOR  16
#define VECTORS (PANEL_COLUMNS / VECTOR)

// One vector of a line: 16 columns of one group.
INLINE_DOTS __m512i load_elements(const uint8_t *line, size_t vector, enum panels_type type) {
        if (type == PANELS_HALF)
                return _mm512_castps_si512(_mm512_cvtph_ps(
                        _mm256_loadu_si256((const __m256i *)(line + vector * 32))));
        return _mm512_loadu_si512(line + vector * 64);
}

// sum + the products of a group of x, 4 bytes repeated, with one vector of elements.
INLINE_DOTS __m512 add_products(__m512 sum, __m512i x, __m512i elements,
                                enum panels_type type) {
        if (type == PANELS_BF16)
                return _mm512_dpbf16_ps(sum, (__m512bh)x, (__m512bh)elements);
        if (type == PANELS_INT8)
                return _mm512_castsi512_ps(
                        _mm512_dpbusd_epi32(_mm512_castps_si512(sum), x, elements));
        return _mm512_fmadd_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(elements), sum);
}

// Write up to 16 sums to y, with what the product's flags ask for.
INLINE_DOTS void store_sums(const struct panels *panels, const struct product *product,
                            size_t row, size_t column, __m512 sum) {
        float *y = product->y + row * product->y_stride + column;
        size_t n = panels->n_columns > column ? panels->n_columns - column : 0;
        __mmask16 mask = mask_avx512(n);

        if (panels->type == PANELS_INT8) {
                float scale;

                memcpy(&scale, (const uint8_t *)product->x + row * product->x_stride,
                       sizeof(scale));
                sum = _mm512_cvtepi32_ps(
                        _mm512_sub_epi32(_mm512_castps_si512(sum),
                                         _mm512_loadu_si512(panels->offsets + column)));
                sum = _mm512_mul_ps(sum, _mm512_mul_ps(_mm512_loadu_ps(panels->scales + column),
                                                       _mm512_set1_ps(scale)));
        }
        if (product->bias)
                sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, product->bias + column));
        if (product->flags & PRODUCT_GELU)
                sum = gelu_avx512(sum);
        if (product->flags & PRODUCT_ADD)
                sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, y));
        _mm512_mask_storeu_ps(y, mask, sum);
}

// Some rows of one panel; their number and the type are constants where this is inlined.
INLINE_DOTS void multiply_panel(const struct panels *panels, const struct product *product,
                                size_t row, size_t panel, const size_t n_rows,
                                const enum panels_type type) {
        const uint8_t *x = (const uint8_t *)product->x + row * product->x_stride +
                           (type == PANELS_INT8 ? ROW_HEAD : 0);
        size_t stride = product->x_stride, n_groups = panels_groups(type, panels->depth);
        const uint8_t *line =
                (const uint8_t *)panels->elements + panel * n_groups * panels_line_size(type);
        __m512 sums[KERNEL_ROWS_MAX * VECTORS];

        UNROLL
        for (size_t i = 0; i < n_rows * VECTORS; i++)
                sums[i] = _mm512_setzero_ps();
        for (size_t group = 0; group < n_groups; group++, line += panels_line_size(type)) {
                __m512i elements[VECTORS];

                UNROLL
                for (size_t v = 0; v < VECTORS; v++)
                        elements[v] = load_elements(line, v, type);
                UNROLL
                for (size_t r = 0; r < n_rows; r++) {
                        __m512i value = load_four_avx512(x + r * stride + group * 4);

                        UNROLL
                        for (size_t v = 0; v < VECTORS; v++)
                                sums[r * VECTORS + v] = add_products(sums[r * VECTORS + v],
                                                                     value, elements[v], type);
                }
        }
        UNROLL
        for (size_t r = 0; r < n_rows; r++) {
                UNROLL
                for (size_t v = 0; v < VECTORS; v++)
                        store_sums(panels, product, row + r, panel * PANEL_COLUMNS + v * VECTOR,
                                   sums[r * VECTORS + v]);
        }
}

#define DEFINE_KERNEL(rows, name, type)                                                 \
        TARGET_DOTS static void multiply_##name##_##rows(const struct panels *panels,   \
                                                         const struct product *product, \
                                                         size_t row, size_t panel) {    \
                multiply_panel(panels, product, row, panel, rows, type);                \
        }
#define DEFINE_KERNELS(name, type)   \
        DEFINE_KERNEL(1, name, type) \
        DEFINE_KERNEL(2, name, type) \
        DEFINE_KERNEL(3, name, type) \
        DEFINE_KERNEL(4, name, type) \
        DEFINE_KERNEL(5, name, type) \
        DEFINE_KERNEL(6, name, type)
#define KERNELS(name)                                                                 \
        {                                                                             \
                NULL, multiply_##name##_1, multiply_##name##_2, multiply_##name##_3,  \
                        multiply_##name##_4, multiply_##name##_5, multiply_##name##_6 \
        }

DEFINE_KERNELS(floats, PANELS_FLOAT)
DEFINE_KERNELS(halves, PANELS_HALF)
DEFINE_KERNELS(bf16, PANELS_BF16)
DEFINE_KERNELS(int8, PANELS_INT8)

const panels_kernel panels_kernels_avx512[4][KERNEL_ROWS_MAX + 1] = {
        [PANELS_FLOAT] = KERNELS(floats),
        [PANELS_HALF] = KERNELS(halves),
        [PANELS_BF16] = KERNELS(bf16),
        [PANELS_INT8] = KERNELS(int8),
};

// --- Rows ---------------------------------------------------------------------------------

TARGET_DOTS void panels_convert_row_bf16(const float *x, size_t depth, void *ret) {
        uint16_t *to = ret;

        // The last pair's second half may be beyond depth: zero, as all up to the row's end.
        for (size_t i = 0; i < depth; i += VECTOR) {
                __m512 part = _mm512_maskz_loadu_ps(mask_avx512(depth - i), x + i);

                _mm256_storeu_si256((__m256i *)(to + i), (__m256i)_mm512_cvtneps_pbh(part));
        }
}

TARGET_DOTS void panels_convert_row_int8(const float *x, size_t depth, void *ret) {
        uint8_t *to = (uint8_t *)ret + ROW_HEAD;
        __m512 largest = _mm512_setzero_ps(), inverse;
        float scale;

        for (size_t i = 0; i < depth; i += VECTOR)
                largest = _mm512_max_ps(largest, _mm512_abs_ps(_mm512_maskz_loadu_ps(
                                                         mask_avx512(depth - i), x + i)));
        scale = _mm512_reduce_max_ps(largest) / 127;
        memcpy(ret, &scale, sizeof(scale));
        inverse = _mm512_set1_ps(scale > 0 ? 1 / scale : 0);
        for (size_t i = 0; i < depth; i += VECTOR) {
                __m512 part = _mm512_maskz_loadu_ps(mask_avx512(depth - i), x + i);
                __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(part, inverse));

                // Unsigned, as the product wants it: the columns' offsets take the 128 off.
                whole = _mm512_add_epi32(whole, _mm512_set1_epi32(128));
                _mm_storeu_si128((__m128i *)(to + i), _mm512_cvtepi32_epi8(whole));
        }
}
