#include "decode/whisper/self_attention.h"

#include <errno.h>
#include <omp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

/* A block of 48 queries sees all keys of its window at once: its scores, 48 by 1500 floats,
 * stay in the second-level cache, softmax runs over whole rows, and no running maximum is
 * needed. The probabilities take the scores' place, and what they sum up to divides the result.
 *
 * In int8 queries have a scale for each row, keys for each key, values for each column, and
 * keys and values lose their means first. To softmax a mean key adds the same everywhere. The
 * mean value is added to the result: so it takes the place of all the small probabilities,
 * which are rounded to nothing but may be many (their sum is kept in full).
 */

#define BLOCK 48

// Groups of values that are multiplied before the next are: 16 kB in the first-level cache.
#define VALUE_GROUPS 64

// Rows ahead that are asked for while others are copied.
#define GATHER_AHEAD 8

// What a probability in int8 is a multiple of.
#define SHARE (1 / 255.0f)

// --- Memory ----------------------------------------------------------------------------------

static size_t panels_of(size_t n_columns) {
        return (n_columns + TILE_PANEL_COLUMNS - 1) / TILE_PANEL_COLUMNS;
}

// Elements in a group.
static size_t group_of(const struct self_attention *attention) {
        return attention->elements == TILE_INT8 ? TILE_GROUP : TILE_GROUP / sizeof(uint16_t);
}

static size_t key_groups(const struct self_attention *attention) {
        return attention->head_width / group_of(attention);
}

static size_t value_groups(const struct self_attention *attention, size_t n_rows) {
        return (n_rows + group_of(attention) - 1) / group_of(attention);
}

static size_t keys_size(const struct self_attention *attention, size_t n_rows) {
        return tile_matrix_size(key_groups(attention), panels_of(n_rows));
}

static size_t values_size(const struct self_attention *attention, size_t n_rows) {
        return tile_matrix_size(value_groups(attention, n_rows),
                                attention->head_width / TILE_PANEL_COLUMNS);
}

// Floats beside them, for int8: the keys' scales and sums, the values' means and scales.
static size_t scales_of(const struct self_attention *attention, size_t n_rows) {
        if (attention->elements != TILE_INT8)
                return 0;
        return 2 * panels_of(n_rows) * TILE_PANEL_COLUMNS + 2 * attention->head_width;
}

static size_t head_size(const struct self_attention *attention, size_t n_rows) {
        return keys_size(attention, n_rows) + values_size(attention, n_rows) +
               scales_of(attention, n_rows) * sizeof(float);
}

// Floats from one query's scores to the next: a whole number of panels, and of 32
// probabilities.
static size_t score_stride(size_t n_rows) {
        return panels_of(n_rows) * TILE_PANEL_COLUMNS;
}

// What a thread works in.
struct workspace {
        float *scores;     // [BLOCK, score_stride]
        float *results;    // [BLOCK, head_width]
        uint8_t *queries;  // [BLOCK, head_width] of bf16 or int8
        float sums[BLOCK];
        struct tile_row rows[BLOCK];  // for int8: what the queries stand for, then the shares
};

static size_t workspace_size(size_t n_rows, size_t head_width) {
        return BLOCK * (score_stride(n_rows) * sizeof(float) +
                        head_width * (sizeof(float) + sizeof(uint16_t)));
}

static struct workspace workspace_of(const struct self_attention *attention, size_t n_rows) {
        uint8_t *at =
                attention->scratch + (size_t)omp_get_thread_num() * attention->scratch_size;
        struct workspace ret = {.scores = (float *)(void *)at};

        ret.results = ret.scores + BLOCK * score_stride(n_rows);
        ret.queries = (uint8_t *)(ret.results + BLOCK * attention->head_width);
        return ret;
}

int self_attention_init(struct self_attention *ret, enum tile_elements elements, size_t n_heads,
                        size_t head_width, struct self_attention_limits limits) {
        *ret = (struct self_attention){.elements = elements,
                                       .n_heads = n_heads,
                                       .head_width = head_width,
                                       .threads = limits.threads};
        if (head_width * sizeof(uint16_t) > BLOCK * sizeof(float))
                return -EINVAL;  // gather() has no room for a row
        ret->scratch_size = (workspace_size(limits.n_rows, head_width) + 63) / 64 * 64;
        // A panel of keys and a group of values of each window may be nearly empty.
        ret->memory = try_aligned(
                n_heads *
                (head_size(ret, limits.n_rows + limits.n_windows * TILE_PANEL_COLUMNS) +
                 limits.n_windows * scales_of(ret, 0) * sizeof(float)));
        ret->scratch = try_aligned((size_t)limits.threads * ret->scratch_size);
        return ret->memory && ret->scratch ? 0 : -ENOMEM;
}

void self_attention_deinit(struct self_attention *attention) {
        free(attention->memory);
        free(attention->scratch);
        *attention = (struct self_attention){0};
}

// One head of one window.
struct head {
        const struct self_attention_window *window;
        size_t first;  // column of its queries
        struct tile_matrix keys, values;
        float *key_scales, *key_sums;       // for int8: [columns of keys]
        float *value_means, *value_scales;  // and [head_width]
};

// The head number `index` of all windows' heads.
static struct head head_of(const struct self_attention *attention,
                           const struct self_attention_window *windows, size_t index) {
        const struct self_attention_window *window = windows;
        uint8_t *memory = attention->memory;
        size_t width = attention->head_width;
        struct head ret;

        for (; index >= attention->n_heads; index -= attention->n_heads, window++)
                memory += attention->n_heads * head_size(attention, window->n_rows);
        memory += index * head_size(attention, window->n_rows);
        ret.window = window;
        ret.first = index * width;
        ret.keys =
                (struct tile_matrix){memory, key_groups(attention), panels_of(window->n_rows)};
        memory += keys_size(attention, window->n_rows);
        ret.values = (struct tile_matrix){memory, value_groups(attention, window->n_rows),
                                          width / TILE_PANEL_COLUMNS};
        memory += values_size(attention, window->n_rows);
        ret.value_means = (float *)(void *)memory;
        ret.value_scales = ret.value_means + width;
        ret.key_scales = ret.value_scales + width;
        ret.key_sums = ret.key_scales + ret.keys.n_panels * TILE_PANEL_COLUMNS;
        return ret;
}

// The head's part of a window's keys or values, row behind row: they are looked at more than
// once, and lie far apart. There is room where the scores will be.
static const uint16_t *gather(const struct self_attention *attention, const struct head *head,
                              const uint16_t *x) {
        struct workspace space = workspace_of(attention, head->window->n_rows);
        size_t width = attention->head_width, stride = 3 * attention->n_heads * width;
        uint16_t *ret = (uint16_t *)space.scores;

        for (size_t row = 0; row < head->window->n_rows; row++, x += stride) {
                __builtin_prefetch(x + GATHER_AHEAD * stride);
                __builtin_prefetch(x + GATHER_AHEAD * stride + width / 2);
                memcpy(ret + row * width, x, width * sizeof(*x));
        }
        return ret;
}

static void quantize_head(const struct self_attention *attention, const struct head *head,
                          const uint16_t *keys, const uint16_t *values) {
        size_t width = attention->head_width, n_rows = head->window->n_rows;
        float *means = head->value_means;  // the keys' are needed no longer than for this
        const uint16_t *rows = gather(attention, head, keys);

        tiles_means(rows, width, n_rows, width, means);
        tiles_quantize_columns(&head->keys, rows, width, n_rows, means,
                               (struct tile_columns){head->key_scales, head->key_sums});
        rows = gather(attention, head, values);
        tiles_means(rows, width, n_rows, width, means);
        tiles_quantize_rows(&head->values, rows, width, n_rows, means, head->value_scales);
}

static void pack_head(const struct self_attention *attention, const struct head *head) {
        size_t n_state = attention->n_heads * attention->head_width;
        const uint16_t *keys = head->window->projected + n_state + head->first;

        if (attention->elements == TILE_INT8) {
                quantize_head(attention, head, keys, keys + n_state);
                return;
        }
        tiles_pack_columns(&head->keys, keys, 3 * n_state, head->window->n_rows);
        tiles_pack_rows(&head->values, keys + n_state, 3 * n_state, head->window->n_rows);
}

// --- Attending -------------------------------------------------------------------------------

// Queries from `first` on and their scores. Rows of the caller's matrix lie far apart and would
// fight for the same cache lines: hence the copy.
static void multiply_keys(const struct self_attention *attention, const struct head *head,
                          struct workspace *space, size_t first, size_t n) {
        size_t width = attention->head_width, stride = 3 * attention->n_heads * width;
        const uint16_t *queries = head->window->projected + first * stride + head->first;
        size_t size = key_groups(attention) * TILE_GROUP;

        for (size_t i = 0; i < n; i++, queries += stride) {
                if (attention->elements == TILE_INT8) {
                        tiles_from_bf16(queries, width, space->results);
                        tiles_quantize(space->results, width, space->queries + i * size,
                                       &space->rows[i]);
                } else {
                        memcpy(space->queries + i * size, queries, size);
                }
        }
        tiles_multiply(attention->elements,
                       &(struct tile_product){.matrix = head->keys,
                                              .n_groups = head->keys.n_groups,
                                              .x = space->queries,
                                              .x_stride = size,
                                              .n_rows = n,
                                              .y = space->scores,
                                              .y_stride = score_stride(head->window->n_rows),
                                              .rows = space->rows,
                                              .scales = head->key_scales,
                                              .sums = head->key_sums});
}

// Results of n queries, which are still to be divided.
static void multiply_values(const struct self_attention *attention, const struct head *head,
                            struct workspace *space, size_t n) {
        struct tile_product product = {.matrix = head->values,
                                       .x_stride = score_stride(head->window->n_rows) *
                                                   sizeof(float),
                                       .n_rows = n,
                                       .y = space->results,
                                       .y_stride = attention->head_width,
                                       .rows = space->rows,
                                       .scales = head->value_scales,
                                       // Any will do: the shares' zero is 0.
                                       .sums = head->value_means};

        for (size_t i = 0; i < n; i++)
                space->rows[i] = (struct tile_row){.scale = SHARE};
        for (size_t group = 0; group < head->values.n_groups; group += VALUE_GROUPS) {
                product.first_group = group;
                product.n_groups = head->values.n_groups - group;
                if (product.n_groups > VALUE_GROUPS)
                        product.n_groups = VALUE_GROUPS;
                product.x = (const uint8_t *)space->scores + group * TILE_GROUP;
                product.flags = group > 0 ? TILE_ADD : 0;
                tiles_multiply(attention->elements, &product);
        }
}

// At most BLOCK queries of one head, from `first`.
static void run_block(const struct self_attention *attention, const struct head *head,
                      size_t first) {
        const struct self_attention_window *window = head->window;
        struct workspace space = workspace_of(attention, window->n_rows);
        size_t width = attention->head_width, n_state = attention->n_heads * width;
        size_t stride = score_stride(window->n_rows), n = window->n_rows - first;
        bool has_means = attention->elements == TILE_INT8;

        if (n > BLOCK)
                n = BLOCK;
        multiply_keys(attention, head, &space, first, n);
        for (size_t i = 0; i < n; i++)
                space.sums[i] =
                        tiles_softmax(attention->elements, space.scores + i * stride,
                                      window->n_rows, window->biases, window->n_unbiased);
        multiply_values(attention, head, &space, n);
        for (size_t i = 0; i < n; i++) {
                float *result = space.results + i * width, share = 1 / space.sums[i];

                for (size_t column = 0; column < width; column++)
                        result[column] = result[column] * share +
                                         (has_means ? head->value_means[column] : 0);
                tiles_to_bf16(result, width, window->ret + (first + i) * n_state + head->first);
        }
}

// Blocks of queries and heads in one window.
static size_t count_tasks(const struct self_attention *attention,
                          const struct self_attention_window *window) {
        return (window->n_rows + BLOCK - 1) / BLOCK * attention->n_heads;
}

// Task number `task` of all windows: neighbours are blocks of the same head, whose keys stay in
// the cache.
static void run_task(const struct self_attention *attention,
                     const struct self_attention_window *windows, size_t task) {
        size_t window = 0, n_blocks;
        struct head head;

        for (; task >= count_tasks(attention, &windows[window]); window++)
                task -= count_tasks(attention, &windows[window]);
        n_blocks = count_tasks(attention, &windows[window]) / attention->n_heads;
        head = head_of(attention, windows, window * attention->n_heads + task / n_blocks);
        run_block(attention, &head, task % n_blocks * BLOCK);
}

void self_attention_run(struct self_attention *attention,
                        const struct self_attention_window *windows, size_t n) {
        size_t n_tasks = 0;

        for (size_t i = 0; i < n; i++)
                n_tasks += count_tasks(attention, &windows[i]);
#pragma omp parallel num_threads(attention->threads)
        {
#pragma omp for schedule(dynamic)
                for (size_t index = 0; index < n * attention->n_heads; index++) {
                        struct head head = head_of(attention, windows, index);

                        pack_head(attention, &head);
                }
#pragma omp for schedule(dynamic, 2)
                for (size_t task = 0; task < n_tasks; task++)
                        run_task(attention, windows, task);
        }
}
