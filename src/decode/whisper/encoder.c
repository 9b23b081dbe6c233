#include "decode/whisper/encoder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/whisper/attention.h"
#include "decode/whisper/vectors.h"
#include "util/mem.h"

struct encoder {
        const struct whisper_model *model;
        struct tensor_context *context;
        size_t n_windows;    // room
        size_t n_rows;       // of the last run
        float *frames;       // one window's log-mel with a zero frame before and after
        float *wide_frames;  // the same after the first convolution
        float *unfolded;     // what a convolution takes in: three frames side by side
        float *residual;     // [rows, n_state], the stream through the layers
        float *normalized;   // [rows, n_state]
        float *wide;         // [rows, 4 * n_state]: queries, keys and values; feed-forward
        float *memory;       // one window's packed keys and values
        float *scratch;      // of attention, for each thread
};

int encoder_new(struct encoder **ret, const struct whisper_model *model,
                struct tensor_context *context, size_t n_windows) {
        CLEANUP(encoder_freep) struct encoder *encoder = xnew(struct encoder);
        size_t n = (size_t)model->info.n_audio_state, heads = (size_t)model->info.n_audio_heads;
        struct attention_memory memory = {
                .n_keys = ENCODER_ROWS, .n_heads = heads, .head_width = n / heads};
        size_t rows = n_windows * ENCODER_ROWS;

        encoder->model = model;
        encoder->context = context;
        encoder->n_windows = n_windows;
        encoder->frames =
                try_calloc((ENCODER_FRAMES + 2) * (size_t)model->info.n_mels, sizeof(float));
        encoder->wide_frames = try_calloc((ENCODER_FRAMES + 2) * n, sizeof(float));
        encoder->unfolded = try_calloc(ENCODER_FRAMES * 3 *
                                               (n / 2 > (size_t)model->info.n_mels
                                                        ? n / 2
                                                        : (size_t)model->info.n_mels),
                                       sizeof(float));
        encoder->residual = try_calloc(rows * n, sizeof(float));
        encoder->normalized = try_calloc(rows * n, sizeof(float));
        encoder->wide = try_calloc(rows * 4 * n, sizeof(float));
        encoder->memory = try_calloc(attention_memory_size(ENCODER_ROWS, heads, n / heads),
                                     sizeof(float));
        encoder->scratch = try_calloc((size_t)model->threads * attention_scratch_size(&memory),
                                      sizeof(float));
        if (!encoder->frames || !encoder->wide_frames || !encoder->unfolded ||
            !encoder->residual || !encoder->normalized || !encoder->wide || !encoder->memory ||
            !encoder->scratch)
                return -ENOMEM;
        *ret = TAKE(encoder);
        return 0;
}

struct encoder *encoder_free(struct encoder *encoder) {
        if (!encoder)
                return NULL;
        free(encoder->frames);
        free(encoder->wide_frames);
        free(encoder->unfolded);
        free(encoder->residual);
        free(encoder->normalized);
        free(encoder->wide);
        free(encoder->memory);
        free(encoder->scratch);
        free(encoder);
        return NULL;
}

// Normalise rows in parallel.
static void normalize_rows(const struct encoder *encoder, const struct norm *norm,
                           const float *x, float *ret) {
        size_t n = (size_t)encoder->model->info.n_audio_state;

#pragma omp parallel for num_threads(encoder->model->threads) schedule(static)
        for (size_t row = 0; row < encoder->n_rows; row++)
                vector_normalize(x + row * n, norm->weight, norm->bias, n, ret + row * n);
}

// A matrix of the encoder's rows.
struct rows {
        float *elements;
        size_t n_columns;
};

// y = layer(x) for all rows.
static int apply(struct encoder *encoder, const struct linear *linear, struct rows x,
                 struct rows y, unsigned flags) {
        return linear_apply(encoder->context, linear,
                            &(struct product){.x = x.elements,
                                              .x_stride = x.n_columns,
                                              .n_rows = encoder->n_rows,
                                              .y = y.elements,
                                              .y_stride = y.n_columns,
                                              .flags = flags});
}

// Lay three neighbouring rows side by side, from every `step`th row on: what a convolution over
// three frames takes in. (Overlapping rows would save the copy; oneDNN refuses such strides.)
static void unfold(const struct encoder *encoder, const float *x, size_t n_columns, size_t step,
                   size_t n_rows, float *ret) {
        size_t width = 3 * n_columns;

#pragma omp parallel for num_threads(encoder->model->threads) schedule(static)
        for (size_t row = 0; row < n_rows; row++)
                memcpy(ret + row * width, x + row * step * n_columns, width * sizeof(float));
}

// Both convolutions and the positions: one window's log-mel into its rows of the residual.
static int convolve(struct encoder *encoder, const struct encoder_window *window,
                    float *residual) {
        const struct whisper_model *model = encoder->model;
        size_t n_mels = (size_t)model->info.n_mels, n = (size_t)model->info.n_audio_state;
        int r;

        memset(encoder->frames, 0, (ENCODER_FRAMES + 2) * n_mels * sizeof(float));
        memcpy(encoder->frames + n_mels, window->log_mel,
               window->n_frames * n_mels * sizeof(float));
        unfold(encoder, encoder->frames, n_mels, 1, ENCODER_FRAMES, encoder->unfolded);
        r = linear_apply(encoder->context, model->convolution_1,
                         &(struct product){.x = encoder->unfolded,
                                           .x_stride = 3 * n_mels,
                                           .n_rows = ENCODER_FRAMES,
                                           .y = encoder->wide_frames + n,
                                           .y_stride = n,
                                           .flags = PRODUCT_GELU});
        if (r < 0)
                return r;
        unfold(encoder, encoder->wide_frames, n, 2, ENCODER_ROWS, encoder->unfolded);
        r = linear_apply(encoder->context, model->convolution_2,
                         &(struct product){.x = encoder->unfolded,
                                           .x_stride = 3 * n,
                                           .n_rows = ENCODER_ROWS,
                                           .y = residual,
                                           .y_stride = n,
                                           .flags = PRODUCT_GELU});
        if (r < 0)
                return r;
        vector_add(residual, model->audio_positions, ENCODER_ROWS * n);
        return 0;
}

// Self-attention of each window; queries, keys and values are in `wide`, the result goes into
// `normalized`, whose content is used up by then.
static void attend(struct encoder *encoder) {
        const struct whisper_info *info = &encoder->model->info;
        size_t n = (size_t)info->n_audio_state, heads = (size_t)info->n_audio_heads;
        struct attention_memory memory = {.n_keys = ENCODER_ROWS,
                                          .n_heads = heads,
                                          .head_width = n / heads,
                                          .elements = encoder->memory};

        for (size_t row = 0; row < encoder->n_rows; row += ENCODER_ROWS) {
                const float *x = encoder->wide + row * 3 * n;
                struct attention attention = {.queries = x,
                                              .query_stride = 3 * n,
                                              .n_queries = ENCODER_ROWS,
                                              .ret = encoder->normalized + row * n,
                                              .ret_stride = n};

                attention_pack(&memory, x + n, x + 2 * n, 3 * n, encoder->model->threads);
                attention_run(&memory, &attention, encoder->scratch, encoder->model->threads);
        }
}

static int run_layer(struct encoder *encoder, const struct encoder_layer *layer) {
        size_t n = (size_t)encoder->model->info.n_audio_state;
        struct rows residual = {encoder->residual, n}, normalized = {encoder->normalized, n};
        struct rows projected = {encoder->wide, 3 * n}, wide = {encoder->wide, 4 * n};
        int r;

        normalize_rows(encoder, &layer->attention_norm, encoder->residual, encoder->normalized);
        r = apply(encoder, layer->query_key_value, normalized, projected, 0);
        if (r < 0)
                return r;
        attend(encoder);
        r = apply(encoder, layer->attention_out, normalized, residual, PRODUCT_ADD);
        if (r < 0)
                return r;
        normalize_rows(encoder, &layer->mlp_norm, encoder->residual, encoder->normalized);
        r = apply(encoder, layer->mlp_in, normalized, wide, PRODUCT_GELU);
        if (r < 0)
                return r;
        return apply(encoder, layer->mlp_out, wide, residual, PRODUCT_ADD);
}

int encoder_run(struct encoder *encoder, const struct encoder_window *windows, size_t n,
                const float **ret) {
        const struct whisper_model *model = encoder->model;
        size_t window_size = ENCODER_ROWS * (size_t)model->info.n_audio_state;
        int r;

        if (n == 0 || n > encoder->n_windows)
                return -EINVAL;
        encoder->n_rows = n * ENCODER_ROWS;
        for (size_t i = 0; i < n; i++) {
                r = convolve(encoder, &windows[i], encoder->residual + i * window_size);
                if (r < 0)
                        return r;
        }
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
        size_t n = (size_t)encoder->model->info.n_audio_state;
        int r = apply(encoder, linear, (struct rows){encoder->normalized, n},
                      (struct rows){encoder->wide, n_out}, 0);

        if (r < 0)
                return r;
        *ret = encoder->wide;
        return 0;
}
