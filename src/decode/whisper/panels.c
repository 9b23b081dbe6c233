#include "decode/whisper/panels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/whisper/vectors_avx2.h"
#include "util/mem.h"

/* The kernel keeps its sums in registers: for six rows of one panel twelve, with two loads and
 * six broadcasts per step of depth, which is what sixteen registers hold. With fewer rows it
 * takes more panels side by side, so that there are always at least eight sums and no addition
 * waits for the one before it. Depth is summed in its order in every case: that is why a row
 * gets the same bits whoever is beside it. */

#define ROWS_MAX 6

#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

int panels_init(struct panels *panels, const float *weight, size_t n_out, size_t n_in) {
        size_t size = panels_size(n_in, n_out);
        struct panels filled = {.depth = n_in, .n_columns = n_out};

        if (vector_is_half(weight, n_out * n_in))
                filled.halves = try_calloc(size, sizeof(*filled.halves));
        else
                filled.floats = try_calloc(size, sizeof(*filled.floats));
        if (!filled.halves && !filled.floats)
                return -ENOMEM;
        panels_pack_columns(&filled, weight, n_in);
        *panels = filled;
        return 0;
}

void panels_deinit(struct panels *panels) {
        free(panels->halves);
        free(panels->floats);
        *panels = (struct panels){0};
}

// Where element (d, c) lies.
static size_t element_index(const struct panels *panels, size_t d, size_t c) {
        return (c / PANEL_COLUMNS * panels->depth + d) * PANEL_COLUMNS + c % PANEL_COLUMNS;
}

TARGET_AVX2 void panels_pack_columns(const struct panels *panels, const float *x,
                                     size_t stride) {
        float column[PANEL_COLUMNS];

        for (size_t c = 0; c < panels->n_columns; c += PANEL_COLUMNS) {
                size_t n = panels->n_columns - c < PANEL_COLUMNS ? panels->n_columns - c
                                                                 : PANEL_COLUMNS;

                for (size_t d = 0; d < panels->depth; d++) {
                        size_t index = element_index(panels, d, c);

                        memset(column, 0, sizeof(column));
                        for (size_t i = 0; i < n; i++)
                                column[i] = x[(c + i) * stride + d];
                        if (panels->halves)
                                vector_to_half(column, PANEL_COLUMNS, panels->halves + index);
                        else
                                memcpy(panels->floats + index, column, sizeof(column));
                }
        }
}

void panels_pack_rows(const struct panels *panels, const float *x, size_t stride) {
        float row[PANEL_COLUMNS];

        for (size_t c = 0; c < panels->n_columns; c += PANEL_COLUMNS) {
                size_t n = panels->n_columns - c < PANEL_COLUMNS ? panels->n_columns - c
                                                                 : PANEL_COLUMNS;

                memset(row, 0, sizeof(row));
                for (size_t d = 0; d < panels->depth; d++) {
                        size_t index = element_index(panels, d, c);

                        memcpy(row, x + d * stride + c, n * sizeof(float));
                        if (panels->halves)
                                vector_to_half(row, PANEL_COLUMNS, panels->halves + index);
                        else
                                memcpy(panels->floats + index, row, sizeof(row));
                }
        }
}

TARGET_AVX2 void panels_column(const struct panels *panels, size_t column, float *ret) {
        for (size_t d = 0; d < panels->depth; d++) {
                size_t index = element_index(panels, d, column);

                ret[d] = panels->halves ? _cvtsh_ss(panels->halves[index])
                                        : panels->floats[index];
        }
}

// Eight elements as floats.
INLINE_AVX2 __m256 load_avx2(const void *elements, size_t index, bool is_half) {
        if (is_half)
                return _mm256_cvtph_ps(
                        _mm_loadu_si128((const __m128i *)((const uint16_t *)elements + index)));
        return _mm256_loadu_ps((const float *)elements + index);
}

// Write up to eight sums to y, with what the product's flags ask for.
INLINE_AVX2 void store_avx2(const struct product *product, size_t row, size_t column,
                            size_t n_columns, __m256 sum) {
        float *y = product->y + row * product->y_stride + column;
        size_t n = n_columns > column ? n_columns - column : 0;
        bool is_whole = n >= 8;
        __m256i mask = _mm256_cmpgt_epi32(_mm256_set1_epi32(is_whole ? 8 : (int)n),
                                          _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));

        if (product->bias)
                sum = _mm256_add_ps(sum, _mm256_maskload_ps(product->bias + column, mask));
        if (product->flags & PRODUCT_GELU)
                sum = gelu_avx2(sum);
        if (product->flags & PRODUCT_ADD)
                sum = _mm256_add_ps(sum, _mm256_maskload_ps(y, mask));
        if (is_whole)
                _mm256_storeu_ps(y, sum);
        else
                _mm256_maskstore_ps(y, mask, sum);
}

// `n_rows` rows by `n` panels.
struct block {
        size_t row, panel;  // the first
        size_t n_rows, n;
        bool is_half;
};

// One block; n_rows, n and is_half are constants where this is inlined.
INLINE_AVX2 void multiply_block(const struct panels *panels, const struct product *product,
                                const struct block block) {
        const size_t rows = block.n_rows, n = block.n;
        const void *elements = block.is_half ? (const void *)panels->halves : panels->floats;
        const float *x = product->x + block.row * product->x_stride;
        size_t stride = product->x_stride, step = panels->depth * PANEL_COLUMNS;
        size_t first = block.panel * step;
        __m256 sums[ROWS_MAX * 2];

        UNROLL
        for (size_t i = 0; i < rows * n * 2; i++)
                sums[i] = _mm256_setzero_ps();
        for (size_t d = 0; d < panels->depth; d++) {
                size_t index = first + d * PANEL_COLUMNS;

                UNROLL
                for (size_t p = 0; p < n; p++) {
                        __m256 low = load_avx2(elements, index + p * step, block.is_half);
                        __m256 high = load_avx2(elements, index + p * step + 8, block.is_half);

                        UNROLL
                        for (size_t r = 0; r < rows; r++) {
                                __m256 value = _mm256_broadcast_ss(x + r * stride + d);
                                size_t s = (r * n + p) * 2;

                                sums[s] = _mm256_fmadd_ps(value, low, sums[s]);
                                sums[s + 1] = _mm256_fmadd_ps(value, high, sums[s + 1]);
                        }
                }
        }
        UNROLL
        for (size_t r = 0; r < rows; r++) {
                UNROLL
                for (size_t p = 0; p < n; p++) {
                        size_t column = (block.panel + p) * PANEL_COLUMNS, s = (r * n + p) * 2;

                        store_avx2(product, block.row + r, column, panels->n_columns, sums[s]);
                        store_avx2(product, block.row + r, column + 8, panels->n_columns,
                                   sums[s + 1]);
                }
        }
}

// Define a function for so many rows that takes `n` panels at a time while it can.
#define DEFINE_ROWS(rows, n)                                                                  \
        TARGET_AVX2 static void multiply_rows_##rows(const struct panels *panels,             \
                                                     const struct product *product,           \
                                                     size_t row, size_t first, size_t last) { \
                size_t at = first;                                                            \
                                                                                              \
                if (panels->halves) {                                                         \
                        for (; at + (n) <= last; at += (n))                                   \
                                multiply_block(panels, product,                               \
                                               (struct block){row, at, rows, n, true});       \
                        for (; at < last; at++)                                               \
                                multiply_block(panels, product,                               \
                                               (struct block){row, at, rows, 1, true});       \
                } else {                                                                      \
                        for (; at + (n) <= last; at += (n))                                   \
                                multiply_block(panels, product,                               \
                                               (struct block){row, at, rows, n, false});      \
                        for (; at < last; at++)                                               \
                                multiply_block(panels, product,                               \
                                               (struct block){row, at, rows, 1, false});      \
                }                                                                             \
        }

DEFINE_ROWS(1, 4)
DEFINE_ROWS(2, 3)
DEFINE_ROWS(3, 2)
DEFINE_ROWS(4, 1)
DEFINE_ROWS(5, 1)
DEFINE_ROWS(6, 1)

typedef void (*rows_multiplier)(const struct panels *panels, const struct product *product,
                                size_t row, size_t first, size_t last);

static const rows_multiplier rows_multipliers[ROWS_MAX + 1] = {
        [1] = multiply_rows_1, [2] = multiply_rows_2, [3] = multiply_rows_3,
        [4] = multiply_rows_4, [5] = multiply_rows_5, [6] = multiply_rows_6,
};

void panels_multiply_range(const struct panels *panels, const struct product *product,
                           size_t first, size_t last) {
        // Few rows: all panels for the same rows. Many: a panel stays in the cache for all
        // rows.
        size_t step = product->n_rows <= ROWS_MAX ? last - first : 1;

        for (size_t panel = first; panel < last; panel += step) {
                for (size_t row = 0; row < product->n_rows; row += ROWS_MAX) {
                        size_t rows = product->n_rows - row;

                        rows_multipliers[rows < ROWS_MAX ? rows : ROWS_MAX](
                                panels, product, row, panel, panel + step);
                }
        }
}

void panels_multiply(const struct panels *panels, const struct product *product, int threads) {
        const size_t chunk = 8;  // panels: 128 columns, some microseconds of work
        size_t n = panels_count(panels->n_columns);

#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t first = 0; first < n; first += chunk)
                panels_multiply_range(panels, product, first,
                                      first + chunk < n ? first + chunk : n);
}
