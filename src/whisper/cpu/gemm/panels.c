#include "whisper/cpu/gemm/panels.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/cpu.h"
#include "whisper/cpu/gemm/panels_kernel.h"
#include "whisper/cpu/vectors.h"
#include "whisper/cpu/vectors_avx2.h"

// --- Packing ------------------------------------------------------------------------------

size_t panels_bytes(enum panels_type type, size_t depth, size_t n_columns) {
        return panels_count(n_columns) * panels_panel_size(type, depth);
}

// Where element (d, c) lies, in elements.
static size_t element_index(const struct panels *panels, size_t d, size_t c) {
        size_t group = panels_group(panels->type);
        size_t line =
                c / PANEL_COLUMNS * panels_groups(panels->type, panels->depth) + d / group;

        return (line * PANEL_COLUMNS + c % PANEL_COLUMNS) * group + d % group;
}

static float float_from_bf16(uint16_t x) {
        uint32_t bits = (uint32_t)x << 16;
        float ret;

        memcpy(&ret, &bits, sizeof(ret));
        return ret;
}

// n floats as elements of the type, one after another. Of int8 each times the column's inverse
// scale.
static void convert(enum panels_type type, const float *x, size_t n, float inverse_scale,
                    void *ret) {
        if (type == PANELS_FLOAT)
                memcpy(ret, x, n * sizeof(*x));
        else if (type == PANELS_HALF)
                vector_to_half(x, n, ret);
        else if (type == PANELS_BF16)
                panels_convert_row_bf16(x, n, ret);
        else
                for (size_t i = 0; i < n; i++)
                        ((int8_t *)ret)[i] = (int8_t)lrintf(x[i] * inverse_scale);
}

// Elements that are converted at a time: what they are made of stays in the cache. A multiple
// of every group and of what a conversion writes at once.
#define PIECE 128

// A piece of one column, converted, to its place from row d on.
static void place_piece(const struct panels *panels, size_t d, size_t c, const void *piece,
                        size_t n) {
        size_t group = panels_group(panels->type), n_groups = (n + group - 1) / group;
        size_t line = panels_line_size(panels->type), step = line / PANEL_COLUMNS;
        char *to = (char *)panels->elements +
                   element_index(panels, d, c) * panels_element_size(panels->type);
        const char *from = piece;

        if (step == sizeof(uint16_t))
                for (size_t i = 0; i < n_groups; i++)
                        memcpy(to + i * line, from + i * sizeof(uint16_t), sizeof(uint16_t));
        else
                for (size_t i = 0; i < n_groups; i++)
                        memcpy(to + i * line, from + i * sizeof(uint32_t), sizeof(uint32_t));
}

// One column of the matrix from a row of `depth` floats.
static void pack_column(const struct panels *panels, size_t c, const float *x,
                        float inverse_scale) {
        uint32_t piece[PIECE + 1];

        for (size_t d = 0; d < panels->depth; d += PIECE) {
                size_t n = panels->depth - d < PIECE ? panels->depth - d : PIECE;

                // The last group may not be full.
                piece[n * panels_element_size(panels->type) / sizeof(piece[0])] = 0;
                convert(panels->type, x + d, n, inverse_scale, piece);
                place_piece(panels, d, c, piece, n);
        }
}

void panels_pack_columns(const struct panels *panels, const float *x, size_t stride) {
        for (size_t c = 0; c < panels->n_columns; c++)
                pack_column(panels, c, x + c * stride, 0);
}

// One line of a panel from the rows d and, in groups of two, d + 1, n columns from c on.
static void pack_line(const struct panels *panels, size_t d, size_t c, const float *x,
                      size_t stride, size_t n) {
        size_t index = element_index(panels, d, c);
        uint16_t low[PANEL_COLUMNS], high[PANEL_COLUMNS] = {0};

        if (panels->type != PANELS_BF16) {
                convert(panels->type, x, n, 0,
                        (char *)panels->elements + index * panels_element_size(panels->type));
                return;
        }
        convert(panels->type, x, n, 0, low);
        if (d + 1 < panels->depth)
                convert(panels->type, x + stride, n, 0, high);
        for (size_t i = 0; i < n; i++) {
                memcpy((uint16_t *)panels->elements + index + 2 * i, &low[i], sizeof(low[i]));
                memcpy((uint16_t *)panels->elements + index + 2 * i + 1, &high[i],
                       sizeof(high[i]));
        }
}

void panels_pack_rows(const struct panels *panels, const float *x, size_t stride) {
        for (size_t d = 0; d < panels->depth; d += panels_group(panels->type))
                for (size_t c = 0; c < panels->n_columns; c += PANEL_COLUMNS) {
                        size_t n = panels->n_columns - c;

                        pack_line(panels, d, c, x + d * stride + c, stride,
                                  n < PANEL_COLUMNS ? n : PANEL_COLUMNS);
                }
}

// A column's scale, by which its largest element becomes 127, and the sum of the scaled
// elements. Returns the scale's inverse.
static float scale_column(const struct panels *panels, size_t c, const float *x) {
        float largest = 0, inverse;
        int32_t sum = 0;

        for (size_t d = 0; d < panels->depth; d++)
                largest = fmaxf(largest, fabsf(x[d]));
        inverse = largest > 0 ? 127 / largest : 0;
        for (size_t d = 0; d < panels->depth; d++)
                sum += (int32_t)lrintf(x[d] * inverse);
        panels->scales[c] = largest / 127;
        panels->sums[c] = sum;
        return inverse;
}

int panels_init(struct panels *panels, enum panels_type type, const float *weight, size_t n_out,
                size_t n_in) {
        struct panels filled = {.type = type, .depth = n_in, .n_columns = n_out};
        size_t n_panels = panels_count(n_out);

        if (type == PANELS_FLOAT || type == PANELS_HALF)
                filled.type = vector_is_half(weight, n_out * n_in) ? PANELS_HALF : PANELS_FLOAT;
        filled.elements = try_aligned(n_panels * panels_panel_size(filled.type, n_in));
        if (type == PANELS_INT8) {
                filled.scales = try_calloc(n_panels * PANEL_COLUMNS, sizeof(float));
                filled.sums = try_calloc(n_panels * PANEL_COLUMNS, sizeof(int32_t));
        }
        if (!filled.elements || (type == PANELS_INT8 && (!filled.scales || !filled.sums))) {
                panels_deinit(&filled);
                return -ENOMEM;
        }
#pragma omp parallel for schedule(static)
        for (size_t c = 0; c < n_out; c++) {
                const float *x = weight + c * n_in;

                pack_column(&filled, c, x,
                            type == PANELS_INT8 ? scale_column(&filled, c, x) : 0);
        }
        *panels = filled;
        return 0;
}

void panels_deinit(struct panels *panels) {
        free(panels->elements);
        free(panels->scales);
        free(panels->sums);
        *panels = (struct panels){0};
}

TARGET_AVX2 void panels_column(const struct panels *panels, size_t column, float *ret) {
        for (size_t d = 0; d < panels->depth; d++) {
                size_t index = element_index(panels, d, column);

                if (panels->type == PANELS_FLOAT)
                        ret[d] = ((const float *)panels->elements)[index];
                else if (panels->type == PANELS_HALF)
                        ret[d] = _cvtsh_ss(((const uint16_t *)panels->elements)[index]);
                else if (panels->type == PANELS_BF16)
                        ret[d] = float_from_bf16(((const uint16_t *)panels->elements)[index]);
                else
                        ret[d] = panels->scales[column] *
                                 (float)((const int8_t *)panels->elements)[index];
        }
}

// --- Rows ---------------------------------------------------------------------------------

size_t panels_row_size(enum panels_type type, size_t depth) {
        size_t element = type == PANELS_BF16 ? 2 : type == PANELS_INT8 ? 1 : 4;
        size_t size = (depth * element + 63) / 64 * 64;

        return type == PANELS_INT8 ? ROW_HEAD + size : size;
}

void panels_convert_row(enum panels_type type, size_t depth, const float *x, void *ret) {
        if (type == PANELS_BF16)
                panels_convert_row_bf16(x, depth, ret);
        else if (type == PANELS_INT8)
                panels_convert_row_int8(x, depth, ret);
        else
                memcpy(ret, x, depth * sizeof(*x));
}

// --- Products -----------------------------------------------------------------------------

void panels_multiply_range(const struct panels *panels, const struct product *product,
                           size_t first, size_t last) {
        const panels_kernel *kernels = panels->type > PANELS_HALF || cpu_has_avx512()
                                               ? panels_kernels_avx512[panels->type]
                                               : panels_kernels_avx2[panels->type];
        size_t n = product->n_rows, n_blocks = (n + KERNEL_ROWS_MAX - 1) / KERNEL_ROWS_MAX;
        size_t size = panels_panel_size(panels->type, panels->depth);

        // A panel stays in the cache for all rows, which go in blocks of nearly one size. While
        // these are reckoned, the next panel is on its way, a part of it asked for by each.
        // With one block there is nothing to reckon but what has just been read.
        for (size_t panel = first; panel < last; panel++) {
                bool is_asking = n_blocks > 1 && panel + 1 < last;

                for (size_t i = 0; i < n_blocks; i++) {
                        struct panels_block block = {
                                .row = n * i / n_blocks,
                                .panel = panel,
                                .ahead = (const char *)panels->elements + panel * size,
                        };

                        if (is_asking) {
                                block.ahead += size + size * i / n_blocks;
                                block.ahead_step = panels_line_size(panels->type) / n_blocks;
                        }
                        kernels[n * (i + 1) / n_blocks - block.row](panels, product, &block);
                }
        }
}

void panels_multiply_share(const struct panels *panels, const struct product *product,
                           size_t thread, size_t n_threads) {
        size_t n = panels_count(panels->n_columns);

        panels_multiply_range(panels, product, n * thread / n_threads,
                              n * (thread + 1) / n_threads);
}
