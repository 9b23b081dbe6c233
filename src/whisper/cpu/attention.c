#include "whisper/cpu/attention.h"

#include <stdint.h>
#include <string.h>

#include "whisper/cpu/vectors.h"

/* A block of 48 queries sees all keys of its window at once: scores of 48 by 1500 floats stay
 * in the second-level cache, softmax runs over whole rows, and no running maximum is needed. */

#define BLOCK 48

// The two matrices of one head.
static struct skinny_matrix head_keys(const struct packed_kv *kv, size_t head) {
        return (struct skinny_matrix){
                .type = SKINNY_FLOAT,
                .depth = kv->head_width,
                .n_columns = kv->n_keys,
                .elements =
                        kv->elements + head * packed_kv_head_size(kv->n_keys, kv->head_width),
        };
}

static struct skinny_matrix head_values(const struct packed_kv *kv, size_t head) {
        float *keys = head_keys(kv, head).elements;

        return (struct skinny_matrix){
                .type = SKINNY_FLOAT,
                .depth = kv->n_keys,
                .n_columns = kv->head_width,
                .elements = keys + skinny_size(kv->head_width, kv->n_keys),
        };
}

static void pack_head(const struct attention_source *source, size_t head) {
        struct skinny_matrix keys = head_keys(source->kv, head);
        struct skinny_matrix values = head_values(source->kv, head);
        size_t column = head * source->kv->head_width;

        skinny_pack_columns(&keys, source->keys + column, source->stride);
        skinny_pack_rows(&values, source->values + column, source->stride);
}

static void pack_piece(void *context, size_t piece, size_t thread) {
        const struct attention_source *sources = context;
        size_t n_heads = sources[0].kv->n_heads;

        (void)thread;
        pack_head(&sources[piece / n_heads], piece % n_heads);
}

void attention_pack(const struct attention_source *sources, size_t n, struct team *team) {
        // Read only: a team's context is for anything.
        team_run(team, n > 0 ? n * sources[0].kv->n_heads : 0, pack_piece,
                 (void *)(uintptr_t)sources);
}

static size_t score_stride(size_t n_keys) {
        return skinny_panels(n_keys) * SKINNY_PANEL_COLUMNS;
}

size_t attention_scratch_size(size_t n_keys, size_t head_width) {
        return BLOCK * (score_stride(n_keys) + head_width);
}

static void scores_to_probabilities(const struct packed_kv *kv, float *scores) {
        if (kv->n_unbiased < kv->n_keys)
                vector_add(scores + kv->n_unbiased, kv->biases + kv->n_unbiased,
                           kv->n_keys - kv->n_unbiased);
        vector_softmax(scores, kv->n_keys);
}

// One head of at most BLOCK queries from `first`.
static void run_block(const struct attention *attention, size_t head, size_t first,
                      float *scratch) {
        const struct packed_kv *kv = attention->kv;
        struct skinny_matrix keys = head_keys(kv, head), values = head_values(kv, head);
        size_t width = kv->head_width, stride = score_stride(kv->n_keys);
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

        skinny_multiply_range(&keys,
                              &(struct gemm_product){.x = queries,
                                                     .x_stride = width * sizeof(float),
                                                     .n_rows = n,
                                                     .y = scratch,
                                                     .y_stride = stride},
                              0, skinny_panels(kv->n_keys));
        for (size_t i = 0; i < n; i++)
                scores_to_probabilities(kv, scratch + i * stride);
        skinny_multiply_range(&values,
                              &(struct gemm_product){.x = scratch,
                                                     .x_stride = stride * sizeof(float),
                                                     .n_rows = n,
                                                     .y = attention->ret +
                                                          first * attention->ret_stride +
                                                          head * width,
                                                     .y_stride = attention->ret_stride},
                              0, skinny_panels(width));
}

// Blocks of queries and heads in one window.
static size_t count_tasks(const struct attention *attention) {
        return (attention->n_queries + BLOCK - 1) / BLOCK * attention->kv->n_heads;
}

// What the team works at.
struct attention_tasks {
        const struct attention *attentions;
        float *scratch;
        size_t scratch_size;
};

// Task number `task` of all windows.
static void run_task(void *context, size_t task, size_t thread) {
        const struct attention_tasks *tasks = context;
        const struct attention *attention = tasks->attentions;
        size_t n_blocks;

        for (; task >= count_tasks(attention); attention++)
                task -= count_tasks(attention);
        // Neighbouring tasks are blocks of the same head: its keys stay in the cache.
        n_blocks = count_tasks(attention) / attention->kv->n_heads;
        run_block(attention, task / n_blocks, task % n_blocks * BLOCK,
                  tasks->scratch + thread * tasks->scratch_size);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the pieces write there
void attention_run(const struct attention *attentions, size_t n, float *scratch,
                   size_t scratch_size, struct team *team) {
        struct attention_tasks tasks = {attentions, scratch, scratch_size};
        size_t n_tasks = 0;

        for (size_t i = 0; i < n; i++)
                n_tasks += count_tasks(&attentions[i]);
        team_run(team, n_tasks, run_task, &tasks);
}
