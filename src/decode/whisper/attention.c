#include "decode/whisper/attention.h"

#include <omp.h>
#include <string.h>

#include "decode/whisper/vectors.h"

/* A block of 48 queries sees all keys of its window at once: scores of 48 by 1500 floats stay
 * in the second-level cache, softmax runs over whole rows, and no running maximum is needed. */

// The two matrices of one head.
static struct panels head_keys(const struct attention_memory *memory, size_t head) {
        size_t begin = head * attention_head_size(memory->n_keys, memory->head_width);
        struct panels panels = {.depth = memory->head_width, .n_columns = memory->n_keys};

        if (memory->is_half)
                panels.halves = (uint16_t *)memory->elements + begin;
        else
                panels.floats = (float *)memory->elements + begin;
        return panels;
}

static struct panels head_values(const struct attention_memory *memory, size_t head) {
        struct panels panels = head_keys(memory, head);
        size_t keys = panels_size(memory->head_width, memory->n_keys);

        if (memory->is_half)
                panels.halves += keys;
        else
                panels.floats += keys;
        panels.depth = memory->n_keys;
        panels.n_columns = memory->head_width;
        return panels;
}

void attention_pack(const struct attention_memory *memory, const float *keys,
                    const float *values, size_t stride, int threads) {
#pragma omp parallel for num_threads(threads) schedule(static)
        for (size_t head = 0; head < memory->n_heads; head++) {
                struct panels key_panels = head_keys(memory, head);
                struct panels value_panels = head_values(memory, head);
                size_t column = head * memory->head_width;

                panels_pack_columns(&key_panels, keys + column, stride);
                panels_pack_rows(&value_panels, values + column, stride);
        }
}

static size_t score_stride(const struct attention_memory *memory) {
        return panels_count(memory->n_keys) * PANEL_COLUMNS;
}

size_t attention_scratch_size(const struct attention_memory *memory) {
        return ATTENTION_BLOCK * (score_stride(memory) + memory->head_width);
}

void attention_run_block(const struct attention_memory *memory,
                         const struct attention *attention, size_t head, size_t first,
                         float *scratch) {
        struct panels keys = head_keys(memory, head), values = head_values(memory, head);
        size_t width = memory->head_width, stride = score_stride(memory);
        size_t n = attention->n_queries - first;
        float *queries = scratch + ATTENTION_BLOCK * stride;

        if (n > ATTENTION_BLOCK)
                n = ATTENTION_BLOCK;
        // Rows of the caller's matrix lie a power of two apart and would fight for the same
        // cache lines.
        for (size_t i = 0; i < n; i++)
                memcpy(queries + i * width,
                       attention->queries + (first + i) * attention->query_stride +
                               head * width,
                       width * sizeof(float));

        panels_multiply_range(&keys,
                              &(struct product){.x = queries,
                                                .x_stride = width,
                                                .n_rows = n,
                                                .y = scratch,
                                                .y_stride = stride},
                              0, panels_count(memory->n_keys));
        for (size_t i = 0; i < n; i++)
                vector_softmax(scratch + i * stride, memory->n_keys);
        panels_multiply_range(&values,
                              &(struct product){.x = scratch,
                                                .x_stride = stride,
                                                .n_rows = n,
                                                .y = attention->ret +
                                                     first * attention->ret_stride +
                                                     head * width,
                                                .y_stride = attention->ret_stride},
                              0, panels_count(width));
}

void attention_run(const struct attention_memory *memory, const struct attention *attention,
                   float *scratch, int threads) {
        size_t n_blocks = (attention->n_queries + ATTENTION_BLOCK - 1) / ATTENTION_BLOCK;
        size_t n_tasks = n_blocks * memory->n_heads;
        size_t scratch_size = attention_scratch_size(memory);

        // Neighbouring tasks are blocks of the same head: its keys stay in the cache.
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
        for (size_t task = 0; task < n_tasks; task++)
                attention_run_block(memory, attention, task / n_blocks,
                                    task % n_blocks * ATTENTION_BLOCK,
                                    scratch + (size_t)omp_get_thread_num() * scratch_size);
}
