#include "whisper/cpu/cross_attention.h"

#include "whisper/cpu/cross_int8.h"
#include "whisper/cpu/vectors.h"

/* A few queries see all keys of their window at once. Both products are the panels' own: the
 * keys and values of a head are read once for up to BLOCK queries, and that reading is the
 * cost. Of int8 they are cross_int8's, query by query: a head of it stays in the cache. */

#define BLOCK 12

static size_t keys_size(const struct cross_kv_layer *cache) {
        return skinny_bytes(cache->type, cache->head_width, cache->n_keys);
}

static size_t head_size(const struct cross_kv_layer *cache) {
        if (cache->type == SKINNY_INT8)
                return cross_int8_size(cache->n_keys);
        return keys_size(cache) + skinny_bytes(cache->type, cache->n_keys, cache->head_width);
}

size_t cross_kv_layer_size(enum skinny_type type, size_t n_keys, size_t n_heads,
                           size_t head_width) {
        struct cross_kv_layer cache = {
                .type = type, .n_keys = n_keys, .head_width = head_width};

        return n_heads * head_size(&cache);
}

// The two matrices of one head.
static struct skinny_matrix head_keys(const struct cross_kv_layer *cache, size_t head) {
        return (struct skinny_matrix){.type = cache->type,
                                      .depth = cache->head_width,
                                      .n_columns = cache->n_keys,
                                      .elements = (char *)cache->elements +
                                                  head * head_size(cache)};
}

static struct skinny_matrix head_values(const struct cross_kv_layer *cache, size_t head) {
        return (struct skinny_matrix){.type = cache->type,
                                      .depth = cache->n_keys,
                                      .n_columns = cache->head_width,
                                      .elements = (char *)cache->elements +
                                                  head * head_size(cache) + keys_size(cache)};
}

// One head when it is in eight bits.
static struct cross_int8 head_int8(const struct cross_kv_layer *cache, size_t head) {
        return (struct cross_int8){.n_keys = cache->n_keys,
                                   .elements =
                                           (char *)cache->elements + head * head_size(cache)};
}

void cross_kv_layer_pack(const struct cross_kv_layer *cache, size_t head, const float *keys,
                         const float *values, size_t stride) {
        struct skinny_matrix key_panels = head_keys(cache, head);
        struct skinny_matrix value_panels = head_values(cache, head);
        struct cross_int8 int8 = head_int8(cache, head);
        size_t column = head * cache->head_width;

        if (cache->type == SKINNY_INT8) {
                cross_int8_pack(&int8, keys + column, values + column, stride);
                return;
        }
        skinny_pack_columns(&key_panels, keys + column, stride);
        skinny_pack_rows(&value_panels, values + column, stride);
}

// --- Listening ----------------------------------------------------------------------------

// What scratch is cut into; sizes in bytes.
struct cross_scratch {
        char *queries, *probabilities;
        float *scores;
        size_t query_size, probability_size, score_stride;
};

// The largest a row can be in any type.
static size_t row_size_max(size_t depth) {
        return skinny_row_size(SKINNY_FLOAT, depth);
}

static struct cross_scratch workspace_cut(const struct cross_kv_layer *cache, void *scratch) {
        struct cross_scratch workspace = {
                .queries = scratch,
                .query_size = skinny_row_size(cache->type, cache->head_width),
                .probability_size = skinny_row_size(cache->type, cache->n_keys),
                .score_stride = skinny_panels(cache->n_keys) * SKINNY_PANEL_COLUMNS,
        };

        workspace.probabilities = workspace.queries + BLOCK * row_size_max(cache->head_width);
        workspace.scores =
                (float *)(workspace.probabilities + BLOCK * row_size_max(cache->n_keys));
        return workspace;
}

size_t cross_scratch_size(size_t n_keys, size_t head_width) {
        size_t scores = skinny_panels(n_keys) * SKINNY_PANEL_COLUMNS * sizeof(float);

        return BLOCK * (row_size_max(head_width) + row_size_max(n_keys) + scores);
}

static void add_biases(const struct cross_kv_layer *cache, float *scores) {
        if (cache->n_unbiased < cache->n_keys)
                vector_add(scores + cache->n_unbiased, cache->biases + cache->n_unbiased,
                           cache->n_keys - cache->n_unbiased);
}

// Scores of one head for n queries, into rows of the workspace.
static void find_scores(const struct cross_kv_layer *cache, size_t head,
                        const struct cross_queries *queries,
                        const struct cross_scratch *workspace) {
        struct skinny_matrix keys = head_keys(cache, head);

        for (size_t i = 0; i < queries->n; i++)
                skinny_convert_row(cache->type, cache->head_width,
                                   queries->x + i * queries->stride + head * cache->head_width,
                                   workspace->queries + i * workspace->query_size);
        skinny_multiply_part(&keys,
                             &(struct gemm_product){.x = workspace->queries,
                                                    .x_stride = workspace->query_size,
                                                    .n_rows = queries->n,
                                                    .y = workspace->scores,
                                                    .y_stride = workspace->score_stride},
                             0, 1);
        for (size_t i = 0; i < queries->n; i++)
                add_biases(cache, workspace->scores + i * workspace->score_stride);
}

// Scores of one query with keys of int8.
static void find_scores_int8(const struct cross_kv_layer *cache, const struct cross_int8 *int8,
                             const float *query, const struct cross_scratch *workspace) {
        cross_int8_score(int8, query, workspace->scores);
        add_biases(cache, workspace->scores);
}

// Scores of one head for one query, of any type.
static void find_scores_of_one(const struct cross_kv_layer *cache, size_t head,
                               const float *query, const struct cross_scratch *workspace) {
        struct cross_int8 int8 = head_int8(cache, head);

        if (cache->type == SKINNY_INT8)
                find_scores_int8(cache, &int8, query + head * cache->head_width, workspace);
        else
                find_scores(cache, head, &(struct cross_queries){.x = query, .n = 1},
                            workspace);
}

size_t cross_peak(const struct cross_kv_layer *cache, size_t head, const float *query,
                  void *scratch) {
        struct cross_scratch workspace = workspace_cut(cache, scratch);

        find_scores_of_one(cache, head, query, &workspace);
        return vector_argmax(workspace.scores, cache->n_keys);
}

void cross_probabilities(const struct cross_kv_layer *cache, size_t head, const float *query,
                         float *ret, void *scratch) {
        struct cross_scratch workspace = workspace_cut(cache, scratch);

        find_scores_of_one(cache, head, query, &workspace);
        vector_softmax(workspace.scores, cache->n_keys);
        for (size_t i = 0; i < cache->n_keys; i++)
                ret[i] = workspace.scores[i];
}

static void attend_block(const struct cross_kv_layer *cache, size_t head,
                         const struct cross_queries *queries,
                         const struct cross_scratch *workspace) {
        struct skinny_matrix values = head_values(cache, head);

        find_scores(cache, head, queries, workspace);
        for (size_t i = 0; i < queries->n; i++) {
                float *scores = workspace->scores + i * workspace->score_stride;

                vector_softmax(scores, cache->n_keys);
                skinny_convert_row(cache->type, cache->n_keys, scores,
                                   workspace->probabilities + i * workspace->probability_size);
        }
        skinny_multiply_part(
                &values,
                &(struct gemm_product){.x = workspace->probabilities,
                                       .x_stride = workspace->probability_size,
                                       .n_rows = queries->n,
                                       .y = queries->ret + head * cache->head_width,
                                       .y_stride = queries->stride},
                0, 1);
}

static void attend_int8(const struct cross_kv_layer *cache, size_t head,
                        const struct cross_queries *queries,
                        const struct cross_scratch *workspace) {
        struct cross_int8 int8 = head_int8(cache, head);
        size_t column = head * cache->head_width;

        for (size_t i = 0; i < queries->n; i++) {
                find_scores_int8(cache, &int8, queries->x + i * queries->stride + column,
                                 workspace);
                cross_int8_collect(&int8, workspace->scores, workspace->probabilities,
                                   queries->ret + i * queries->stride + column);
        }
}

void cross_attend(const struct cross_kv_layer *cache, size_t head,
                  const struct cross_queries *queries, void *scratch) {
        struct cross_scratch workspace = workspace_cut(cache, scratch);

        if (cache->type == SKINNY_INT8) {
                attend_int8(cache, head, queries, &workspace);
                return;
        }
        for (size_t first = 0; first < queries->n; first += BLOCK) {
                struct cross_queries block = *queries;

                block.x += first * queries->stride;
                block.ret += first * queries->stride;
                block.n = queries->n - first < BLOCK ? queries->n - first : BLOCK;
                attend_block(cache, head, &block, &workspace);
        }
}
