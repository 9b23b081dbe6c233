#include "whisper/cpu/attention.h"

#include <omp.h>
#include <string.h>

#include "whisper/cpu/vectors.h"

/* A block of 48 queries sees all keys of its window at once: scores of 48 by 1500 floats stay
 * in the second-level cache, softmax runs over whole rows, and no running maximum is needed. */

#define BLOCK 48

// The two matrices of one head.
static struct panels head_keys(const struct attention_memory *memory, size_t head) {
        size_t begin = head * attention_head_size(memory->n_keys, memory->head_width);
        struct panels panels = {.depth = memory->head_width, .n_columns = memory->n_keys};

        panels.type = memory->is_half ? PANELS_HALF : PANELS_FLOAT;
        panels.elements = (char *)memory->elements + begin * (memory->is_half ? 2 : 4);
        return panels;
}

static struct panels head_values(const struct attention_memory *memory, size_t head) {
        struct panels panels = head_keys(memory, head);
        size_t keys = panels_size(memory->head_width, memory->n_keys);

        panels.elements = (char *)panels.elements + keys * (memory->is_half ? 2 : 4);
        panels.depth = memory->n_keys;
        panels.n_columns = memory->head_width;
        return panels;
}

static void pack_head(const struct attention_source *source, size_t head) {
        struct panels keys = head_keys(source->memory, head);
        struct panels values = head_values(source->memory, head);
        size_t column = head * source->memory->head_width;

        panels_pack_columns(&keys, source->keys + column, source->stride);
        panels_pack_rows(&values, source->values + column, source->stride);
}

void attention_pack(const struct attention_source *sources, size_t n, int threads) {
        size_t n_heads = n > 0 ? sources[0].memory->n_heads : 0;

#pragma omp parallel for num_threads(threads) schedule(dynamic)
        for (size_t task = 0; task < n * n_heads; task++)
                pack_head(&sources[task / n_heads], task % n_heads);
}

static size_t score_stride(size_t n_keys) {
        return panels_count(n_keys) * PANEL_COLUMNS;
}

size_t attention_scratch_size(size_t n_keys, size_t head_width) {
        return BLOCK * (score_stride(n_keys) + head_width);
}

static void scores_to_probabilities(const struct attention_memory *memory, float *scores) {
        if (memory->n_unbiased < memory->n_keys)
                vector_add(scores + memory->n_unbiased, memory->biases + memory->n_unbiased,
                           memory->n_keys - memory->n_unbiased);
        vector_softmax(scores, memory->n_keys);
}

// One head of at most BLOCK queries from `first`.
static void run_block(const struct attention *attention, size_t head, size_t first,
                      float *scratch) {
        const struct attention_memory *memory = attention->memory;
        struct panels keys = head_keys(memory, head), values = head_values(memory, head);
        size_t width = memory->head_width, stride = score_stride(memory->n_keys);
        size_t n = attention->n_queries - first;
        float *queries = scratch + BLOCK * stride;

        if (n > BLOCK)
                n = BLOCK;
        // Rows of the caller's matrix lie a power of two apart and would fight for the same
        // cache lines.
        for (size_t i = 0; i < n; i++)
                memcpy(queries + i * width,
                       attention->queries + (first + i) * attention->query_stride +
                               head * width,
                       width * sizeof(float));

        panels_multiply_range(&keys,
                              &(struct product){.x = queries,
                                                .x_stride = width * sizeof(float),
                                                .n_rows = n,
                                                .y = scratch,
                                                .y_stride = stride},
                              0, panels_count(memory->n_keys));
        for (size_t i = 0; i < n; i++)
                scores_to_probabilities(memory, scratch + i * stride);
        panels_multiply_range(&values,
                              &(struct product){.x = scratch,
                                                .x_stride = stride * sizeof(float),
                                                .n_rows = n,
                                                .y = attention->ret +
                                                     first * attention->ret_stride +
                                                     head * width,
                                                .y_stride = attention->ret_stride},
                              0, panels_count(width));
}

// Blocks of queries and heads in one window.
static size_t count_tasks(const struct attention *attention) {
        return (attention->n_queries + BLOCK - 1) / BLOCK * attention->memory->n_heads;
}

// Task number `task` of all windows.
static void run_task(const struct attention *attentions, size_t task, float *scratch) {
        const struct attention *attention = attentions;
        size_t n_blocks;

        for (; task >= count_tasks(attention); attention++)
                task -= count_tasks(attention);
        // Neighbouring tasks are blocks of the same head: its keys stay in the cache.
        n_blocks = count_tasks(attention) / attention->memory->n_heads;
        run_block(attention, task / n_blocks, task % n_blocks * BLOCK, scratch);
}

void attention_run(const struct attention *attentions, size_t n, float *scratch,
                   size_t scratch_size, int threads) {
        size_t n_tasks = 0;

        for (size_t i = 0; i < n; i++)
                n_tasks += count_tasks(&attentions[i]);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
        for (size_t task = 0; task < n_tasks; task++)
                run_task(attentions, task,
                         scratch + (size_t)omp_get_thread_num() * scratch_size);
}
