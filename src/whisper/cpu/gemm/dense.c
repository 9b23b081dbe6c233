#include "whisper/cpu/gemm/dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/cpu.h"

size_t dense_rows(void) {
        return cpu_has_amx() ? DENSE_ROWS_MAX : DENSE_ROWS_MAX / 2;
}

static size_t elements_in_group(enum tile_elements elements) {
        return elements == TILE_INT8 ? 4 : 2;
}

struct dense *dense_free(struct dense *dense) {
        if (!dense)
                return NULL;
        free(dense->matrix.elements);
        free(dense->bias);
        free(dense->scales);
        free(dense->sums);
        free(dense);
        return NULL;
}

// One output's weights in bf16, into its column; `row` has room for them.
static void pack_bf16(struct dense *dense, size_t column, const float *weight, uint16_t *row) {
        tiles_to_bf16(weight, dense->n_in, row);
        for (size_t i = 0; i < dense->n_in; i++) {
                uint16_t *group =
                        (uint16_t *)(void *)tile_matrix_at(&dense->matrix, i / 2, column);

                group[i % 2] = row[i];
        }
}

// One output's weights in int8: symmetric, so that only rows have a zero of their own.
static void pack_int8(struct dense *dense, size_t column, const float *weight) {
        float largest = 0, scale;
        int sum = 0;

        for (size_t i = 0; i < dense->n_in; i++)
                if (fabsf(weight[i]) > largest)
                        largest = fabsf(weight[i]);
        scale = largest > 0 ? largest / 127 : 1;
        for (size_t i = 0; i < dense->n_in; i++) {
                int8_t *group = (int8_t *)tile_matrix_at(&dense->matrix, i / 4, column);

                group[i % 4] = (int8_t)lrintf(weight[i] / scale);
                sum += group[i % 4];
        }
        dense->scales[column] = scale;
        dense->sums[column] = (float)sum;
}

struct dense *dense_new(enum tile_elements elements, const float *weight, const float *bias,
                        size_t n_out, size_t n_in) {
        CLEANUP(dense_freep) struct dense *dense = xnew(struct dense);
        CLEANUP(mem_freep) char *row = try_calloc(n_in, sizeof(uint16_t));
        size_t in_group = elements_in_group(elements);

        dense->elements = elements;
        dense->n_in = n_in;
        dense->n_out = n_out;
        dense->matrix.n_groups = (n_in + in_group - 1) / in_group;
        dense->matrix.n_panels = n_out / TILE_PANEL_COLUMNS;
        dense->matrix.elements =
                try_aligned(tile_matrix_size(dense->matrix.n_groups, dense->matrix.n_panels));
        dense->bias = try_calloc(n_out, sizeof(float));
        dense->scales = try_calloc(n_out, sizeof(float));
        dense->sums = try_calloc(n_out, sizeof(float));
        if (!dense->matrix.elements || !dense->bias || !dense->scales || !dense->sums || !row)
                return NULL;
        if (bias)
                memcpy(dense->bias, bias, n_out * sizeof(float));
        for (size_t column = 0; column < n_out; column++) {
                if (elements == TILE_INT8)
                        pack_int8(dense, column, weight + column * n_in);
                else
                        pack_bf16(dense, column, weight + column * n_in,
                                  (uint16_t *)(void *)row);
        }
        return TAKE(dense);
}

struct dense dense_part(const struct dense *dense, size_t first) {
        size_t n_groups = dense->matrix.n_groups, n_out = dense->n_out - first;
        struct dense ret = *dense;

        ret.n_out = n_out < TILE_COLUMNS ? n_out : TILE_COLUMNS;
        ret.matrix.n_panels = ret.n_out / TILE_PANEL_COLUMNS;
        ret.matrix.elements += tile_matrix_size(n_groups, first / TILE_PANEL_COLUMNS);
        ret.bias += first;
        ret.scales += first;
        ret.sums += first;
        return ret;
}

struct dense_input dense_take_floats(struct dense_chunk *chunk, enum tile_elements elements,
                                     const float *x, size_t stride, size_t n_rows, size_t n) {
        size_t in_group = elements_in_group(elements);
        size_t size = (n + in_group - 1) / in_group * TILE_GROUP;
        size_t used = n * TILE_GROUP / in_group;

        for (size_t row = 0; row < n_rows; row++, x += stride) {
                uint8_t *ret = chunk->elements + row * size;

                if (elements == TILE_INT8)
                        tiles_quantize(x, n, ret, &chunk->rows[row]);
                else
                        tiles_to_bf16(x, n, (uint16_t *)(void *)ret);
                memset(ret + used, 0, size - used);
        }
        return (struct dense_input){chunk->elements, size, chunk->rows};
}

struct dense_input dense_take_bf16(struct dense_chunk *chunk, const struct dense *dense,
                                   const uint16_t *x, size_t stride, size_t n_rows,
                                   float *row) {
        size_t n = dense->n_in;

        if (dense->elements == TILE_BF16)
                return (struct dense_input){x, stride * sizeof(*x), NULL};
        for (size_t i = 0; i < n_rows; i++, x += stride) {
                tiles_from_bf16(x, n, row);
                tiles_quantize(row, n, chunk->elements + i * n, &chunk->rows[i]);
        }
        return (struct dense_input){chunk->elements, n, chunk->rows};
}

void dense_multiply(const struct dense *dense, const struct dense_input *input, size_t n_rows,
                    void *y, size_t y_stride, unsigned flags) {
        tiles_multiply(dense->elements, &(struct tile_product){
                                                .matrix = dense->matrix,
                                                .n_groups = dense->matrix.n_groups,
                                                .x = input->x,
                                                .x_stride = input->stride,
                                                .n_rows = n_rows,
                                                .y = y,
                                                .y_stride = y_stride,
                                                .bias = dense->bias,
                                                .flags = flags,
                                                .rows = input->rows,
                                                .scales = dense->scales,
                                                .sums = dense->sums,
                                        });
}
