#include "whisper/cpu/gemm/tall_layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/int8_kernels.h"

size_t tall_layer_rows(void) {
        return int8_kernels()->tall->chunk_rows;
}

struct tall_layer *tall_layer_free(struct tall_layer *layer) {
        if (!layer)
                return NULL;
        free(layer->matrix.elements);
        free(layer->bias);
        free(layer->scales);
        free(layer->sums);
        free(layer);
        return NULL;
}

// One output's weights in int8: symmetric, so that only rows have a zero of their own; `row`
// has room for them.
static void pack_column(struct tall_layer *layer, size_t column, const float *weight,
                        int8_t *row) {
        const struct int8_kernels *kernels = int8_kernels();
        float unit = int8_unit(weight, layer->n_in), scale = unit > 0 ? unit : 1;
        int sum = 0;

        for (size_t i = 0; i < layer->n_in; i++)
                row[i] = (int8_t)lrintf(weight[i] / scale);
        if (kernels->fit)
                kernels->fit(row, layer->n_in);
        for (size_t i = 0; i < layer->n_in; i++)
                sum += row[i];
        for (size_t group = 0; group < layer->matrix.n_groups; group++)
                memcpy(tall_matrix_at(&layer->matrix, group, column), row + group * TALL_GROUP,
                       TALL_GROUP);
        layer->scales[column] = scale;
        layer->sums[column] = (float)sum;
}

struct tall_layer *tall_layer_new(const float *weight, const float *bias, size_t n_out,
                                  size_t n_in) {
        CLEANUP(tall_layer_freep) struct tall_layer *layer = xnew(struct tall_layer);
        // The last group's rest is zeros.
        CLEANUP(mem_freep) char *row = try_calloc(n_in + TALL_GROUP, 1);

        layer->n_in = n_in;
        layer->n_out = n_out;
        layer->matrix.n_groups = (n_in + TALL_GROUP - 1) / TALL_GROUP;
        layer->matrix.n_vectors = n_out / TALL_VECTOR_COLUMNS;
        layer->matrix.panel_vectors = tall_panel_vectors();
        layer->matrix.elements =
                try_aligned(tall_matrix_size(layer->matrix.n_groups, layer->matrix.n_vectors));
        layer->bias = try_calloc(n_out, sizeof(float));
        layer->scales = try_calloc(n_out, sizeof(float));
        layer->sums = try_calloc(n_out, sizeof(float));
        if (!layer->matrix.elements || !layer->bias || !layer->scales || !layer->sums || !row)
                return NULL;
        if (bias)
                memcpy(layer->bias, bias, n_out * sizeof(float));
        for (size_t column = 0; column < n_out; column++)
                pack_column(layer, column, weight + column * n_in, (int8_t *)row);
        return TAKE(layer);
}

struct tall_layer tall_layer_part(const struct tall_layer *layer, size_t first) {
        size_t n_groups = layer->matrix.n_groups, n_out = layer->n_out - first;
        struct tall_layer ret = *layer;

        ret.n_out = n_out < TALL_TILE_COLUMNS ? n_out : TALL_TILE_COLUMNS;
        ret.matrix.n_vectors = ret.n_out / TALL_VECTOR_COLUMNS;
        ret.matrix.elements += tall_matrix_size(n_groups, first / TALL_VECTOR_COLUMNS);
        ret.bias += first;
        ret.scales += first;
        ret.sums += first;
        return ret;
}

struct tall_input tall_take_floats(struct tall_chunk *chunk, const float *x, size_t stride,
                                   size_t n_rows, size_t n) {
        size_t size = (n + TALL_GROUP - 1) / TALL_GROUP * TALL_GROUP;

        for (size_t row = 0; row < n_rows; row++, x += stride) {
                uint8_t *ret = chunk->elements + row * size;

                tall_quantize(x, n, ret, &chunk->rows[row]);
                memset(ret + n, 0, size - n);
        }
        return (struct tall_input){chunk->elements, size, chunk->rows};
}

struct tall_input tall_take_bf16(struct tall_chunk *chunk, const uint16_t *x, size_t stride,
                                 size_t n_rows, size_t n, float *row) {
        for (size_t i = 0; i < n_rows; i++, x += stride) {
                tall_from_bf16(x, n, row);
                tall_quantize(row, n, chunk->elements + i * n, &chunk->rows[i]);
        }
        return (struct tall_input){chunk->elements, n, chunk->rows};
}

void tall_layer_multiply(const struct tall_layer *layer, const struct tall_input *input,
                         size_t n_rows, void *y, size_t y_stride, unsigned flags) {
        tall_multiply(TALL_INT8, &(struct tall_product){
                                         .matrix = layer->matrix,
                                         .x = input->x,
                                         .x_stride = input->stride,
                                         .n_rows = n_rows,
                                         .y = y,
                                         .y_stride = y_stride,
                                         .bias = layer->bias,
                                         .flags = flags,
                                         .rows = input->rows,
                                         .scales = layer->scales,
                                         .sums = layer->sums,
                                 });
}
