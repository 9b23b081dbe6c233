#include "whisper/cpu/cross_attention.h"

#include "whisper/cpu/cross_int8.h"
#include "whisper/cpu/vectors.h"

/* A few queries see all keys of their window at once. Both products are the panels' own: the
 * keys and values of a head are read once for up to BLOCK queries, and that reading is the
 * cost. Of int8 they are cross_int8's, query by query: a head of it stays in the cache. */

#define BLOCK 12

static size_t keys_size(const struct cross_memory *memory) {
        return panels_bytes(memory->type, memory->head_width, memory->n_keys);
}

static size_t head_size(const struct cross_memory *memory) {
        if (memory->type == PANELS_INT8)
                return cross_int8_size(memory->n_keys);
        return keys_size(memory) +
               panels_bytes(memory->type, memory->n_keys, memory->head_width);
}

size_t cross_memory_size(enum panels_type type, size_t n_keys, size_t n_heads,
                         size_t head_width) {
        struct cross_memory memory = {.type = type, .n_keys = n_keys, .head_width = head_width};

        return n_heads * head_size(&memory);
}

// The two matrices of one head.
static struct panels head_keys(const struct cross_memory *memory, size_t head) {
        return (struct panels){.type = memory->type,
                               .depth = memory->head_width,
                               .n_columns = memory->n_keys,
                               .elements = (char *)memory->elements + head * head_size(memory)};
}

static struct panels head_values(const struct cross_memory *memory, size_t head) {
        return (struct panels){.type = memory->type,
                               .depth = memory->n_keys,
                               .n_columns = memory->head_width,
                               .elements = (char *)memory->elements + head * head_size(memory) +
                                           keys_size(memory)};
}

// One head when it is in eight bits.
static struct cross_int8 head_int8(const struct cross_memory *memory, size_t head) {
        return (struct cross_int8){.n_keys = memory->n_keys,
                                   .elements =
                                           (char *)memory->elements + head * head_size(memory)};
}

void cross_memory_pack(const struct cross_memory *memory, size_t head, const float *keys,
                       const float *values, size_t stride) {
        struct panels key_panels = head_keys(memory, head);
        struct panels value_panels = head_values(memory, head);
        struct cross_int8 int8 = head_int8(memory, head);
        size_t column = head * memory->head_width;

        if (memory->type == PANELS_INT8) {
                cross_int8_pack(&int8, keys + column, values + column, stride);
                return;
        }
        panels_pack_columns(&key_panels, keys + column, stride);
        panels_pack_rows(&value_panels, values + column, stride);
}

// --- Listening ----------------------------------------------------------------------------

// What scratch is cut into; sizes in bytes.
struct workspace {
        char *queries, *probabilities;
        float *scores;
        size_t query_size, probability_size, score_stride;
};

// The largest a row can be in any type.
static size_t row_size_max(size_t depth) {
        return panels_row_size(PANELS_FLOAT, depth);
}

static struct workspace workspace_cut(const struct cross_memory *memory, void *scratch) {
        struct workspace workspace = {
                .queries = scratch,
                .query_size = panels_row_size(memory->type, memory->head_width),
                .probability_size = panels_row_size(memory->type, memory->n_keys),
                .score_stride = panels_count(memory->n_keys) * PANEL_COLUMNS,
        };

        workspace.probabilities = workspace.queries + BLOCK * row_size_max(memory->head_width);
        workspace.scores =
                (float *)(workspace.probabilities + BLOCK * row_size_max(memory->n_keys));
        return workspace;
}

size_t cross_scratch_size(size_t n_keys, size_t head_width) {
        size_t scores = panels_count(n_keys) * PANEL_COLUMNS * sizeof(float);

        return BLOCK * (row_size_max(head_width) + row_size_max(n_keys) + scores);
}

static void add_biases(const struct cross_memory *memory, float *scores) {
        if (memory->n_unbiased < memory->n_keys)
                vector_add(scores + memory->n_unbiased, memory->biases + memory->n_unbiased,
                           memory->n_keys - memory->n_unbiased);
}

// Scores of one head for n queries, into rows of the workspace.
static void find_scores(const struct cross_memory *memory, size_t head,
                        const struct cross_queries *queries,
                        const struct workspace *workspace) {
        struct panels keys = head_keys(memory, head);

        for (size_t i = 0; i < queries->n; i++)
                panels_convert_row(memory->type, memory->head_width,
                                   queries->x + i * queries->stride + head * memory->head_width,
                                   workspace->queries + i * workspace->query_size);
        panels_multiply_share(&keys,
                              &(struct product){.x = workspace->queries,
                                                .x_stride = workspace->query_size,
                                                .n_rows = queries->n,
                                                .y = workspace->scores,
                                                .y_stride = workspace->score_stride},
                              0, 1);
        for (size_t i = 0; i < queries->n; i++)
                add_biases(memory, workspace->scores + i * workspace->score_stride);
}

// The same for one query to keys of int8.
static void find_scores_int8(const struct cross_memory *memory, const struct cross_int8 *int8,
                             const float *query, const struct workspace *workspace) {
        cross_int8_score(int8, query, workspace->scores);
        add_biases(memory, workspace->scores);
}

// Scores of one head for one query, of any type.
static void find_scores_of_one(const struct cross_memory *memory, size_t head,
                               const float *query, const struct workspace *workspace) {
        struct cross_int8 int8 = head_int8(memory, head);

        if (memory->type == PANELS_INT8)
                find_scores_int8(memory, &int8, query + head * memory->head_width, workspace);
        else
                find_scores(memory, head, &(struct cross_queries){.x = query, .n = 1},
                            workspace);
}

size_t cross_peak(const struct cross_memory *memory, size_t head, const float *query,
                  void *scratch) {
        struct workspace workspace = workspace_cut(memory, scratch);

        find_scores_of_one(memory, head, query, &workspace);
        return vector_argmax(workspace.scores, memory->n_keys);
}

void cross_probabilities(const struct cross_memory *memory, size_t head, const float *query,
                         float *ret, void *scratch) {
        struct workspace workspace = workspace_cut(memory, scratch);

        find_scores_of_one(memory, head, query, &workspace);
        vector_softmax(workspace.scores, memory->n_keys);
        for (size_t i = 0; i < memory->n_keys; i++)
                ret[i] = workspace.scores[i];
}

static void attend_block(const struct cross_memory *memory, size_t head,
                         const struct cross_queries *queries,
                         const struct workspace *workspace) {
        struct panels values = head_values(memory, head);

        find_scores(memory, head, queries, workspace);
        for (size_t i = 0; i < queries->n; i++) {
                float *scores = workspace->scores + i * workspace->score_stride;

                vector_softmax(scores, memory->n_keys);
                panels_convert_row(memory->type, memory->n_keys, scores,
                                   workspace->probabilities + i * workspace->probability_size);
        }
        panels_multiply_share(&values,
                              &(struct product){.x = workspace->probabilities,
                                                .x_stride = workspace->probability_size,
                                                .n_rows = queries->n,
                                                .y = queries->ret + head * memory->head_width,
                                                .y_stride = queries->stride},
                              0, 1);
}

static void attend_int8(const struct cross_memory *memory, size_t head,
                        const struct cross_queries *queries,
                        const struct workspace *workspace) {
        struct cross_int8 int8 = head_int8(memory, head);
        size_t column = head * memory->head_width;

        for (size_t i = 0; i < queries->n; i++) {
                find_scores_int8(memory, &int8, queries->x + i * queries->stride + column,
                                 workspace);
                cross_int8_collect(&int8, workspace->scores, workspace->probabilities,
                                   queries->ret + i * queries->stride + column);
        }
}

void cross_attend(const struct cross_memory *memory, size_t head,
                  const struct cross_queries *queries, void *scratch) {
        struct workspace workspace = workspace_cut(memory, scratch);

        if (memory->type == PANELS_INT8) {
                attend_int8(memory, head, queries, &workspace);
                return;
        }
        for (size_t first = 0; first < queries->n; first += BLOCK) {
                struct cross_queries block = *queries;

                block.x += first * queries->stride;
                block.ret += first * queries->stride;
                block.n = queries->n - first < BLOCK ? queries->n - first : BLOCK;
                attend_block(memory, head, &block, &workspace);
        }
}
