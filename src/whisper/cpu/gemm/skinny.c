#include "whisper/cpu/gemm/skinny.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/gemm/skinny_kernel.h"
#include "whisper/cpu/int8_kernels.h"
#include "whisper/cpu/vectors.h"
#include "whisper/cpu/vectors_avx2.h"
#include "whisper/cpu/wide.h"

// --- Packing ------------------------------------------------------------------------------

size_t skinny_bytes(enum skinny_type type, size_t depth, size_t n_columns) {
        return skinny_panels(n_columns) * skinny_panel_size(type, depth);
}

// Columns of a panel whose elements of one group lie side by side.
static size_t block_columns(enum skinny_type type) {
        return type == SKINNY_INT8 ? int8_kernels()->skinny->block_columns
                                   : SKINNY_PANEL_COLUMNS;
}

// Where element (d, c) lies, in elements.
static size_t element_index(const struct skinny_matrix *matrix, size_t d, size_t c) {
        size_t group = skinny_group(matrix->type), block = block_columns(matrix->type);
        size_t line = c / block * skinny_groups(matrix->type, matrix->depth) + d / group;

        return (line * block + c % block) * group + d % group;
}

TARGET_AVX2 static void convert_int8(const float *x, size_t n, float inverse_scale,
                                     int8_t *ret) {
        const struct int8_kernels *kernels = int8_kernels();
        size_t i = 0;

        for (; i + 8 <= n; i += 8) {
                __m256i whole = _mm256_cvtps_epi32(
                        _mm256_mul_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(inverse_scale)));
                __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(whole),
                                                _mm256_extracti128_si256(whole, 1));

                _mm_storel_epi64((__m128i *)(void *)(ret + i), _mm_packs_epi16(words, words));
        }
        for (; i < n; i++)
                ret[i] = (int8_t)lrintf(x[i] * inverse_scale);
        if (kernels->fit)
                kernels->fit(ret, n);
}

// n floats as elements of the type, one after another. Of int8 each times the column's inverse
// scale.
static void convert(enum skinny_type type, const float *x, size_t n, float inverse_scale,
                    void *ret) {
        if (type == SKINNY_FLOAT)
                memcpy(ret, x, n * sizeof(*x));
        else if (type == SKINNY_HALF)
                vector_to_half(x, n, ret);
        else
                convert_int8(x, n, inverse_scale, ret);
}

// Elements that are converted at a time: what they are made of stays in the cache. A multiple
// of every group and of what a conversion writes at once.
#define PIECE 128

// A piece of one column, converted, to its place from row d on.
static void place_piece(const struct skinny_matrix *matrix, size_t d, size_t c,
                        const void *piece, size_t n) {
        size_t group = skinny_group(matrix->type), n_groups = (n + group - 1) / group;
        size_t step = group * skinny_element_size(matrix->type);
        size_t line = step * block_columns(matrix->type);
        char *to = (char *)matrix->elements +
                   element_index(matrix, d, c) * skinny_element_size(matrix->type);
        const char *from = piece;

        if (step == sizeof(uint16_t))
                for (size_t i = 0; i < n_groups; i++)
                        memcpy(to + i * line, from + i * sizeof(uint16_t), sizeof(uint16_t));
        else
                for (size_t i = 0; i < n_groups; i++)
                        memcpy(to + i * line, from + i * sizeof(uint32_t), sizeof(uint32_t));
}

// One column of the matrix from a row of `depth` floats.
static void pack_column(const struct skinny_matrix *matrix, size_t c, const float *x,
                        float inverse_scale) {
        uint32_t piece[PIECE + 1];

        for (size_t d = 0; d < matrix->depth; d += PIECE) {
                size_t n = matrix->depth - d < PIECE ? matrix->depth - d : PIECE;

                // The last group may not be full.
                piece[n * skinny_element_size(matrix->type) / sizeof(piece[0])] = 0;
                convert(matrix->type, x + d, n, inverse_scale, piece);
                place_piece(matrix, d, c, piece, n);
        }
}

void skinny_pack_columns(const struct skinny_matrix *matrix, const float *x, size_t stride) {
        for (size_t c = 0; c < matrix->n_columns; c++)
                pack_column(matrix, c, x + c * stride, 0);
}

void skinny_pack_rows(const struct skinny_matrix *matrix, const float *x, size_t stride) {
        for (size_t d = 0; d < matrix->depth; d++)
                for (size_t c = 0; c < matrix->n_columns; c += SKINNY_PANEL_COLUMNS) {
                        size_t n = matrix->n_columns - c;
                        size_t at =
                                element_index(matrix, d, c) * skinny_element_size(matrix->type);

                        convert(matrix->type, x + d * stride + c,
                                n < SKINNY_PANEL_COLUMNS ? n : SKINNY_PANEL_COLUMNS, 0,
                                (char *)matrix->elements + at);
                }
}

// A column's scale and the sum of the scaled elements. Returns the scale's inverse.
static float scale_column(const struct skinny_matrix *matrix, size_t c, const float *x) {
        float unit = int8_unit(x, matrix->depth), inverse = unit > 0 ? 1 / unit : 0;
        int32_t sum = 0;

        for (size_t d = 0; d < matrix->depth; d += PIECE) {
                size_t n = matrix->depth - d < PIECE ? matrix->depth - d : PIECE;
                int8_t piece[PIECE] = {0};

                convert_int8(x + d, n, inverse, piece);
                for (size_t i = 0; i < n; i++)
                        sum += piece[i];
        }
        matrix->scales[c] = unit;
        matrix->sums[c] = sum;
        return inverse;
}

// A weight, [n_columns, depth], on its way into a matrix.
struct weight_packing {
        const struct skinny_matrix *matrix;
        const float *weight;
};

static void pack_panel(void *context, size_t panel, size_t thread) {
        const struct weight_packing *packing = context;
        const struct skinny_matrix *matrix = packing->matrix;
        size_t first = panel * SKINNY_PANEL_COLUMNS;

        (void)thread;
        for (size_t c = first; c < first + SKINNY_PANEL_COLUMNS && c < matrix->n_columns; c++) {
                const float *x = packing->weight + c * matrix->depth;

                pack_column(matrix, c, x,
                            matrix->type == SKINNY_INT8 ? scale_column(matrix, c, x) : 0);
        }
}

int skinny_init(struct skinny_matrix *matrix, enum skinny_type type, const float *weight,
                size_t n_out, size_t n_in, struct team *team) {
        struct skinny_matrix filled = {.type = type, .depth = n_in, .n_columns = n_out};
        size_t n_panels = skinny_panels(n_out);

        if (type == SKINNY_FLOAT || type == SKINNY_HALF)
                filled.type = vector_is_half(weight, n_out * n_in) ? SKINNY_HALF : SKINNY_FLOAT;
        filled.elements = try_aligned(n_panels * skinny_panel_size(filled.type, n_in));
        if (type == SKINNY_INT8) {
                filled.scales = try_calloc(n_panels * SKINNY_PANEL_COLUMNS, sizeof(float));
                filled.sums = try_calloc(n_panels * SKINNY_PANEL_COLUMNS, sizeof(int32_t));
        }
        if (!filled.elements || (type == SKINNY_INT8 && (!filled.scales || !filled.sums))) {
                skinny_deinit(&filled);
                return -ENOMEM;
        }
        team_run(team, n_panels, pack_panel, &(struct weight_packing){&filled, weight});
        *matrix = filled;
        return 0;
}

void skinny_deinit(struct skinny_matrix *matrix) {
        free(matrix->elements);
        free(matrix->scales);
        free(matrix->sums);
        *matrix = (struct skinny_matrix){0};
}

TARGET_AVX2 void skinny_column(const struct skinny_matrix *matrix, size_t column, float *ret) {
        for (size_t d = 0; d < matrix->depth; d++) {
                size_t index = element_index(matrix, d, column);

                if (matrix->type == SKINNY_FLOAT)
                        ret[d] = ((const float *)matrix->elements)[index];
                else if (matrix->type == SKINNY_HALF)
                        ret[d] = _cvtsh_ss(((const uint16_t *)matrix->elements)[index]);
                else
                        ret[d] = matrix->scales[column] *
                                 (float)((const int8_t *)matrix->elements)[index];
        }
}

// --- Rows ---------------------------------------------------------------------------------

size_t skinny_row_size(enum skinny_type type, size_t depth) {
        size_t element = type == SKINNY_INT8 ? 1 : 4;
        size_t size = (depth * element + 63) / 64 * 64;

        return type == SKINNY_INT8 ? ROW_HEAD + size : size;
}

void skinny_convert_row(enum skinny_type type, size_t depth, const float *x, void *ret) {
        if (type == SKINNY_INT8)
                int8_kernels()->skinny->convert_row(x, depth, ret);
        else
                memcpy(ret, x, depth * sizeof(*x));
}

// --- Products -----------------------------------------------------------------------------

static const skinny_kernel *kernels_for(enum skinny_type type) {
        const struct wide_kernels *wide = wide_kernels();

        if (type == SKINNY_INT8)
                return int8_kernels()->skinny->multiply;
        return wide ? wide->skinny[type] : skinny_kernels_avx2[type];
}

void skinny_multiply_range(const struct skinny_matrix *matrix,
                           const struct gemm_product *product, size_t first, size_t last) {
        const skinny_kernel *kernels = kernels_for(matrix->type);
        size_t n = product->n_rows, n_blocks = (n + KERNEL_ROWS_MAX - 1) / KERNEL_ROWS_MAX;
        size_t size = skinny_panel_size(matrix->type, matrix->depth);

        // A panel stays in the cache for all rows, which go in blocks of nearly one size. While
        // these are reckoned, the next panel is on its way, a part of it asked for by each.
        // With one block there is nothing to reckon but what has just been read.
        for (size_t panel = first; panel < last; panel++) {
                bool is_asking = n_blocks > 1 && panel + 1 < last;

                for (size_t i = 0; i < n_blocks; i++) {
                        struct skinny_block block = {
                                .row = n * i / n_blocks,
                                .panel = panel,
                                .ahead = (const char *)matrix->elements + panel * size,
                        };

                        if (is_asking) {
                                block.ahead += size + size * i / n_blocks;
                                block.ahead_step = skinny_line_size(matrix->type) / n_blocks;
                        }
                        kernels[n * (i + 1) / n_blocks - block.row](matrix, product, &block);
                }
        }
}

void skinny_multiply_part(const struct skinny_matrix *matrix,
                          const struct gemm_product *product, size_t part, size_t n_parts) {
        size_t n = skinny_panels(matrix->n_columns);

        skinny_multiply_range(matrix, product, n * part / n_parts, n * (part + 1) / n_parts);
}
