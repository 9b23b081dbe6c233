#include <float.h>
#include <math.h>
#include <string.h>

#include "whisper/cpu/gemm/skinny_kernel.h"
#include "whisper/cpu/vectors_avx512.h"

/* A panel is four vectors wide: six rows of it are 24 sums in registers, with four loads and
 * six broadcasts for each group of depth; one row is four sums, enough to read weights faster
 * than memory gives them. Depth is summed in its order whatever the number of rows: that is why
 * a row gets the same bits whoever is beside it. */

// The kernels for all types are compiled for VNNI; its instruction is only in those of int8,
// which are called where cpu.h says that it is there.
#define VECTOR  16
#define VECTORS (SKINNY_PANEL_COLUMNS / VECTOR)

// One vector of a line: 16 columns of one group.
INLINE_VNNI __m512i load_elements(const uint8_t *line, size_t vector, enum skinny_type type) {
        if (type == SKINNY_HALF)
                return _mm512_castps_si512(_mm512_cvtph_ps(
                        _mm256_loadu_si256((const __m256i *)(line + vector * 32))));
        return _mm512_loadu_si512(line + vector * 64);
}

// sum + the products of a group of x, 4 bytes repeated, with one vector of elements.
INLINE_VNNI __m512 add_products(__m512 sum, __m512i x, __m512i elements,
                                enum skinny_type type) {
        if (type == SKINNY_INT8)
                return _mm512_castsi512_ps(
                        _mm512_dpbusd_epi32(_mm512_castps_si512(sum), x, elements));
        return _mm512_fmadd_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(elements), sum);
}

// Add to a row's sums in one panel what its high bytes make.
INLINE_VNNI void add_high(const uint8_t *panel, const struct int8_head *head,
                          __m512 sums[VECTORS]) {
        const __m512i middle = _mm512_set1_epi8((char)128);
        __m512i high[VECTORS], less[VECTORS];

        if (head->n_wide == 0)
                return;
        UNROLL
        for (size_t v = 0; v < VECTORS; v++)
                high[v] = less[v] = _mm512_setzero_si512();
        for (size_t i = 0; i < head->n_wide; i++) {
                const uint8_t *line = panel + head->groups[i] * skinny_line_size(SKINNY_INT8);
                __m512i four = _mm512_set1_epi32((int)head->high[i]);

                UNROLL
                for (size_t v = 0; v < VECTORS; v++) {
                        __m512i elements = _mm512_loadu_si512(line + v * sizeof(__m512i));

                        high[v] = _mm512_dpbusd_epi32(high[v], four, elements);
                        less[v] = _mm512_dpbusd_epi32(less[v], middle, elements);
                }
        }
        UNROLL
        for (size_t v = 0; v < VECTORS; v++)
                sums[v] = _mm512_castsi512_ps(_mm512_add_epi32(
                        _mm512_castps_si512(sums[v]),
                        _mm512_slli_epi32(_mm512_sub_epi32(high[v], less[v]), 8)));
}

// Write up to 16 sums to y, with what the product's flags ask for.
INLINE_VNNI void store_sums(const struct skinny_matrix *matrix,
                            const struct gemm_product *product, size_t row, size_t column,
                            __m512 sum) {
        float *y = product->y + row * product->y_stride + column;
        size_t n = matrix->n_columns > column ? matrix->n_columns - column : 0;
        __mmask16 mask = mask_avx512(n);

        if (matrix->type == SKINNY_INT8) {
                const struct int8_head *head = skinny_head(product, row);
                __m512i zero = _mm512_mullo_epi32(_mm512_loadu_si512(matrix->sums + column),
                                                  _mm512_set1_epi32(head->zero));

                sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_castps_si512(sum), zero));
                sum = _mm512_mul_ps(sum, _mm512_mul_ps(_mm512_loadu_ps(matrix->scales + column),
                                                       _mm512_set1_ps(head->scale)));
        }
        if (product->bias)
                sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, product->bias + column));
        if (product->flags & GEMM_GELU)
                sum = gelu_avx512(sum);
        if (product->flags & GEMM_ADD)
                sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, y));
        _mm512_mask_storeu_ps(y, mask, sum);
}

// Some rows of one panel; their number and the type are constants where this is inlined.
INLINE_VNNI void multiply_panel(const struct skinny_matrix *matrix,
                                const struct gemm_product *product,
                                const struct skinny_block *block, const size_t n_rows,
                                const enum skinny_type type) {
        size_t row = block->row, panel = block->panel, ahead_step = block->ahead_step;
        const char *ahead = block->ahead;
        const uint8_t *x = (const uint8_t *)product->x + row * product->x_stride +
                           (type == SKINNY_INT8 ? ROW_HEAD : 0);
        size_t stride = product->x_stride, n_groups = skinny_groups(type, matrix->depth);
        const uint8_t *line =
                (const uint8_t *)matrix->elements + panel * n_groups * skinny_line_size(type);
        __m512 sums[KERNEL_ROWS_MAX * VECTORS];

        UNROLL
        for (size_t i = 0; i < n_rows * VECTORS; i++)
                sums[i] = _mm512_setzero_ps();
        for (size_t group = 0; group < n_groups; group++, line += skinny_line_size(type)) {
                __m512i elements[VECTORS];

                _mm_prefetch(ahead, _MM_HINT_T1);
                ahead += ahead_step;
                UNROLL
                for (size_t v = 0; v < VECTORS; v++)
                        elements[v] = load_elements(line, v, type);
                UNROLL
                for (size_t r = 0; r < n_rows; r++) {
                        __m512i value = vectors_load_four_avx512(x + r * stride + group * 4);

                        UNROLL
                        for (size_t v = 0; v < VECTORS; v++)
                                sums[r * VECTORS + v] = add_products(sums[r * VECTORS + v],
                                                                     value, elements[v], type);
                }
        }
        UNROLL
        for (size_t r = 0; r < n_rows; r++) {
                if (type == SKINNY_INT8)
                        add_high(line - n_groups * skinny_line_size(type),
                                 skinny_head(product, row + r), sums + r * VECTORS);
                UNROLL
                for (size_t v = 0; v < VECTORS; v++)
                        store_sums(matrix, product, row + r,
                                   panel * SKINNY_PANEL_COLUMNS + v * VECTOR,
                                   sums[r * VECTORS + v]);
        }
}

#define DEFINE_KERNEL(rows, name, type)                                                      \
        TARGET_VNNI static void multiply_##name##_##rows(const struct skinny_matrix *matrix, \
                                                         const struct gemm_product *product, \
                                                         const struct skinny_block *block) { \
                multiply_panel(matrix, product, block, rows, type);                          \
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

DEFINE_KERNELS(floats, SKINNY_FLOAT)
DEFINE_KERNELS(halves, SKINNY_HALF)
DEFINE_KERNELS(int8, SKINNY_INT8)

const skinny_kernel skinny_kernels_avx512[2][KERNEL_ROWS_MAX + 1] = {
        [SKINNY_FLOAT] = KERNELS(floats),
        [SKINNY_HALF] = KERNELS(halves),
};

// --- Rows ---------------------------------------------------------------------------------

// Smallest and largest of a row, and the mean magnitude.
struct spread {
        float least, most, mean;
};

INLINE_VNNI struct spread find_spread(const float *x, size_t depth) {
        __m512 least = _mm512_setzero_ps(), most = least, sum = least;

        for (size_t i = 0; i < depth; i += VECTOR) {
                __m512 part = _mm512_maskz_loadu_ps(mask_avx512(depth - i), x + i);

                least = _mm512_min_ps(least, part);
                most = _mm512_max_ps(most, part);
                sum = _mm512_add_ps(sum, _mm512_abs_ps(part));
        }
        return (struct spread){_mm512_reduce_min_ps(least), _mm512_reduce_max_ps(most),
                               _mm512_reduce_add_ps(sum) / (float)depth};
}

// How many groups of four have a magnitude beyond the limit.
INLINE_VNNI int count_wide(const float *x, size_t depth, float limit) {
        int n = 0;

        for (size_t i = 0; i < depth; i += VECTOR) {
                __m512 part = _mm512_maskz_loadu_ps(mask_avx512(depth - i), x + i);
                unsigned wide = _mm512_cmp_ps_mask(_mm512_abs_ps(part), _mm512_set1_ps(limit),
                                                   _CMP_GT_OQ);

                wide |= wide >> 1;
                wide |= wide >> 2;
                n += __builtin_popcount(wide & 0x1111);
        }
        return n;
}

// Scale and zero for all but the widest groups. The search begins where none of a normally
// distributed row is beyond (4 deviations: a second byte costs time), and at least so high that
// two bytes reach the largest.
INLINE_VNNI void choose_scale(const float *x, size_t depth, struct int8_head *head) {
        struct spread spread = find_spread(x, depth);
        float limit = fmaxf(5 * spread.mean, fmaxf(-spread.least, spread.most) / 100);

        limit = fmaxf(limit, FLT_MIN);  // what rounds to nothing never grows
        while (count_wide(x, depth, limit) > WIDE_MAX)
                limit *= 1.25f;
        int8_head_begin(head, fmaxf(spread.least, -limit), fminf(spread.most, limit));
}

// Keep the high bytes of those groups from `first` on, one vector of them, that have any.
INLINE_VNNI void keep_high(struct int8_head *head, size_t first, __m512i high) {
        unsigned wide = _mm512_test_epi32_mask(high, high);
        uint32_t groups[VECTOR / 4];

        if (wide == 0)
                return;
        high = _mm512_add_epi32(high, _mm512_set1_epi32(128));
        _mm_storeu_si128((__m128i *)groups, _mm512_cvtepi32_epi8(high));
        for (unsigned i = 0; i < VECTOR / 4; i++) {
                // The limit leaves no more than there is room for; what is no number may.
                if ((wide >> 4 * i & 15) == 0 || head->n_wide == WIDE_MAX)
                        continue;
                head->groups[head->n_wide] = (uint16_t)(first + i);
                head->high[head->n_wide++] = groups[i];
        }
}

TARGET_VNNI static void convert_row_int8(const float *x, size_t depth, void *ret) {
        uint8_t *to = (uint8_t *)ret + ROW_HEAD;
        struct int8_head *head = ret;
        __m512 inverse;

        choose_scale(x, depth, head);
        inverse = _mm512_set1_ps(head->scale > 0 ? 1 / head->scale : 0);
        for (size_t i = 0; i < depth; i += VECTOR) {
                __m512 part = _mm512_maskz_loadu_ps(mask_avx512(depth - i), x + i);
                __m512i whole =
                        _mm512_add_epi32(_mm512_cvtps_epi32(_mm512_mul_ps(part, inverse)),
                                         _mm512_set1_epi32(head->zero));

                keep_high(head, i / 4, _mm512_srai_epi32(whole, 8));
                _mm_storeu_si128((__m128i *)(to + i), _mm512_cvtepi32_epi8(whole));
        }
}

const struct skinny_int8 skinny_int8_avx512 = {.block_columns = SKINNY_PANEL_COLUMNS,
                                               .convert_row = convert_row_int8,
                                               .multiply = KERNELS(int8)};
