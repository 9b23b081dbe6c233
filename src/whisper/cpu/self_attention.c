#include "whisper/cpu/self_attention.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

/* A block of 48 queries sees all keys of its window at once: its scores, 48 by 1500
 * words of sixteen bits, stay in the second-level cache, softmax runs over whole rows,
 * and no running maximum is needed. The probabilities take the scores' place, and what they sum
 * up to divides the result.
 *
 * Queries have a scale for each row, keys for each key, values for each column, and
 * keys and values lose their means first. To softmax a mean key adds the same everywhere. The
 * mean value is added to the result: so it takes the place of all the small probabilities,
 * which are rounded to nothing but may be many (their sum is kept in full).
 */

#define BLOCK TALL_BLOCK_ROWS

#define WORDS_IN_LINE (64 / sizeof(int16_t))

// --- Memory ----------------------------------------------------------------------------------

static size_t vectors_of(size_t n_columns) {
        return (n_columns + TALL_VECTOR_COLUMNS - 1) / TALL_VECTOR_COLUMNS;
}

// Elements in a group.
static size_t elements_in_group(void) {
        return tall_attention_type() == TALL_INT8 ? TALL_GROUP : TALL_GROUP / sizeof(int16_t);
}

static size_t key_groups(const struct self_attention *attention) {
        return attention->head_width / elements_in_group();
}

// There are values for all columns of the keys.
static size_t value_groups(size_t n_rows) {
        return vectors_of(n_rows) * TALL_VECTOR_COLUMNS / elements_in_group();
}

static size_t keys_size(const struct self_attention *attention, size_t n_rows) {
        return tall_matrix_size(key_groups(attention), vectors_of(n_rows));
}

static size_t values_size(const struct self_attention *attention, size_t n_rows) {
        return tall_matrix_size(value_groups(n_rows),
                                attention->head_width / TALL_VECTOR_COLUMNS);
}

// Floats beside them: the keys' scales, biases and zeros, the values' means, scales and sums.
static size_t scales_of(const struct self_attention *attention, size_t n_rows) {
        return 3 * vectors_of(n_rows) * TALL_VECTOR_COLUMNS + 3 * attention->head_width;
}

static size_t head_size(const struct self_attention *attention, size_t n_rows) {
        return keys_size(attention, n_rows) + values_size(attention, n_rows) +
               scales_of(attention, n_rows) * sizeof(float);
}

// Words from one query's scores to the next: an odd number of cache lines, so that rows do not
// fight for the same ones.
static size_t score_stride(size_t n_rows) {
        return ((n_rows + WORDS_IN_LINE - 1) / WORDS_IN_LINE | 1) * WORDS_IN_LINE;
}

// What a thread works in.
struct self_attention_space {
        int16_t *scores;   // [BLOCK, score_stride]
        uint8_t *queries;  // [BLOCK, head_width] of int8 or int16
};

static size_t workspace_size(size_t n_rows, size_t head_width) {
        return BLOCK * (score_stride(n_rows) + head_width) * sizeof(int16_t);
}

static struct self_attention_space workspace_of(const struct self_attention *attention,
                                                size_t n_rows, size_t thread) {
        uint8_t *at = attention->scratch + thread * attention->scratch_size;

        return (struct self_attention_space){
                .scores = (int16_t *)(void *)at,
                .queries = at + BLOCK * score_stride(n_rows) * sizeof(int16_t),
        };
}

int self_attention_init(struct self_attention *ret, size_t n_heads, size_t head_width,
                        struct self_attention_limits limits, struct team *team) {
        *ret = (struct self_attention){
                .n_heads = n_heads, .head_width = head_width, .team = team};
        if (head_width > TALL_WIDTH_MAX)
                return -EINVAL;
        ret->scratch_size = (workspace_size(limits.n_rows, head_width) + 63) / 64 * 64;
        // A vector of keys and a group of values of each window may be nearly empty.
        ret->memory = try_aligned(
                n_heads *
                (head_size(ret, limits.n_rows + limits.n_windows * TALL_VECTOR_COLUMNS) +
                 limits.n_windows * scales_of(ret, 0) * sizeof(float)));
        ret->scratch = try_aligned(team_size(team) * ret->scratch_size);
        return ret->memory && ret->scratch ? 0 : -ENOMEM;
}

void self_attention_deinit(struct self_attention *attention) {
        free(attention->memory);
        free(attention->scratch);
        *attention = (struct self_attention){0};
}

// One head of one window.
struct self_attention_head {
        const struct self_attention_window *window;
        size_t first;  // column of its queries
        struct tall_keys keys;
        struct tall_values values;
};

// The head number `index` of all windows' heads.
static struct self_attention_head head_of(const struct self_attention *attention,
                                          const struct self_attention_window *windows,
                                          size_t index) {
        const struct self_attention_window *window = windows;
        uint8_t *memory = attention->memory;
        size_t width = attention->head_width, n_columns;
        size_t panel_vectors = tall_panel_vectors();
        struct self_attention_head ret;

        for (; index >= attention->n_heads; index -= attention->n_heads, window++)
                memory += attention->n_heads * head_size(attention, window->n_rows);
        memory += index * head_size(attention, window->n_rows);
        n_columns = vectors_of(window->n_rows) * TALL_VECTOR_COLUMNS;
        ret.window = window;
        ret.first = index * width;
        ret.keys.matrix = (struct tall_matrix){memory, key_groups(attention),
                                               vectors_of(window->n_rows), panel_vectors};
        memory += keys_size(attention, window->n_rows);
        ret.values.matrix = (struct tall_matrix){memory, value_groups(window->n_rows),
                                                 width / TALL_VECTOR_COLUMNS, panel_vectors};
        memory += values_size(attention, window->n_rows);
        ret.values.means = (float *)(void *)memory;
        ret.values.scales = ret.values.means + width;
        ret.values.sums = ret.values.scales + width;
        ret.keys.scales = ret.values.sums + width;
        ret.keys.biases = ret.keys.scales + n_columns;
        ret.keys.zeros = (int32_t *)(void *)(ret.keys.biases + n_columns);
        return ret;
}

// Where a column of the window's queries, keys and values begins.
static const uint16_t *find_column(const struct self_attention_window *window, size_t column) {
        return window->projected + column / TALL_TILE_COLUMNS * window->block +
               column % TALL_TILE_COLUMNS;
}

static void pack_head(const struct self_attention *attention,
                      const struct self_attention_head *head) {
        const struct self_attention_window *window = head->window;
        size_t n_state = attention->n_heads * attention->head_width, stride = window->stride;
        const uint16_t *keys = find_column(window, n_state + head->first);
        const uint16_t *values = find_column(window, 2 * n_state + head->first);

        tall_quantize_keys(&head->keys, keys, stride, window->n_rows, window->biases,
                           window->n_unbiased);
        memset(head->values.sums, 0, attention->head_width * sizeof(float));
        tall_quantize_values(&head->values, values, stride, window->n_rows);
}

// --- Attending -------------------------------------------------------------------------------

// Some queries of a head.
struct query_block {
        const struct self_attention_head *head;
        size_t first, n;  // at most BLOCK
        uint16_t *ret;    // of the first
        size_t thread;    // that attends
};

static const uint16_t *block_query(const struct query_block *block, size_t i) {
        const struct self_attention_window *window = block->head->window;

        return find_column(window, block->head->first) + (block->first + i) * window->stride;
}

// The weights' sum divides by way of the scale of their row.
static void attend_block(const struct self_attention *attention,
                         const struct query_block *block) {
        const struct tall_keys *keys = &block->head->keys;
        const struct tall_values *values = &block->head->values;
        struct self_attention_space space =
                workspace_of(attention, block->head->window->n_rows, block->thread);
        size_t width = attention->head_width,
               n_columns = keys->matrix.n_vectors * TALL_VECTOR_COLUMNS,
               query_size = keys->matrix.n_groups * TALL_GROUP;
        struct tall_scores scores = {.keys = *keys,
                                     .queries = space.queries,
                                     .n_rows = block->n,
                                     .scores = space.scores,
                                     .stride = score_stride(block->head->window->n_rows)};
        float query_scales[BLOCK];
        int16_t largest[BLOCK];
        struct tall_row rows[BLOCK];

        for (size_t i = 0; i < block->n; i++)
                tall_quantize_query(block_query(block, i), width,
                                    space.queries + i * query_size, &query_scales[i]);
        scores.query_scales = query_scales;
        tall_score(&scores, largest);
        for (size_t i = 0; i < block->n; i++)
                rows[i] = (struct tall_row){
                        .scale = 1 / tall_quantize_softmax(scores.scores + i * scores.stride,
                                                           n_columns, largest[i])};
        tall_multiply(tall_attention_type(),
                      &(struct tall_product){.matrix = values->matrix,
                                             .x = scores.scores,
                                             .x_stride = scores.stride * sizeof(int16_t),
                                             .n_rows = block->n,
                                             .y = block->ret,
                                             .y_stride = attention->n_heads * width,
                                             .bias = values->means,
                                             .flags = TALL_TO_BF16,
                                             .rows = rows,
                                             .scales = values->scales,
                                             .sums = values->sums});
}

// At most BLOCK queries of one head, from `first`.
static void run_block(const struct self_attention *attention,
                      const struct self_attention_head *head, size_t first, size_t thread) {
        const struct self_attention_window *window = head->window;
        size_t n_state = attention->n_heads * attention->head_width;
        struct query_block block = {head, first, window->n_rows - first,
                                    window->ret + first * n_state + head->first, thread};

        if (block.n > BLOCK)
                block.n = BLOCK;
        attend_block(attention, &block);
}

// Blocks of queries and heads in one window.
static size_t count_tasks(const struct self_attention *attention,
                          const struct self_attention_window *window) {
        return (window->n_rows + BLOCK - 1) / BLOCK * attention->n_heads;
}

// What the team works at.
struct attention_work {
        const struct self_attention *attention;
        const struct self_attention_window *windows;
};

static void pack_piece(void *context, size_t index, size_t thread) {
        const struct attention_work *all = context;
        struct self_attention_head head = head_of(all->attention, all->windows, index);

        (void)thread;
        pack_head(all->attention, &head);
}

// Task number `task` of all windows: neighbours are blocks of the same head, whose keys stay in
// the cache.
static void run_task(void *context, size_t task, size_t thread) {
        const struct attention_work *all = context;
        const struct self_attention *attention = all->attention;
        const struct self_attention_window *windows = all->windows;
        size_t window = 0, n_blocks;
        struct self_attention_head head;

        for (; task >= count_tasks(attention, &windows[window]); window++)
                task -= count_tasks(attention, &windows[window]);
        n_blocks = count_tasks(attention, &windows[window]) / attention->n_heads;
        head = head_of(attention, windows, window * attention->n_heads + task / n_blocks);
        run_block(attention, &head, task % n_blocks * BLOCK, thread);
}

void self_attention_run(struct self_attention *attention,
                        const struct self_attention_window *windows, size_t n) {
        struct attention_work all = {attention, windows};
        size_t n_tasks = 0;

        for (size_t i = 0; i < n; i++)
                n_tasks += count_tasks(attention, &windows[i]);
        team_run(attention->team, n * attention->n_heads, pack_piece, &all);
        team_run(attention->team, n_tasks, run_task, &all);
}
