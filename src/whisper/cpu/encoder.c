#include "whisper/cpu/encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/mem.h"
#include "whisper/cpu/attention.h"
#include "whisper/cpu/fused_encoder.h"
#include "whisper/cpu/vectors.h"

#define FRAMES_MAX ((size_t)2 * ENCODER_ROWS_MAX)  // into the first convolution

struct encoder {
        const struct whisper_model *model;
        struct linear_context *context;
        struct team *team;
        struct fused_encoder *dense;  // does it all for int8; else NULL
        size_t n_mels, n_state, n_heads, head_width;

        // The windows of the last run, and where the rows of each begin.
        struct encoder_window windows[ENCODER_WINDOWS_MAX];
        size_t first_rows[ENCODER_WINDOWS_MAX];
        size_t n_windows, n_rows;

        float *unfolded;    // what a convolution takes in: three frames side by side
        float *convolved;   // the windows' frames after the first convolution
        float *silence;     // [n_state], what the convolutions make of silence
        float *residual;    // [rows, n_state], the stream through the layers
        float *normalized;  // [rows, n_state]
        float *wide;        // [rows, 4 * n_state]: queries, keys and values; feed-forward
        float *memory;      // the windows' packed keys and values
        float *scratch;     // of attention, for each thread
        size_t scratch_size;
};

static int learn_silence(struct encoder *encoder);

// Room for the packed keys and values of any windows: a panel of each may be nearly empty.
static size_t memory_room(const struct encoder *encoder) {
        return packed_kv_size(ENCODER_ROWS_MAX + ENCODER_WINDOWS_MAX * SKINNY_PANEL_COLUMNS,
                              encoder->n_heads, encoder->head_width);
}

int encoder_new(struct encoder **ret, const struct whisper_model *model,
                struct linear_context *context, struct team *team) {
        CLEANUP(encoder_freep) struct encoder *encoder = xnew(struct encoder);
        size_t n = (size_t)model->info.n_audio_state, rows = ENCODER_ROWS_MAX, unfolded;
        int r;

        encoder->model = model;
        encoder->context = context;
        encoder->team = team;
        if (model->compute == COMPUTE_INT8) {
                r = fused_encoder_new(&encoder->dense, model, team);
                if (r == 0)
                        *ret = TAKE(encoder);
                return r;
        }
        encoder->n_mels = (size_t)model->info.n_mels;
        encoder->n_state = n;
        encoder->n_heads = (size_t)model->info.n_audio_heads;
        encoder->head_width = n / encoder->n_heads;
        encoder->scratch_size = attention_scratch_size(CONTEXT_ROWS, encoder->head_width);
        unfolded = FRAMES_MAX * 3 * (n / 2 > encoder->n_mels ? n / 2 : encoder->n_mels);
        encoder->unfolded = try_calloc(unfolded, sizeof(float));
        encoder->convolved = try_calloc(FRAMES_MAX * n, sizeof(float));
        encoder->silence = try_calloc(n, sizeof(float));
        encoder->residual = try_calloc(rows * n, sizeof(float));
        encoder->normalized = try_calloc(rows * n, sizeof(float));
        encoder->wide = try_calloc(rows * 4 * n, sizeof(float));
        encoder->memory = try_calloc(memory_room(encoder), sizeof(float));
        encoder->scratch = try_calloc(team_size(team) * encoder->scratch_size, sizeof(float));
        if (!encoder->unfolded || !encoder->convolved || !encoder->silence ||
            !encoder->residual || !encoder->normalized || !encoder->wide || !encoder->memory ||
            !encoder->scratch)
                return -ENOMEM;
        r = learn_silence(encoder);
        if (r < 0)
                return r;
        *ret = TAKE(encoder);
        return 0;
}

struct encoder *encoder_free(struct encoder *encoder) {
        if (!encoder)
                return NULL;
        fused_encoder_free(encoder->dense);
        free(encoder->unfolded);
        free(encoder->convolved);
        free(encoder->silence);
        free(encoder->residual);
        free(encoder->normalized);
        free(encoder->wide);
        free(encoder->memory);
        free(encoder->scratch);
        free(encoder);
        return NULL;
}

// Rows that are one piece of the team's work: normalising one takes half a microsecond.
#define PIECE_ROWS ((size_t)16)

static size_t count_pieces(size_t n_rows) {
        return (n_rows + PIECE_ROWS - 1) / PIECE_ROWS;
}

// Rows on their way through a layer norm.
struct normalization {
        const struct encoder *encoder;
        const struct norm *norm;
        const float *x;
        float *ret;
};

static void normalize_piece(void *context, size_t piece, size_t thread) {
        const struct normalization *all = context;
        size_t n = all->encoder->n_state, first = piece * PIECE_ROWS;
        size_t end = MIN(first + PIECE_ROWS, all->encoder->n_rows);

        (void)thread;
        for (size_t row = first; row < end; row++)
                vector_normalize(all->x + row * n, all->norm->weight, all->norm->bias, n,
                                 all->ret + row * n);
}

static void normalize_rows(const struct encoder *encoder, const struct norm *norm,
                           const float *x, float *ret) {
        team_run(encoder->team, count_pieces(encoder->n_rows), normalize_piece,
                 &(struct normalization){encoder, norm, x, ret});
}

// A matrix.
struct encoder_rows {
        float *elements;
        size_t n_columns;
};

// y = layer(x) for n_rows rows.
static int apply_rows(struct encoder *encoder, const struct linear *linear,
                      struct encoder_rows x, struct encoder_rows y, size_t n_rows,
                      unsigned flags) {
        return linear_apply(encoder->context, linear,
                            &(struct gemm_product){.x = x.elements,
                                                   .x_stride = x.n_columns,
                                                   .n_rows = n_rows,
                                                   .y = y.elements,
                                                   .y_stride = y.n_columns,
                                                   .flags = flags});
}

static int apply(struct encoder *encoder, const struct linear *linear, struct encoder_rows x,
                 struct encoder_rows y, unsigned flags) {
        return apply_rows(encoder, linear, x, y, encoder->n_rows, flags);
}

// --- Convolutions -------------------------------------------------------------------------

// The frames that n_rows rows after the second convolution need after the first.
static size_t frames_of_rows(size_t n_rows) {
        return 2 * n_rows;
}

// Copy frames `first` to `first` + 2 of [n_frames, n_columns] side by side; outside is zero.
static void unfold(const float *frames, size_t n_frames, size_t n_columns, int64_t first,
                   float *ret) {
        for (int64_t at = first; at < first + 3; at++, ret += n_columns) {
                if (at < 0 || at >= (int64_t)n_frames)
                        memset(ret, 0, n_columns * sizeof(float));
                else
                        memcpy(ret, frames + (size_t)at * n_columns, n_columns * sizeof(float));
        }
}

// A window's frames on their way into a convolution with this step, which has n results;
// `frames` beyond n_frames are zeros.
struct unfolding {
        struct encoder_rows frames;
        size_t n_frames, step, n;
        float *ret;  // [n, 3 * frames.n_columns]
};

static void unfold_piece(void *context, size_t piece, size_t thread) {
        const struct unfolding *all = context;
        size_t first = piece * PIECE_ROWS, end = MIN(first + PIECE_ROWS, all->n);

        (void)thread;
        for (size_t i = first; i < end; i++)
                unfold(all->frames.elements, all->n_frames, all->frames.n_columns,
                       (int64_t)(i * all->step) - 1, all->ret + i * 3 * all->frames.n_columns);
}

static void unfold_window(const struct encoder *encoder, const struct unfolding *unfolding) {
        // Read only: a team's context is for anything.
        team_run(encoder->team, count_pieces(unfolding->n), unfold_piece,
                 (void *)(uintptr_t)unfolding);
}

// Both convolutions for all windows end to end, as products over three frames side by side.
// *ret has the windows' n_convolved rows one after another; it lies in `wide`.
static int convolve(struct encoder *encoder, const struct encoder_window *windows, size_t n,
                    float **ret) {
        size_t n_mels = encoder->n_mels, n_state = encoder->n_state, n_rows = 0, n_frames = 0;
        struct encoder_rows unfolded = {encoder->unfolded, 3 * n_mels};
        struct encoder_rows convolved = {encoder->convolved, n_state};
        int r;

        for (size_t i = 0; i < n; i++) {
                // Read only: struct encoder_rows is for both.
                struct encoder_rows frames = {(float *)(uintptr_t)windows[i].log_mel, n_mels};
                size_t n_needed = frames_of_rows(windows[i].context->n_convolved);

                unfold_window(encoder,
                              &(struct unfolding){.frames = frames,
                                                  .n_frames = windows[i].n_frames,
                                                  .step = 1,
                                                  .n = n_needed,
                                                  .ret = encoder->unfolded +
                                                         n_frames * unfolded.n_columns});
                n_frames += n_needed;
        }
        r = apply_rows(encoder, encoder->model->convolution_1, unfolded, convolved, n_frames,
                       GEMM_GELU);
        if (r < 0)
                return r;

        unfolded.n_columns = 3 * n_state;
        for (size_t i = 0; i < n; i++) {
                struct encoder_rows frames = {
                        encoder->convolved + frames_of_rows(n_rows) * n_state, n_state};
                size_t n_convolved = windows[i].context->n_convolved;

                unfold_window(encoder,
                              &(struct unfolding){.frames = frames,
                                                  .n_frames = frames_of_rows(n_convolved),
                                                  .step = 2,
                                                  .n = n_convolved,
                                                  .ret = encoder->unfolded +
                                                         n_rows * unfolded.n_columns});
                n_rows += n_convolved;
        }
        *ret = encoder->wide;
        return apply_rows(encoder, encoder->model->convolution_2, unfolded,
                          (struct encoder_rows){encoder->wide, n_state}, n_rows, GEMM_GELU);
}

// What the convolutions make of silence, away from the window's borders: the row in the middle
// of three.
static int learn_silence(struct encoder *encoder) {
        struct audio_context context = {.n_rows = 3, .n_plain = 3, .n_convolved = 3};
        struct encoder_window window = {.log_mel = encoder->residual,
                                        .n_frames = frames_of_rows(3),
                                        .context = &context};
        float *convolved;
        int r = convolve(encoder, &window, 1, &convolved);

        if (r < 0)
                return r;
        memcpy(encoder->silence, convolved + encoder->n_state,
               encoder->n_state * sizeof(float));
        return 0;
}

// Each kept row with its position: what the convolutions found, or silence.
static void place(struct encoder *encoder, const float *convolved) {
        size_t n = encoder->n_state;

        for (size_t i = 0; i < encoder->n_windows; i++) {
                const struct audio_context *context = encoder->windows[i].context;
                float *residual = encoder->residual + encoder->first_rows[i] * n;

                for (size_t row = 0; row < context->n_rows; row++) {
                        const float *from =
                                row < context->n_convolved ? convolved : encoder->silence;

                        memcpy(residual + row * n, from, n * sizeof(float));
                        vector_add(residual + row * n,
                                   encoder->model->audio_positions +
                                           context->positions[row] * n,
                                   n);
                        if (row < context->n_convolved)
                                convolved += n;
                }
        }
}

// --- Layers -------------------------------------------------------------------------------

// Self-attention of each window; queries, keys and values are in `wide`, the result goes into
// `normalized`, whose content is used up by then.
static void attend(struct encoder *encoder) {
        size_t n = encoder->n_state, n_windows = encoder->n_windows;
        struct packed_kv packed[ENCODER_WINDOWS_MAX];
        struct attention_source sources[ENCODER_WINDOWS_MAX];
        struct attention attentions[ENCODER_WINDOWS_MAX];
        float *elements = encoder->memory;

        for (size_t i = 0; i < n_windows; i++) {
                const struct audio_context *context = encoder->windows[i].context;
                const float *x = encoder->wide + encoder->first_rows[i] * 3 * n;

                packed[i] = (struct packed_kv){.n_keys = context->n_rows,
                                               .n_heads = encoder->n_heads,
                                               .head_width = encoder->head_width,
                                               .biases = context->biases,
                                               .n_unbiased = context->n_plain,
                                               .elements = elements};
                elements +=
                        packed_kv_size(context->n_rows, encoder->n_heads, encoder->head_width);
                sources[i] = (struct attention_source){
                        .kv = &packed[i], .keys = x + n, .values = x + 2 * n, .stride = 3 * n};
                attentions[i] = (struct attention){.kv = &packed[i],
                                                   .queries = x,
                                                   .query_stride = 3 * n,
                                                   .n_queries = context->n_rows,
                                                   .ret = encoder->normalized +
                                                          encoder->first_rows[i] * n,
                                                   .ret_stride = n};
        }
        attention_pack(sources, n_windows, encoder->team);
        attention_run(attentions, n_windows, encoder->scratch, encoder->scratch_size,
                      encoder->team);
}

static int run_layer(struct encoder *encoder, const struct encoder_layer *layer) {
        size_t n = encoder->n_state;
        struct encoder_rows residual = {encoder->residual, n},
                            normalized = {encoder->normalized, n};
        struct encoder_rows projected = {encoder->wide, 3 * n}, wide = {encoder->wide, 4 * n};
        int r;

        normalize_rows(encoder, &layer->attention_norm, encoder->residual, encoder->normalized);
        r = apply(encoder, layer->query_key_value, normalized, projected, 0);
        if (r < 0)
                return r;
        attend(encoder);
        r = apply(encoder, layer->attention_out, normalized, residual, GEMM_ADD);
        if (r < 0)
                return r;
        normalize_rows(encoder, &layer->mlp_norm, encoder->residual, encoder->normalized);
        r = apply(encoder, layer->mlp_in, normalized, wide, GEMM_GELU);
        if (r < 0)
                return r;
        return apply(encoder, layer->mlp_out, wide, residual, GEMM_ADD);
}

static int take_windows(struct encoder *encoder, const struct encoder_window *windows,
                        size_t n) {
        encoder->n_windows = encoder->n_rows = 0;
        for (size_t i = 0; i < n; i++) {
                if (i == ENCODER_WINDOWS_MAX ||
                    encoder->n_rows + windows[i].context->n_rows > ENCODER_ROWS_MAX)
                        return -EINVAL;
                encoder->windows[i] = windows[i];
                encoder->first_rows[i] = encoder->n_rows;
                encoder->n_rows += windows[i].context->n_rows;
                encoder->n_windows++;
        }
        return n > 0 ? 0 : -EINVAL;
}

int encoder_run(struct encoder *encoder, const struct encoder_window *windows, size_t n,
                const float **ret) {
        const struct whisper_model *model = encoder->model;
        float *convolved = encoder->wide;
        int r = take_windows(encoder, windows, n);

        if (r == 0 && encoder->dense) {
                *ret = fused_encoder_run(encoder->dense, encoder->windows, n);
                return 0;
        }
        if (r == 0)
                r = convolve(encoder, windows, n, &convolved);
        if (r < 0)
                return r;
        place(encoder, convolved);
        for (int i = 0; i < model->info.n_audio_layers; i++) {
                r = run_layer(encoder, &model->encoder_layers[i]);
                if (r < 0)
                        return r;
        }
        normalize_rows(encoder, &model->encoder_norm, encoder->residual, encoder->normalized);
        *ret = encoder->normalized;
        return 0;
}

int encoder_project(struct encoder *encoder, const struct linear *linear, size_t n_out,
                    const float **ret) {
        int r;

        if (encoder->dense) {
                *ret = fused_encoder_project(encoder->dense, linear_tall(linear));
                return 0;
        }
        r = apply(encoder, linear, (struct encoder_rows){encoder->normalized, encoder->n_state},
                  (struct encoder_rows){encoder->wide, n_out}, 0);

        if (r < 0)
                return r;
        *ret = encoder->wide;
        return 0;
}
