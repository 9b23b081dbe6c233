#include "decode/whisper/self_attention.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "decode/whisper/tiles.h"
#include "util/mem.h"

/* A block of 48 queries sees all keys of its window at once: its scores, 48 by 1500 floats,
 * stay in the second-level cache, softmax runs over whole rows, and no running maximum is
 * needed. The probabilities take the scores' place, and what they sum up to divides the result.
 */

#define BLOCK 48

// Groups of values that are multiplied before the next are: 16 kB in the first-level cache.
#define VALUE_GROUPS 64

#define PAIR 2  // bf16 in a group

// --- Memory ----------------------------------------------------------------------------------

static size_t panels_of(size_t n_columns) {
        return (n_columns + TILE_PANEL_COLUMNS - 1) / TILE_PANEL_COLUMNS;
}

static size_t pairs_of(size_t n) {
        return (n + PAIR - 1) / PAIR;
}

static size_t keys_size(const struct self_attention *attention, size_t n_rows) {
        return tile_matrix_size(attention->head_width / PAIR, panels_of(n_rows));
}

static size_t head_size(const struct self_attention *attention, size_t n_rows) {
        return keys_size(attention, n_rows) +
               tile_matrix_size(pairs_of(n_rows), attention->head_width / TILE_PANEL_COLUMNS);
}

// Floats from one query's scores to the next: a whole number of panels, and of 32
// probabilities.
static size_t score_stride(size_t n_rows) {
        return panels_of(n_rows) * TILE_PANEL_COLUMNS;
}

// What a thread works in.
struct workspace {
        float *scores;      // [BLOCK, score_stride]
        float *results;     // [BLOCK, head_width]
        uint16_t *queries;  // [BLOCK, head_width]
        float sums[BLOCK];
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
        ret.queries = (uint16_t *)(void *)(ret.results + BLOCK * attention->head_width);
        return ret;
}

int self_attention_init(struct self_attention *ret, size_t n_heads, size_t head_width,
                        size_t n_rows, size_t n_windows, int threads) {
        *ret = (struct self_attention){.n_heads = n_heads,
                                       .head_width = head_width,
                                       .n_rows_max = n_rows,
                                       .n_windows_max = n_windows,
                                       .threads = threads};
        ret->scratch_size = (workspace_size(n_rows, head_width) + 63) / 64 * 64;
        // A panel of keys and a pair of values of each window may be nearly empty.
        ret->memory =
                try_aligned(n_heads * head_size(ret, n_rows + n_windows * TILE_PANEL_COLUMNS));
        ret->scratch = try_aligned((size_t)threads * ret->scratch_size);
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
        ret.keys = (struct tile_matrix){memory, width / PAIR, panels_of(window->n_rows)};
        ret.values = (struct tile_matrix){memory + keys_size(attention, window->n_rows),
                                          pairs_of(window->n_rows), width / TILE_PANEL_COLUMNS};
        return ret;
}

static void pack_head(const struct self_attention *attention, const struct head *head) {
        size_t n_state = attention->n_heads * attention->head_width;
        const uint16_t *keys = head->window->projected + n_state + head->first;

        tiles_pack_columns(&head->keys, keys, 3 * n_state, head->window->n_rows);
        tiles_pack_rows(&head->values, keys + n_state, 3 * n_state, head->window->n_rows);
}

// --- Attending -------------------------------------------------------------------------------

// Results of n queries, which are still to be divided.
static void multiply_values(const struct self_attention *attention, const struct head *head,
                            const struct workspace *space, size_t n) {
        struct tile_product product = {.matrix = head->values,
                                       .x_stride = score_stride(head->window->n_rows) *
                                                   sizeof(float),
                                       .n_rows = n,
                                       .y = space->results,
                                       .y_stride = attention->head_width};

        for (size_t group = 0; group < head->values.n_groups; group += VALUE_GROUPS) {
                product.first_group = group;
                product.n_groups = head->values.n_groups - group;
                if (product.n_groups > VALUE_GROUPS)
                        product.n_groups = VALUE_GROUPS;
                product.x = (const uint8_t *)space->scores + group * TILE_GROUP;
                product.flags = group > 0 ? TILE_ADD : 0;
                tiles_multiply(TILE_BF16, &product);
        }
}

// At most BLOCK queries of one head, from `first`.
static void run_block(const struct self_attention *attention, const struct head *head,
                      size_t first) {
        const struct self_attention_window *window = head->window;
        struct workspace space = workspace_of(attention, window->n_rows);
        size_t width = attention->head_width, n_state = attention->n_heads * width;
        size_t stride = score_stride(window->n_rows), n = window->n_rows - first;

        if (n > BLOCK)
                n = BLOCK;
        // Rows of the caller's matrix lie far apart and would fight for the same cache lines.
        for (size_t i = 0; i < n; i++)
                memcpy(space.queries + i * width,
                       window->projected + (first + i) * 3 * n_state + head->first,
                       width * sizeof(uint16_t));
        tiles_multiply(TILE_BF16, &(struct tile_product){.matrix = head->keys,
                                                         .n_groups = head->keys.n_groups,
                                                         .x = space.queries,
                                                         .x_stride = width * sizeof(uint16_t),
                                                         .n_rows = n,
                                                         .y = space.scores,
                                                         .y_stride = stride});
        for (size_t i = 0; i < n; i++)
                space.sums[i] = tiles_softmax(space.scores + i * stride, window->n_rows,
                                              window->biases, window->n_unbiased);
        multiply_values(attention, head, &space, n);
        for (size_t i = 0; i < n; i++) {
                float *result = space.results + i * width, share = 1 / space.sums[i];

                for (size_t column = 0; column < width; column++)
                        result[column] *= share;
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
