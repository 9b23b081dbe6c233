#include "decode/whisper/decoder.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "decode/whisper/attention.h"
#include "decode/whisper/vectors.h"
#include "util/mem.h"

struct decoder {
        const struct whisper_model *model;
        size_t n_state, n_heads, head_width, n_layers;
        struct text_pool *text_pool;
        float *residual, *normalized, *attended;  // [DECODER_ROWS_MAX, n_state]
        float *wide;                              // [DECODER_ROWS_MAX, 4 * n_state]
        float *logits;                            // [DECODER_ROWS_MAX, n_vocabulary]
        float *scratch;                           // of cross-attention, for each thread
        size_t scratch_size;
        float *scores;  // of self-attention, for each thread
};

int decoder_new(struct decoder **ret, const struct whisper_model *model, size_t n_text_pages) {
        CLEANUP(decoder_freep) struct decoder *decoder = xnew(struct decoder);
        const struct whisper_info *info = &model->info;
        size_t n = (size_t)info->n_text_state;

        decoder->model = model;
        decoder->n_state = n;
        decoder->n_heads = (size_t)info->n_text_heads;
        decoder->head_width = n / decoder->n_heads;
        decoder->n_layers = (size_t)info->n_text_layers;
        decoder->scratch_size = attention_scratch_size(CONTEXT_ROWS, decoder->head_width);
        decoder->text_pool = text_pool_new(decoder->n_layers, n, n_text_pages);
        decoder->residual = try_calloc(DECODER_ROWS_MAX * n, sizeof(float));
        decoder->normalized = try_calloc(DECODER_ROWS_MAX * n, sizeof(float));
        decoder->attended = try_calloc(DECODER_ROWS_MAX * n, sizeof(float));
        decoder->wide = try_calloc(DECODER_ROWS_MAX * 4 * n, sizeof(float));
        decoder->scratch =
                try_calloc((size_t)model->threads * decoder->scratch_size, sizeof(float));
        decoder->scores = try_calloc((size_t)model->threads * (size_t)info->n_text_context,
                                     sizeof(float));
        decoder->logits =
                try_calloc(DECODER_ROWS_MAX * (size_t)info->n_vocabulary, sizeof(float));
        if (!decoder->residual || !decoder->normalized || !decoder->attended ||
            !decoder->wide || !decoder->logits || !decoder->scratch || !decoder->scores)
                return -ENOMEM;
        *ret = TAKE(decoder);
        return 0;
}

struct decoder *decoder_free(struct decoder *decoder) {
        if (!decoder)
                return NULL;
        text_pool_free(decoder->text_pool);
        free(decoder->residual);
        free(decoder->normalized);
        free(decoder->attended);
        free(decoder->wide);
        free(decoder->logits);
        free(decoder->scratch);
        free(decoder->scores);
        free(decoder);
        return NULL;
}

// --- Self-attention's memory --------------------------------------------------------------

struct text_pool *decoder_text_pool(struct decoder *decoder) {
        return decoder->text_pool;
}

int decoder_reserve(struct decoder *decoder, const struct decoder_row *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int r = text_memory_reach(rows[i].text, decoder->text_pool, rows[i].position);

                if (r < 0)
                        return r;
        }
        return 0;
}

// --- A step -------------------------------------------------------------------------------

// Token and position to the residual's row.
static void embed(const struct decoder *decoder, const struct decoder_row *row, float *ret) {
        size_t n = decoder->n_state;

        panels_column(&decoder->model->token_embedding, (size_t)row->token, ret);
        vector_add(ret, decoder->model->text_positions + row->position * n, n);
}

static void normalize_rows(const struct decoder *decoder, const struct norm *norm,
                           size_t n_rows, const float *x, float *ret) {
        size_t n = decoder->n_state;

        for (size_t i = 0; i < n_rows; i++)
                vector_normalize(x + i * n, norm->weight, norm->bias, n, ret + i * n);
}

static void apply(const struct decoder *decoder, const struct thin_linear *linear,
                  size_t n_rows, const float *x, float *y, unsigned flags) {
        panels_multiply(&linear->panels,
                        &(struct product){.x = x,
                                          .x_stride = linear->panels.depth,
                                          .n_rows = n_rows,
                                          .y = y,
                                          .y_stride = linear->panels.n_columns,
                                          .bias = linear->bias,
                                          .flags = flags},
                        decoder->model->threads);
}

// The key of a position, given the one before it.
static const float *next_key(const struct decoder *decoder, const struct decoder_row *row,
                             size_t layer, size_t position, const float *key) {
        if (position % TEXT_PAGE_POSITIONS != 0)
                return key + decoder->n_state;
        return text_memory_key(row->text, decoder->text_pool, layer, position);
}

// One head of one row over all that its sequence said up to it. `query` is the row's queries,
// `ret` has the same shape.
static void attend_text(const struct decoder *decoder, const struct decoder_row *row,
                        size_t layer, size_t column, const float *query, float *ret) {
        size_t width = decoder->head_width;
        size_t value = text_memory_value_offset(decoder->text_pool);
        float *scores = decoder->scores + (size_t)omp_get_thread_num() *
                                                  (size_t)decoder->model->info.n_text_context;
        const float *key = NULL;

        for (size_t i = 0; i <= row->position; i++) {
                key = next_key(decoder, row, layer, i, key);
                scores[i] = vector_dot(query + column, key + column, width);
        }
        vector_softmax(scores, row->position + 1);
        memset(ret + column, 0, width * sizeof(float));
        for (size_t i = 0; i <= row->position; i++) {
                key = next_key(decoder, row, layer, i, key);
                vector_add_scaled(ret + column, key + value + column, scores[i], width);
        }
}

static void run_self_attention(struct decoder *decoder, const struct decoder_row *rows,
                               size_t n, size_t layer) {
        const struct decoder_layer *weights = &decoder->model->decoder_layers[layer];
        size_t n_state = decoder->n_state;

        normalize_rows(decoder, &weights->attention_norm, n, decoder->residual,
                       decoder->normalized);
        apply(decoder, &weights->query_key_value, n, decoder->normalized, decoder->wide, 0);
        for (size_t i = 0; i < n; i++) {
                float *key = text_memory_key(rows[i].text, decoder->text_pool, layer,
                                             rows[i].position);
                const float *x = decoder->wide + i * 3 * n_state;

                memcpy(key, x + n_state, n_state * sizeof(float));
                memcpy(key + text_memory_value_offset(decoder->text_pool), x + 2 * n_state,
                       n_state * sizeof(float));
        }
#pragma omp parallel for num_threads(decoder->model->threads) schedule(static)
        for (size_t task = 0; task < n * decoder->n_heads; task++) {
                size_t i = task / decoder->n_heads;

                attend_text(decoder, &rows[i], layer,
                            task % decoder->n_heads * decoder->head_width,
                            decoder->wide + i * 3 * n_state, decoder->attended + i * n_state);
        }
        apply(decoder, &weights->attention_out, n, decoder->attended, decoder->residual,
              PRODUCT_ADD);
}

// How many neighbouring rows from `first` on listen to the same window.
static size_t rows_of_window(const struct decoder_row *rows, size_t n, size_t first) {
        size_t last = first + 1;

        while (last < n && rows[last].audio == rows[first].audio)
                last++;
        return last - first;
}

// What all rows attend to: one entry for neighbours with the same window. Returns how many.
static size_t plan_cross_attention(const struct decoder *decoder,
                                   const struct decoder_row *rows, size_t n, size_t layer,
                                   struct attention *ret) {
        size_t n_state = decoder->n_state, n_groups = 0;

        for (size_t first = 0; first < n;) {
                size_t n_group = rows_of_window(rows, n, first);

                ret[n_groups++] = (struct attention){
                        .memory = &rows[first].audio->layers[layer],
                        .queries = decoder->wide + first * n_state,
                        .query_stride = n_state,
                        .n_queries = n_group,
                        .ret = decoder->attended + first * n_state,
                        .ret_stride = n_state,
                };
                first += n_group;
        }
        return n_groups;
}

// Probabilities of one layer's heads for the rows that want them: worked out a second time, so
// that steps without such rows pay nothing.
static void capture_alignments(const struct decoder *decoder, const struct decoder_row *rows,
                               size_t n, size_t layer) {
        for (size_t i = 0; i < n; i++) {
                const struct decoder_alignment *alignment = rows[i].alignment;
                const struct attention_memory *memory = &rows[i].audio->layers[layer];

                for (size_t k = 0; alignment && k < alignment->n_heads; k++)
                        if (alignment->heads[k].layer == layer)
                                attention_probabilities(memory, alignment->heads[k].head,
                                                        decoder->wide + i * decoder->n_state,
                                                        alignment->ret + k * memory->n_keys);
        }
}

static void run_cross_attention(struct decoder *decoder, const struct decoder_row *rows,
                                size_t n, size_t layer) {
        const struct decoder_layer *weights = &decoder->model->decoder_layers[layer];
        struct attention attentions[DECODER_ROWS_MAX];
        size_t n_groups = plan_cross_attention(decoder, rows, n, layer, attentions);

        normalize_rows(decoder, &weights->cross_norm, n, decoder->residual,
                       decoder->normalized);
        apply(decoder, &weights->cross_query, n, decoder->normalized, decoder->wide, 0);
        capture_alignments(decoder, rows, n, layer);
        attention_run(attentions, n_groups, decoder->scratch, decoder->scratch_size,
                      decoder->model->threads);
        apply(decoder, &weights->cross_out, n, decoder->attended, decoder->residual,
              PRODUCT_ADD);
}

static void run_mlp(struct decoder *decoder, size_t n, size_t layer) {
        const struct decoder_layer *weights = &decoder->model->decoder_layers[layer];

        normalize_rows(decoder, &weights->mlp_norm, n, decoder->residual, decoder->normalized);
        apply(decoder, &weights->mlp_in, n, decoder->normalized, decoder->wide, PRODUCT_GELU);
        apply(decoder, &weights->mlp_out, n, decoder->wide, decoder->residual, PRODUCT_ADD);
}

// Logits of the rows that want them, in one product.
static void run_logits(struct decoder *decoder, const struct decoder_row *rows, size_t n) {
        size_t n_state = decoder->n_state, n_wanted = 0;
        const struct norm *norm = &decoder->model->decoder_norm;

        for (size_t i = 0; i < n; i++)
                if (rows[i].wants_logits)
                        vector_normalize(decoder->residual + i * n_state, norm->weight,
                                         norm->bias, n_state,
                                         decoder->normalized + n_wanted++ * n_state);
        if (n_wanted == 0)
                return;
        panels_multiply(
                &decoder->model->token_embedding,
                &(struct product){.x = decoder->normalized,
                                  .x_stride = n_state,
                                  .n_rows = n_wanted,
                                  .y = decoder->logits,
                                  .y_stride = (size_t)decoder->model->info.n_vocabulary},
                decoder->model->threads);
}

int decoder_step(struct decoder *decoder, const struct decoder_row *rows, size_t n,
                 float **ret_logits) {
        int r = n > DECODER_ROWS_MAX ? -EINVAL : decoder_reserve(decoder, rows, n);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                embed(decoder, &rows[i], decoder->residual + i * decoder->n_state);
        for (size_t layer = 0; layer < decoder->n_layers; layer++) {
                run_self_attention(decoder, rows, n, layer);
                run_cross_attention(decoder, rows, n, layer);
                run_mlp(decoder, n, layer);
        }
        run_logits(decoder, rows, n);
        *ret_logits = decoder->logits;
        return 0;
}
