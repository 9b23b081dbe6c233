// encoder_profile: where the time of one full window goes in the encoder, by stage.
//
//     encoder_profile MODEL [bf16|int8] [ROUNDS]
//
// One thread, in its own processor time (CLOCK_THREAD_CPUTIME_ID), which other programs on the
// machine disturb less than the clock on the wall; the shortest of ROUNDS (20). A stage is the
// engine's own function on one chunk of rows (or, for attention, on one window and one layer),
// times how often a window needs it; `encoder` is the whole as it runs, and has what the stages
// alone have not: weights and rows that come from the third-level cache, and the threads'
// barriers. GOPS are operations (a product and a sum are two) in 1e9 a second.
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"
#include "util/mem.h"
#include "whisper/cpu/encoder.h"
#include "whisper/cpu/gemm/tall_layer.h"
#include "whisper/cpu/self_attention.h"
#include "whisper/cpu/vectors.h"
#include "whisper/model.h"
#include "whisper/whisper.h"

#define SECONDS 30

struct profile {
        struct whisper_model *model;
        struct linear_context *context;
        struct encoder *encoder;
        struct self_attention attention;
        struct tall_chunk chunk;
        size_t n_state, n_mels;
        float *sound;                // [SECONDS]
        float *log_mel;              // [CONTEXT_FRAMES, n_mels]
        float *rows;                 // [TALL_LAYER_ROWS_MAX, 4 * n_state]
        float *results;              // the same
        float *scores;               // [TALL_BLOCK_ROWS, panels of a window's keys]
        uint16_t *wide;              // bf16 [CONTEXT_ROWS, 3 * n_state]
        uint16_t *narrow;            // bf16 [CONTEXT_ROWS, n_state]
        const struct linear *layer;  // that run_layer() is for
        unsigned flags;
        struct tall_matrix keys, values;  // of one head
        int32_t zeros[CONTEXT_ROWS + TALL_VECTOR_COLUMNS];
};

static double milliseconds_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

// --- Stages ----------------------------------------------------------------------------------

static void run_log_mel(struct profile *profile) {
        log_mel_compute(profile->model->log_mel, profile->sound, (size_t)SECONDS * 16000, 1,
                        profile->log_mel);
}

static void run_encoder(struct profile *profile) {
        struct audio_context full;
        struct encoder_window window = {profile->log_mel, CONTEXT_FRAMES, &full};
        const float *features = NULL;

        audio_context_init(&full, CONTEXT_FRAMES, &context_shape_full);
        encoder_run(profile->encoder, &window, 1, &features);
}

static void run_projections(struct profile *profile) {
        const struct whisper_model *model = profile->model;
        const float *features = NULL;

        for (int i = 0; i < model->info.n_text_layers; i++)
                encoder_project(profile->encoder, model->decoder_layers[i].cross_key_value,
                                2 * (size_t)model->info.n_text_state, &features);
}

static void run_norm(struct profile *profile) {
        const struct norm *norm = &profile->model->encoder_norm;

        for (size_t row = 0; row < tall_layer_rows(); row++)
                vector_normalize(profile->rows + row * profile->n_state, norm->weight,
                                 norm->bias, profile->n_state,
                                 profile->results + row * profile->n_state);
}

static void run_layer(struct profile *profile) {
        const struct tall_layer *layer = linear_tall(profile->layer);
        struct tall_input input =
                tall_take_floats(&profile->chunk, layer->elements, profile->rows, layer->n_in,
                                 tall_layer_rows(), layer->n_in);

        tall_layer_multiply(layer, &input, tall_layer_rows(), profile->results, layer->n_out,
                            profile->flags);
}

// Queries, keys and values, as fused_encoder.c lays them out.
static void run_query_key_value(struct profile *profile) {
        const struct tall_layer *layer =
                linear_tall(profile->model->encoder_layers[0].query_key_value);
        struct tall_input input =
                tall_take_floats(&profile->chunk, layer->elements, profile->rows, layer->n_in,
                                 tall_layer_rows(), layer->n_in);

        for (size_t first = 0; first < layer->n_out; first += TALL_TILE_COLUMNS) {
                struct tall_layer part = tall_layer_part(layer, first);

                tall_layer_multiply(&part, &input, tall_layer_rows(),
                                    profile->wide + first * CONTEXT_ROWS, TALL_TILE_COLUMNS,
                                    TALL_TO_BF16);
        }
}

static void run_attention(struct profile *profile) {
        self_attention_run(
                &profile->attention,
                &(struct self_attention_window){.projected = profile->wide,
                                                .n_rows = CONTEXT_ROWS,
                                                .stride = TALL_TILE_COLUMNS,
                                                .block = CONTEXT_ROWS * TALL_TILE_COLUMNS,
                                                .n_unbiased = CONTEXT_ROWS,
                                                .ret = profile->narrow},
                1);
}

static size_t score_stride(const struct profile *profile) {
        return profile->keys.n_vectors * TALL_VECTOR_COLUMNS;
}

static bool is_int8(const struct profile *profile) {
        return profile->attention.elements == TALL_INT8;
}

static void run_scores(struct profile *profile) {
        int16_t largest[TALL_BLOCK_ROWS];
        struct tall_scores scores = {
                .keys = {profile->keys, profile->results, profile->results, profile->zeros},
                .queries = (const uint8_t *)profile->wide,
                .query_scales = profile->rows,
                .n_rows = TALL_BLOCK_ROWS,
                .scores = (int16_t *)(void *)profile->scores,
                .stride = score_stride(profile)};

        if (is_int8(profile)) {
                tall_score(&scores, largest);
                return;
        }
        tall_multiply(TALL_BF16,
                      &(struct tall_product){.matrix = profile->keys,
                                             .n_groups = profile->keys.n_groups,
                                             .x = profile->wide,
                                             .x_stride = profile->keys.n_groups * TALL_GROUP,
                                             .n_rows = TALL_BLOCK_ROWS,
                                             .y = profile->scores,
                                             .y_stride = score_stride(profile)});
}

static void run_softmax(struct profile *profile) {
        size_t stride = score_stride(profile);

        for (size_t row = 0; row < TALL_BLOCK_ROWS; row++) {
                if (is_int8(profile))
                        tall_quantize_softmax((int16_t *)(void *)profile->scores + row * stride,
                                              stride, INT16_MAX);
                else
                        tall_softmax(profile->scores + row * stride, CONTEXT_ROWS, NULL,
                                     CONTEXT_ROWS);
        }
}

static void run_values(struct profile *profile) {
        size_t size = is_int8(profile) ? sizeof(int16_t) : sizeof(float);

        tall_multiply(profile->attention.elements,
                      &(struct tall_product){.matrix = profile->values,
                                             .n_groups = profile->values.n_groups,
                                             .x = profile->scores,
                                             .x_stride = score_stride(profile) * size,
                                             .n_rows = TALL_BLOCK_ROWS,
                                             .y = profile->results,
                                             .y_stride = profile->n_state,
                                             .flags = is_int8(profile) ? TALL_TO_BF16 : 0,
                                             .rows = profile->chunk.rows,
                                             .scales = profile->rows,
                                             .sums = profile->rows});
}

// --- The table -------------------------------------------------------------------------------

struct stage {
        const char *name;
        void (*run)(struct profile *profile);
        double times;       // that a window needs it
        double operations;  // of one
};

static void stage_print(struct profile *profile, const struct stage *stage, int n_rounds) {
        double least = 1e9;

        for (int i = 0; i < n_rounds; i++) {
                double began = milliseconds_now(), took;

                stage->run(profile);
                took = milliseconds_now() - began;
                least = took < least ? took : least;
        }
        printf("| %s | %.1f |", stage->name, least * stage->times);
        if (stage->operations > 0)
                printf(" %.0f |\n", stage->operations / least * 1e-6);
        else
                puts(" |");
}

static void layer_print(struct profile *profile, const char *name, const struct linear *layer,
                        unsigned flags, int n_rounds) {
        const struct tall_layer *tall = linear_tall(layer);
        const struct whisper_info *info = &profile->model->info;
        double rows = (double)tall_layer_rows();
        struct stage stage = {name, run_layer,
                              (double)info->n_audio_layers * CONTEXT_ROWS / rows,
                              2.0 * rows * (double)tall->n_in * (double)tall->n_out};

        profile->layer = layer;
        profile->flags = flags;
        if (layer == profile->model->convolution_1)
                stage.times = (double)CONTEXT_FRAMES / rows;
        if (layer == profile->model->convolution_2)
                stage.times = (double)CONTEXT_ROWS / rows;
        stage_print(profile, &stage, n_rounds);
}

static void profile_print(struct profile *profile, int n_rounds) {
        const struct whisper_model *model = profile->model;
        const struct encoder_layer *layer = &model->encoder_layers[0];
        double n = (double)profile->n_state, rows = CONTEXT_ROWS;
        double layers = model->info.n_audio_layers, heads = model->info.n_audio_heads;
        double of_chunk = (double)tall_layer_rows(), chunks = rows / of_chunk,
               blocks = rows / TALL_BLOCK_ROWS;
        double products = 4 * rows * rows * n;
        double all = layers * (products + 24 * rows * n * n) +
                     rows * (12 * (double)profile->n_mels * n + 6 * n * n);
        const struct stage query_key_value = {"queries, keys, values", run_query_key_value,
                                              chunks * layers, 6 * of_chunk * n * n};
        unsigned gelu = TALL_GELU | (model->compute == COMPUTE_BF16 ? TALL_TO_BF16 : 0);
        const struct stage stages[] = {
                {"layer norms", run_norm, chunks * (2 * layers + 1), 0},
                {"attention", run_attention, layers, products},
                {"- its scores", run_scores, blocks * heads * layers,
                 products / blocks / heads / 2},
                {"- its softmax", run_softmax, blocks * heads * layers, 0},
                {"- its values", run_values, blocks * heads * layers,
                 products / blocks / heads / 2},
                {"encoder", run_encoder, 1, all},
                {"keys and values for the decoder", run_projections, 1,
                 (double)model->info.n_text_layers * 4 * rows * n *
                         (double)model->info.n_text_state},
                {"log-mel", run_log_mel, 1, 0},
        };

        printf("| stage, %s | ms | GOPS |\n|---|---|---|\n", compute_names[model->compute]);
        layer_print(profile, "convolution 1", model->convolution_1, TALL_GELU | TALL_TO_BF16,
                    n_rounds);
        layer_print(profile, "convolution 2", model->convolution_2, TALL_GELU, n_rounds);
        stage_print(profile, &query_key_value, n_rounds);
        layer_print(profile, "output projection", layer->attention_out, TALL_ADD, n_rounds);
        layer_print(profile, "feed-forward 1", layer->mlp_in, gelu, n_rounds);
        layer_print(profile, "feed-forward 2", layer->mlp_out, TALL_ADD, n_rounds);
        for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++)
                stage_print(profile, &stages[i], n_rounds);
}

static float *random_floats(size_t n) {
        float *ret = try_aligned(n * sizeof(*ret));

        for (size_t i = 0; ret && i < n; i++)
                ret[i] = (float)((i * 2654435761u >> 8) % 1000) / 500 - 1;
        return ret;
}

static int profile_init(struct profile *ret, const char *path, enum compute compute,
                        struct error *error) {
        size_t width, n_heads, n, in_group = compute == COMPUTE_INT8 ? 4 : 2;
        int r = whisper_model_load(&ret->model, path, 1, compute, error);

        if (r == 0)
                r = linear_context_new(&ret->context, error);
        if (r < 0)
                return r;
        n = ret->n_state = (size_t)ret->model->info.n_audio_state;
        ret->n_mels = (size_t)ret->model->info.n_mels;
        n_heads = (size_t)ret->model->info.n_audio_heads;
        width = n / n_heads;
        ret->sound = random_floats((size_t)SECONDS * 16000);
        ret->log_mel =
                xcalloc(log_mel_frames((size_t)SECONDS * 16000) * ret->n_mels, sizeof(float));
        ret->rows = random_floats(TALL_LAYER_ROWS_MAX * 4 * n);
        ret->results = random_floats(TALL_LAYER_ROWS_MAX * 4 * n);
        ret->chunk.elements = try_aligned(tall_chunk_size(4 * n));
        ret->keys = (struct tall_matrix){NULL, width / in_group, (CONTEXT_ROWS + 15) / 16};
        ret->values = (struct tall_matrix){NULL, CONTEXT_ROWS / in_group, width / 16};
        ret->keys.elements =
                try_aligned(tall_matrix_size(ret->keys.n_groups, ret->keys.n_vectors));
        ret->values.elements =
                try_aligned(tall_matrix_size(ret->values.n_groups, ret->values.n_vectors));
        ret->scores = random_floats(TALL_BLOCK_ROWS * score_stride(ret));
        ret->wide = try_aligned((size_t)CONTEXT_ROWS * 3 * n * sizeof(uint16_t));
        ret->narrow = try_aligned(CONTEXT_ROWS * n * sizeof(uint16_t));
        r = self_attention_init(&ret->attention,
                                compute == COMPUTE_INT8 ? TALL_INT8 : TALL_BF16, n_heads, width,
                                (struct self_attention_limits){CONTEXT_ROWS, 1, 1});
        return r < 0 ? r : encoder_new(&ret->encoder, ret->model, ret->context);
}

int main(int argc, char **argv) {
        struct profile profile = {0};
        struct error error = {0};
        enum compute compute = COMPUTE_BF16;

        if (argc < 2 || (argc > 2 && !compute_parse(&compute, argv[2])) ||
            (compute != COMPUTE_BF16 && compute != COMPUTE_INT8)) {
                fprintf(stderr, "usage: encoder_profile MODEL [bf16|int8] [ROUNDS]\n");
                return 2;
        }
        if (profile_init(&profile, argv[1], compute, &error) < 0) {
                fprintf(stderr, "encoder_profile: %s\n", error.text);
                return 1;
        }
        // What it holds goes with the process.
        profile_print(&profile, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 20);
        return 0;
}
