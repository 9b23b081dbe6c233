#include "whisper/cpu/decoder.h"

#include <errno.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/cross_attention.h"
#include "whisper/cpu/paged_attention.h"
#include "whisper/cpu/vectors.h"

/* A step runs on all threads from its first row to the logits, with a barrier wherever what one
 * thread made is read by all: six in a layer. Every thread has its heads: the products that
 * make their queries, keys and values, and the attention with these, need no barrier in
 * between. What goes into a product is normalised and converted by each thread for itself when
 * there are few rows, which costs less than waiting for the others. */

// At most so many rows are converted by every thread for itself (each takes half a
// microsecond).
#define PRIVATE_ROWS 4

struct decoder {
        const struct whisper_model *model;
        size_t n_state, n_heads, head_width, n_layers, n_threads;
        struct kv_pool *kv_pool;
        float *residual, *attended;  // [DECODER_ROWS_MAX, n_state]
        float *wide;                 // [DECODER_ROWS_MAX, 4 * n_state]
        float *logits;               // [n_logits_rows, n_vocabulary]
        size_t n_logits_rows;
        char *inputs;  // of products, rows of at most `input_size` bytes: DECODER_ROWS_MAX for
        size_t input_size;  // all, then PRIVATE_ROWS for each thread
        char *workspaces;   // of attention, for each thread
        size_t workspace_size;
};

// Of self-attention, which needs scores only, or of cross-attention.
static size_t attention_workspace_size(const struct decoder *decoder) {
        size_t scores = (size_t)decoder->model->info.n_text_context * sizeof(float);
        size_t cross = cross_scratch_size(CONTEXT_ROWS, decoder->head_width);

        return (cross > scores ? cross : scores) + 64;
}

int decoder_new(struct decoder **ret, const struct whisper_model *model, size_t n_kv_blocks) {
        CLEANUP(decoder_freep) struct decoder *decoder = xnew(struct decoder);
        const struct whisper_info *info = &model->info;
        size_t n = (size_t)info->n_text_state;

        decoder->model = model;
        decoder->n_state = n;
        decoder->n_heads = (size_t)info->n_text_heads;
        decoder->head_width = n / decoder->n_heads;
        decoder->n_layers = (size_t)info->n_text_layers;
        decoder->n_threads = (size_t)model->threads;
        decoder->input_size = skinny_row_size(SKINNY_FLOAT, 4 * n);
        decoder->workspace_size = attention_workspace_size(decoder) / 64 * 64;
        decoder->kv_pool = kv_pool_new(decoder->n_layers, n, n_kv_blocks);
        decoder->residual = try_calloc(DECODER_ROWS_MAX * n, sizeof(float));
        decoder->attended = try_calloc(DECODER_ROWS_MAX * n, sizeof(float));
        decoder->wide = try_calloc(DECODER_ROWS_MAX * 4 * n, sizeof(float));
        decoder->inputs = try_aligned((DECODER_ROWS_MAX + decoder->n_threads * PRIVATE_ROWS) *
                                      decoder->input_size);
        decoder->workspaces = try_aligned(decoder->n_threads * decoder->workspace_size);
        if (!decoder->residual || !decoder->attended || !decoder->wide || !decoder->inputs ||
            !decoder->workspaces)
                return -ENOMEM;
        *ret = TAKE(decoder);
        return 0;
}

struct decoder *decoder_free(struct decoder *decoder) {
        if (!decoder)
                return NULL;
        kv_pool_free(decoder->kv_pool);
        free(decoder->residual);
        free(decoder->attended);
        free(decoder->wide);
        free(decoder->logits);
        free(decoder->inputs);
        free(decoder->workspaces);
        free(decoder);
        return NULL;
}

// --- The self-attention's KV cache
// --------------------------------------------------------------

struct kv_pool *decoder_kv_pool(struct decoder *decoder) {
        return decoder->kv_pool;
}

int decoder_reserve(struct decoder *decoder, const struct decoder_row *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                int r = kv_cache_reach(rows[i].kv, decoder->kv_pool, rows[i].position);

                if (r < 0)
                        return r;
        }
        return 0;
}

// --- A step -------------------------------------------------------------------------------

// What a thread knows of the step that all of them run.
struct step {
        struct decoder *decoder;
        const struct decoder_row *rows;
        size_t n, thread;
        size_t first_head, last_head;  // the thread's
};

static void wait_for_all(void) {
#pragma omp barrier
}

// The thread's share of n things: the first of them, and with thread + 1 the end.
static size_t share_begin(const struct step *step, size_t n, size_t thread) {
        return n * thread / step->decoder->n_threads;
}

// The token and its position as the residual's row.
static void embed(const struct decoder *decoder, const struct decoder_row *row, float *ret) {
        size_t n = decoder->n_state;

        skinny_column(&decoder->model->token_embedding, (size_t)row->token, ret);
        vector_add(ret, decoder->model->text_positions + row->position * n, n);
}

// Rows of floats on their way into a product.
struct row_source {
        const float *x;
        size_t stride, n;
        struct norm norm;  // zeroed: they go as they are
};

// Bytes from row to row: no more than one takes, since rows a power of two apart would drive
// each other out of the cache.
static size_t input_stride(const struct skinny_matrix *matrix) {
        return skinny_row_size(matrix->type, matrix->depth);
}

// One row of them in the form that the product wants.
static void convert_row(const struct skinny_matrix *matrix, const struct row_source *source,
                        size_t row, char *ret) {
        const float *x = source->x + row * source->stride;
        float normalized[MODEL_STATE_MAX];

        if (source->norm.weight) {
                vector_normalize(x, source->norm.weight, source->norm.bias, matrix->depth,
                                 normalized);
                x = normalized;
        }
        skinny_convert_row(matrix->type, matrix->depth, x, ret + row * input_stride(matrix));
}

// All rows in the form that the product wants, for this thread to read.
static const char *convert(const struct step *step, const struct skinny_matrix *matrix,
                           const struct row_source *source) {
        const struct decoder *decoder = step->decoder;
        size_t first = 0, last = source->n;
        char *ret = decoder->inputs;
        bool is_private = source->n <= PRIVATE_ROWS;

        if (is_private) {
                ret += (DECODER_ROWS_MAX + step->thread * PRIVATE_ROWS) * decoder->input_size;
        } else {
                first = share_begin(step, source->n, step->thread);
                last = share_begin(step, source->n, step->thread + 1);
        }
        for (size_t row = first; row < last; row++)
                convert_row(matrix, source, row, ret);
        if (!is_private)
                wait_for_all();
        return ret;
}

static struct gemm_product product_of(const struct step *step,
                                      const struct skinny_layer *linear, const char *x,
                                      float *y, unsigned flags) {
        return (struct gemm_product){.x = x,
                                     .x_stride = input_stride(&linear->matrix),
                                     .n_rows = step->n,
                                     .y = y,
                                     .y_stride = linear->matrix.n_columns,
                                     .bias = linear->bias,
                                     .flags = flags};
}

// One layer on rows of `depth` floats. All threads have their share of what comes out; it is
// there when all have passed the barrier.
static void apply(const struct step *step, const struct skinny_layer *linear,
                  const struct row_source *source, float *y, unsigned flags) {
        struct gemm_product product =
                product_of(step, linear, convert(step, &linear->matrix, source), y, flags);

        skinny_multiply_part(&linear->matrix, &product, step->thread, step->decoder->n_threads);
        wait_for_all();
}

// A layer that makes n_parts vectors for each head, as far as this thread's heads need them.
static void apply_to_heads(const struct step *step, const struct skinny_layer *linear,
                           const struct row_source *source, size_t n_parts) {
        const struct decoder *decoder = step->decoder;
        struct gemm_product product;

        if (decoder->head_width != SKINNY_PANEL_COLUMNS) {
                apply(step, linear, source, decoder->wide, 0);
                return;
        }
        product = product_of(step, linear, convert(step, &linear->matrix, source),
                             decoder->wide, 0);
        for (size_t part = 0; part < n_parts; part++)
                skinny_multiply_range(&linear->matrix, &product,
                                      part * decoder->n_heads + step->first_head,
                                      part * decoder->n_heads + step->last_head);
}

static struct row_source residual_of(const struct step *step, const struct norm *norm) {
        return (struct row_source){step->decoder->residual, step->decoder->n_state, step->n,
                                   *norm};
}

// The output layer of attention, and the barrier in front of it.
static void apply_attended(const struct step *step, const struct skinny_layer *linear) {
        struct decoder *decoder = step->decoder;

        wait_for_all();
        apply(step, linear,
              &(struct row_source){
                      .x = decoder->attended, .stride = decoder->n_state, .n = step->n},
              decoder->residual, GEMM_ADD);
}

static char *workspace_of(const struct step *step) {
        return step->decoder->workspaces + step->thread * step->decoder->workspace_size;
}

// --- Self-attention -----------------------------------------------------------------------

// Keep the keys and values that this thread's heads have in `wide`.
static void keep_keys(const struct step *step, size_t layer) {
        const struct decoder *decoder = step->decoder;
        size_t n_state = decoder->n_state, column = step->first_head * decoder->head_width;
        size_t size =
                (step->last_head - step->first_head) * decoder->head_width * sizeof(float);

        for (size_t i = 0; i < step->n; i++) {
                float *key = kv_cache_key(step->rows[i].kv, decoder->kv_pool, layer,
                                          step->rows[i].position) +
                             column;
                const float *x = decoder->wide + i * 3 * n_state + column;

                memcpy(key, x + n_state, size);
                memcpy(key + kv_cache_value_offset(decoder->kv_pool), x + 2 * n_state, size);
        }
}

// One head of one row.
static void attend_text(const struct step *step, size_t i, size_t layer, size_t column) {
        const struct decoder *decoder = step->decoder;
        size_t n_state = decoder->n_state;

        paged_attend(decoder->kv_pool,
                     &(struct paged_query){.kv = step->rows[i].kv,
                                           .layer = layer,
                                           .position = step->rows[i].position,
                                           .column = column,
                                           .width = decoder->head_width,
                                           .query = decoder->wide + i * 3 * n_state + column,
                                           .ret = decoder->attended + i * n_state + column},
                     (float *)workspace_of(step));
}

static void run_self_attention(const struct step *step, size_t layer) {
        struct decoder *decoder = step->decoder;
        const struct decoder_layer *weights = &decoder->model->decoder_layers[layer];
        struct row_source source = residual_of(step, &weights->attention_norm);

        apply_to_heads(step, &weights->query_key_value, &source, 3);
        keep_keys(step, layer);
        for (size_t i = 0; i < step->n; i++)
                for (size_t head = step->first_head; head < step->last_head; head++)
                        attend_text(step, i, layer, head * decoder->head_width);
        apply_attended(step, &weights->attention_out);
}

// --- Cross-attention ----------------------------------------------------------------------

// How many neighbouring rows from `first` on listen to the same window.
static size_t rows_of_window(const struct step *step, size_t first) {
        size_t last = first + 1;

        while (last < step->n && step->rows[last].cross_kv == step->rows[first].cross_kv)
                last++;
        return last - first;
}

// Probabilities of this thread's heads for a row that wants them: worked out a second time, so
// that steps without such rows pay nothing.
static void capture_alignment(const struct step *step, size_t row, size_t layer) {
        const struct decoder_alignment *alignment = step->rows[row].alignment;
        const struct cross_kv_layer *layer_kv = &step->rows[row].cross_kv->layers[layer];
        const float *query = step->decoder->wide + row * step->decoder->n_state;

        for (size_t i = 0; alignment && i < alignment->n_heads; i++) {
                const struct decoder_head *wanted = &alignment->heads[i];

                if (wanted->layer != layer || wanted->head < step->first_head ||
                    wanted->head >= step->last_head)
                        continue;
                if (alignment->ret)
                        cross_probabilities(layer_kv, wanted->head, query,
                                            alignment->ret + i * layer_kv->n_keys,
                                            workspace_of(step));
                else
                        alignment->peaks[i] = (uint16_t)cross_peak(layer_kv, wanted->head,
                                                                   query, workspace_of(step));
        }
}

static void run_cross_attention(const struct step *step, size_t layer) {
        struct decoder *decoder = step->decoder;
        const struct decoder_layer *weights = &decoder->model->decoder_layers[layer];
        struct row_source source = residual_of(step, &weights->cross_norm);
        size_t n_state = decoder->n_state;

        apply_to_heads(step, &weights->cross_query, &source, 1);
        for (size_t first = 0, n; first < step->n; first += n) {
                struct cross_queries queries = {.x = decoder->wide + first * n_state,
                                                .ret = decoder->attended + first * n_state,
                                                .stride = n_state,
                                                .n = n = rows_of_window(step, first)};

                for (size_t head = step->first_head; head < step->last_head; head++)
                        cross_attend(&step->rows[first].cross_kv->layers[layer], head, &queries,
                                     workspace_of(step));
        }
        for (size_t i = 0; i < step->n; i++)
                capture_alignment(step, i, layer);
        apply_attended(step, &weights->cross_out);
}

// --- All of it ----------------------------------------------------------------------------

static void run_mlp(const struct step *step, size_t layer) {
        struct decoder *decoder = step->decoder;
        const struct decoder_layer *weights = &decoder->model->decoder_layers[layer];
        struct row_source source = residual_of(step, &weights->mlp_norm);
        size_t n_wide = weights->mlp_in.matrix.n_columns;

        apply(step, &weights->mlp_in, &source, decoder->wide, GEMM_GELU);
        apply(step, &weights->mlp_out,
              &(struct row_source){.x = decoder->wide, .stride = n_wide, .n = step->n},
              decoder->residual, GEMM_ADD);
}

// Logits of the rows that want them, in one product: those rows move to the residual's front.
static void run_logits(const struct step *step, size_t n_wanted) {
        struct decoder *decoder = step->decoder;
        const struct skinny_matrix *matrix = &decoder->model->token_embedding;
        struct row_source source = residual_of(step, &decoder->model->decoder_norm);

        source.n = n_wanted;
        skinny_multiply_part(matrix,
                             &(struct gemm_product){.x = convert(step, matrix, &source),
                                                    .x_stride = input_stride(matrix),
                                                    .n_rows = n_wanted,
                                                    .y = decoder->logits,
                                                    .y_stride = matrix->n_columns},
                             step->thread, decoder->n_threads);
}

// Rows that want logits to the front of the residual. Returns how many.
static size_t gather_wanted(const struct step *step) {
        size_t n_state = step->decoder->n_state, n_wanted = 0;

        for (size_t i = 0; i < step->n; i++) {
                float *row = step->decoder->residual + i * n_state;

                if (!step->rows[i].wants_logits)
                        continue;
                if (n_wanted < i)
                        memcpy(step->decoder->residual + n_wanted * n_state, row,
                               n_state * sizeof(*row));
                n_wanted++;
        }
        return n_wanted;
}

// This thread's part of a step.
static void run(const struct step *step, size_t n_wanted) {
        struct decoder *decoder = step->decoder;

        for (size_t i = share_begin(step, step->n, step->thread);
             i < share_begin(step, step->n, step->thread + 1); i++)
                embed(decoder, &step->rows[i], decoder->residual + i * decoder->n_state);
        wait_for_all();
        for (size_t layer = 0; layer < decoder->n_layers; layer++) {
                run_self_attention(step, layer);
                run_cross_attention(step, layer);
                run_mlp(step, layer);
        }
        if (n_wanted < step->n) {
                if (step->thread == 0)
                        gather_wanted(step);
                wait_for_all();
        }
        if (n_wanted > 0)
                run_logits(step, n_wanted);
}

static size_t count_wanted(const struct decoder_row *rows, size_t n) {
        size_t n_wanted = 0;

        for (size_t i = 0; i < n; i++)
                n_wanted += rows[i].wants_logits;
        return n_wanted;
}

// Room for the logits of n rows: a step that wants more than ever before gets new room.
static int reserve_logits(struct decoder *decoder, size_t n) {
        float *logits;

        if (n <= decoder->n_logits_rows)
                return 0;
        logits = try_calloc(n * (size_t)decoder->model->info.n_vocabulary, sizeof(*logits));
        if (!logits)
                return -ENOMEM;
        free(decoder->logits);
        decoder->logits = logits;
        decoder->n_logits_rows = n;
        return 0;
}

int decoder_step(struct decoder *decoder, const struct decoder_row *rows, size_t n,
                 float **ret_logits) {
        size_t n_wanted = count_wanted(rows, n), n_heads = decoder->n_heads;
        int r = n > DECODER_ROWS_MAX ? -EINVAL : decoder_reserve(decoder, rows, n);

        if (r == 0)
                r = reserve_logits(decoder, n_wanted);
        if (r < 0)
                return r;
#pragma omp parallel num_threads((int)decoder->n_threads)
        {
                struct step step = {.decoder = decoder,
                                    .rows = rows,
                                    .n = n,
                                    .thread = (size_t)omp_get_thread_num()};

                step.first_head = share_begin(&step, n_heads, step.thread);
                step.last_head = share_begin(&step, n_heads, step.thread + 1);
                run(&step, n_wanted);
        }
        *ret_logits = decoder->logits;
        return 0;
}
