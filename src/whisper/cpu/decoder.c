#include "whisper/cpu/decoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/cross_attention.h"
#include "whisper/cpu/paged_attention.h"
#include "whisper/cpu/vectors.h"

/* A step is a row of works for the team, one wherever what several threads made is read by all:
 * five in a layer. A head is one piece: the products that make its queries, keys and values,
 * and the attention with these. What goes into a product is normalised and converted by each
 * thread for itself when there are few rows, which costs less than a work of its own. */

// At most so many rows are converted by every thread for itself (each takes half a
// microsecond). Of more, as many are a piece.
#define PRIVATE_ROWS 4

// A piece of a product reads at least so many bytes of weights, some microseconds' worth, and a
// product has at most so many pieces for each thread: enough for another one to help out.
#define PIECE_BYTES       ((size_t)64 << 10)
#define PIECES_PER_THREAD ((size_t)16)

// What a thread of the team works in.
struct thread_space {
        _Alignas(64) size_t converted;  // the last product that it has converted rows for
        char *inputs;                   // these rows, PRIVATE_ROWS
        char *workspace;                // of attention
};

struct decoder {
        const struct whisper_model *model;
        struct team *team;
        size_t n_state, n_heads, head_width, n_layers;
        struct kv_pool *kv_pool;
        float *residual, *attended;  // [DECODER_ROWS_MAX, n_state]
        float *wide;                 // [DECODER_ROWS_MAX, 4 * n_state]
        float *logits;               // [n_logits_rows, n_vocabulary]
        size_t n_logits_rows;
        char *inputs;                 // of products, [DECODER_ROWS_MAX] rows
        struct thread_space *spaces;  // of each thread
        size_t n_products;            // that were reckoned so far
};

// Bytes for self-attention, which needs scores only, or for cross-attention.
static size_t attention_workspace_size(const struct decoder *decoder) {
        size_t scores = (size_t)decoder->model->info.n_text_context * sizeof(float);
        size_t cross = cross_scratch_size(CONTEXT_ROWS, decoder->head_width);

        return (cross > scores ? cross : scores) + 64;
}

// Bytes of rows on their way into any product.
static size_t inputs_size(const struct decoder *decoder, size_t n_rows) {
        return n_rows * skinny_row_size(SKINNY_FLOAT, 4 * decoder->n_state);
}

static int spaces_init(struct decoder *decoder) {
        size_t n = team_size(decoder->team);

        decoder->spaces = try_aligned(n * sizeof(*decoder->spaces));
        if (!decoder->spaces)
                return -ENOMEM;
        memset(decoder->spaces, 0, n * sizeof(*decoder->spaces));
        for (size_t i = 0; i < n; i++) {
                struct thread_space *space = &decoder->spaces[i];

                space->inputs = try_aligned(inputs_size(decoder, PRIVATE_ROWS));
                space->workspace = try_aligned(attention_workspace_size(decoder));
                if (!space->inputs || !space->workspace)
                        return -ENOMEM;
        }
        return 0;
}

int decoder_new(struct decoder **ret, const struct whisper_model *model, size_t n_kv_blocks,
                struct team *team) {
        CLEANUP(decoder_freep) struct decoder *decoder = xnew(struct decoder);
        const struct whisper_info *info = &model->info;
        size_t n = (size_t)info->n_text_state;

        decoder->model = model;
        decoder->n_state = n;
        decoder->n_heads = (size_t)info->n_text_heads;
        decoder->head_width = n / decoder->n_heads;
        decoder->n_layers = (size_t)info->n_text_layers;
        decoder->team = team;
        decoder->kv_pool = kv_pool_new(decoder->n_layers, n, n_kv_blocks);
        decoder->residual = try_calloc(DECODER_ROWS_MAX * n, sizeof(float));
        decoder->attended = try_calloc(DECODER_ROWS_MAX * n, sizeof(float));
        decoder->wide = try_calloc(DECODER_ROWS_MAX * 4 * n, sizeof(float));
        decoder->inputs = try_aligned(inputs_size(decoder, DECODER_ROWS_MAX));
        if (!decoder->residual || !decoder->attended || !decoder->wide || !decoder->inputs ||
            spaces_init(decoder) < 0)
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
        for (size_t i = 0; decoder->spaces && i < team_size(decoder->team); i++) {
                free(decoder->spaces[i].inputs);
                free(decoder->spaces[i].workspace);
        }
        free(decoder->spaces);
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

// Rows of floats on their way into a product.
struct row_source {
        const float *x;
        size_t stride, n;
        struct norm norm;  // zeroed: they go as they are
};

// A step and what of it is being worked at.
struct step {
        struct decoder *decoder;
        const struct decoder_row *rows;
        size_t n;
        size_t layer;

        // The product: its matrix, where its rows come from, and their form that it wants. The
        // number tells it from the others.
        const struct skinny_matrix *matrix;
        struct row_source source;
        struct gemm_product product;
        size_t n_parts, number;
};

// The token and its position as the residual's row.
static void embed(const struct decoder *decoder, const struct decoder_row *row, float *ret) {
        size_t n = decoder->n_state;

        skinny_column(&decoder->model->token_embedding, (size_t)row->token, ret);
        vector_add(ret, decoder->model->text_positions + row->position * n, n);
}

// Pieces of PRIVATE_ROWS rows.
static size_t count_row_pieces(size_t n_rows) {
        return (n_rows + PRIVATE_ROWS - 1) / PRIVATE_ROWS;
}

static void embed_piece(void *context, size_t piece, size_t thread) {
        const struct step *step = context;
        const struct decoder *decoder = step->decoder;
        size_t first = piece * PRIVATE_ROWS;

        (void)thread;
        for (size_t i = first; i < first + PRIVATE_ROWS && i < step->n; i++)
                embed(decoder, &step->rows[i], decoder->residual + i * decoder->n_state);
}

// Rows [first, last) of what goes into the product, in the form that it wants. From row to row
// there are no more bytes than one takes, since rows a power of two apart would drive each
// other out of the cache.
static void convert_rows(const struct step *step, size_t first, size_t last, char *ret) {
        const struct skinny_matrix *matrix = step->matrix;
        const struct row_source *source = &step->source;
        float normalized[MODEL_STATE_MAX];

        for (size_t row = first; row < last; row++) {
                const float *x = source->x + row * source->stride;

                if (source->norm.weight) {
                        vector_normalize(x, source->norm.weight, source->norm.bias,
                                         matrix->depth, normalized);
                        x = normalized;
                }
                skinny_convert_row(matrix->type, matrix->depth, x,
                                   ret + row * step->product.x_stride);
        }
}

static void convert_piece(void *context, size_t piece, size_t thread) {
        const struct step *step = context;
        size_t first = piece * PRIVATE_ROWS, last = first + PRIVATE_ROWS;

        (void)thread;
        convert_rows(step, first, last < step->source.n ? last : step->source.n,
                     step->decoder->inputs);
}

static size_t count_parts(const struct step *step) {
        size_t n_panels = skinny_panels(step->matrix->n_columns);
        size_t n =
                skinny_bytes(step->matrix->type, step->matrix->depth, step->matrix->n_columns) /
                PIECE_BYTES;
        size_t most = PIECES_PER_THREAD * team_size(step->decoder->team);

        n = n < most ? n : most;
        n = n < n_panels ? n : n_panels;
        return n > 0 ? n : 1;
}

// Begin a product whose rows come from `source`: they are converted, or each thread will do so.
static void product_begin(struct step *step, const struct skinny_matrix *matrix,
                          const float *bias, const struct row_source *source) {
        struct decoder *decoder = step->decoder;

        step->matrix = matrix;
        step->source = *source;
        step->number = ++decoder->n_products;
        step->product =
                (struct gemm_product){.x_stride = skinny_row_size(matrix->type, matrix->depth),
                                      .n_rows = source->n,
                                      .y_stride = matrix->n_columns,
                                      .bias = bias};
        step->n_parts = count_parts(step);
        if (source->n > PRIVATE_ROWS)
                team_run(decoder->team, count_row_pieces(source->n), convert_piece, step);
}

// The product for this thread to reckon a part of.
static struct gemm_product product_of(const struct step *step, size_t thread) {
        struct thread_space *space = &step->decoder->spaces[thread];
        struct gemm_product ret = step->product;

        ret.x = step->decoder->inputs;
        if (step->source.n > PRIVATE_ROWS)
                return ret;
        if (space->converted != step->number)
                convert_rows(step, 0, step->source.n, space->inputs);
        space->converted = step->number;
        ret.x = space->inputs;
        return ret;
}

static void multiply_part(void *context, size_t part, size_t thread) {
        const struct step *step = context;
        struct gemm_product product = product_of(step, thread);

        skinny_multiply_part(step->matrix, &product, part, step->n_parts);
}

// One layer on rows of `depth` floats.
static void apply(struct step *step, const struct skinny_layer *linear,
                  const struct row_source *source, float *y, unsigned flags) {
        product_begin(step, &linear->matrix, linear->bias, source);
        step->product.y = y;
        step->product.flags = flags;
        team_run(step->decoder->team, step->n_parts, multiply_part, step);
}

static bool is_head_a_panel(const struct decoder *decoder) {
        return decoder->head_width == SKINNY_PANEL_COLUMNS;
}

// A layer that makes vectors for each head, into `wide`: now, or each head's by
// multiply_head().
static void apply_to_heads(struct step *step, const struct skinny_layer *linear,
                           const struct row_source *source) {
        if (!is_head_a_panel(step->decoder)) {
                apply(step, linear, source, step->decoder->wide, 0);
                return;
        }
        product_begin(step, &linear->matrix, linear->bias, source);
        step->product.y = step->decoder->wide;
}

// The n_vectors vectors of one head.
static void multiply_head(const struct step *step, size_t n_vectors, size_t head,
                          size_t thread) {
        const struct decoder *decoder = step->decoder;
        struct gemm_product product;

        if (!is_head_a_panel(decoder))
                return;
        product = product_of(step, thread);
        for (size_t i = 0; i < n_vectors; i++)
                skinny_multiply_range(step->matrix, &product, i * decoder->n_heads + head,
                                      i * decoder->n_heads + head + 1);
}

static struct row_source residual_of(const struct step *step, const struct norm *norm) {
        return (struct row_source){step->decoder->residual, step->decoder->n_state, step->n,
                                   *norm};
}

// The output layer of attention.
static void apply_attended(struct step *step, const struct skinny_layer *linear) {
        struct decoder *decoder = step->decoder;

        apply(step, linear,
              &(struct row_source){
                      .x = decoder->attended, .stride = decoder->n_state, .n = step->n},
              decoder->residual, GEMM_ADD);
}

// --- Self-attention -----------------------------------------------------------------------

// Keep the keys and values that a head has in `wide`, of each row.
static void keep_keys(const struct step *step, size_t column) {
        const struct decoder *decoder = step->decoder;
        size_t n_state = decoder->n_state, size = decoder->head_width * sizeof(float);

        for (size_t i = 0; i < step->n; i++) {
                float *key = kv_cache_key(step->rows[i].kv, decoder->kv_pool, step->layer,
                                          step->rows[i].position) +
                             column;
                const float *x = decoder->wide + i * 3 * n_state + column;

                memcpy(key, x + n_state, size);
                memcpy(key + kv_cache_value_offset(decoder->kv_pool), x + 2 * n_state, size);
        }
}

// One head of all rows.
static void attend_text_head(void *context, size_t head, size_t thread) {
        const struct step *step = context;
        const struct decoder *decoder = step->decoder;
        size_t n_state = decoder->n_state, column = head * decoder->head_width;

        multiply_head(step, 3, head, thread);
        keep_keys(step, column);
        for (size_t i = 0; i < step->n; i++)
                paged_attend(
                        decoder->kv_pool,
                        &(struct paged_query){.kv = step->rows[i].kv,
                                              .layer = step->layer,
                                              .position = step->rows[i].position,
                                              .column = column,
                                              .width = decoder->head_width,
                                              .query = decoder->wide + i * 3 * n_state + column,
                                              .ret = decoder->attended + i * n_state + column},
                        (float *)(void *)decoder->spaces[thread].workspace);
}

static void run_self_attention(struct step *step) {
        struct decoder *decoder = step->decoder;
        const struct decoder_layer *weights = &decoder->model->decoder_layers[step->layer];
        struct row_source source = residual_of(step, &weights->attention_norm);

        apply_to_heads(step, &weights->query_key_value, &source);
        team_run(decoder->team, decoder->n_heads, attend_text_head, step);
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

// Probabilities of a head for a row that wants them: worked out a second time, so that steps
// without such rows pay nothing.
static void capture_alignment(const struct step *step, size_t row, size_t head,
                              char *workspace) {
        const struct decoder_alignment *alignment = step->rows[row].alignment;
        const struct cross_kv_layer *layer_kv = &step->rows[row].cross_kv->layers[step->layer];
        const float *query = step->decoder->wide + row * step->decoder->n_state;

        for (size_t i = 0; alignment && i < alignment->n_heads; i++) {
                const struct decoder_head *wanted = &alignment->heads[i];

                if (wanted->layer != step->layer || wanted->head != head)
                        continue;
                if (alignment->ret)
                        cross_probabilities(layer_kv, head, query,
                                            alignment->ret + i * layer_kv->n_keys, workspace);
                else
                        alignment->peaks[i] =
                                (uint16_t)cross_peak(layer_kv, head, query, workspace);
        }
}

// One head of all rows.
static void attend_sound_head(void *context, size_t head, size_t thread) {
        const struct step *step = context;
        const struct decoder *decoder = step->decoder;
        char *workspace = decoder->spaces[thread].workspace;
        size_t n_state = decoder->n_state;

        multiply_head(step, 1, head, thread);
        for (size_t first = 0, n; first < step->n; first += n) {
                struct cross_queries queries = {.x = decoder->wide + first * n_state,
                                                .ret = decoder->attended + first * n_state,
                                                .stride = n_state,
                                                .n = n = rows_of_window(step, first)};

                cross_attend(&step->rows[first].cross_kv->layers[step->layer], head, &queries,
                             workspace);
        }
        for (size_t i = 0; i < step->n; i++)
                capture_alignment(step, i, head, workspace);
}

static void run_cross_attention(struct step *step) {
        struct decoder *decoder = step->decoder;
        const struct decoder_layer *weights = &decoder->model->decoder_layers[step->layer];
        struct row_source source = residual_of(step, &weights->cross_norm);

        apply_to_heads(step, &weights->cross_query, &source);
        team_run(decoder->team, decoder->n_heads, attend_sound_head, step);
        apply_attended(step, &weights->cross_out);
}

// --- All of it ----------------------------------------------------------------------------

static void run_mlp(struct step *step) {
        struct decoder *decoder = step->decoder;
        const struct decoder_layer *weights = &decoder->model->decoder_layers[step->layer];
        struct row_source source = residual_of(step, &weights->mlp_norm);
        size_t n_wide = weights->mlp_in.matrix.n_columns;

        apply(step, &weights->mlp_in, &source, decoder->wide, GEMM_GELU);
        apply(step, &weights->mlp_out,
              &(struct row_source){.x = decoder->wide, .stride = n_wide, .n = step->n},
              decoder->residual, GEMM_ADD);
}

// Logits of the rows that want them, in one product: those rows move to the residual's front.
static void run_logits(struct step *step, size_t n_wanted) {
        struct decoder *decoder = step->decoder;
        struct row_source source = residual_of(step, &decoder->model->decoder_norm);

        source.n = n_wanted;
        product_begin(step, &decoder->model->token_embedding, NULL, &source);
        step->product.y = decoder->logits;
        team_run(decoder->team, step->n_parts, multiply_part, step);
}

// Rows that want logits to the front of the residual.
static void gather_wanted(const struct step *step) {
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
        struct step step = {.decoder = decoder, .rows = rows, .n = n};
        size_t n_wanted = count_wanted(rows, n);
        int r = n > DECODER_ROWS_MAX ? -EINVAL : decoder_reserve(decoder, rows, n);

        if (r == 0)
                r = reserve_logits(decoder, n_wanted);
        if (r < 0)
                return r;
        team_run(decoder->team, count_row_pieces(n), embed_piece, &step);
        for (; step.layer < decoder->n_layers; step.layer++) {
                run_self_attention(&step);
                run_cross_attention(&step);
                run_mlp(&step);
        }
        if (n_wanted < n)
                gather_wanted(&step);
        if (n_wanted > 0)
                run_logits(&step, n_wanted);
        *ret_logits = decoder->logits;
        return 0;
}
