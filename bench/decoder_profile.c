// decoder_profile: where the time of one decoder step goes, by stage.
//
//     decoder_profile MODEL [float32|bf16|int8] [ROUNDS]
//
// One thread, in its own processor time, which other programs on the machine disturb less than
// the clock on the wall; the shortest of ROUNDS (20). Each sequence listens to a window of its
// own with KEYS rows and has said POSITION tokens; in the last column one sequence has a prompt
// and a draft, DRAFT_ROWS tokens in all, of which the last DRAFT_TOKENS want logits. A stage is
// the engine's own function for all layers, timed after a whole step, so that it finds in the
// caches what it would find there.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"
#include "util/mem.h"
#include "whisper/cpu/decoder.h"
#include "whisper/cpu/paged_attention.h"
#include "whisper/cpu/vectors.h"
#include "whisper/sampler.h"

#define KEYS          400
#define POSITION      30
#define SEQUENCES_MAX 32
#define DRAFT_TOKENS  30
#define DRAFT_ROWS    34
#define ROWS_MAX      DRAFT_ROWS

struct profile {
        struct whisper_model *model;
        struct decoder *decoder;
        size_t n_state, n_heads, n_layers;
        size_t n, n_wanted;  // rows of a step, and those of them that want logits
        struct decoder_row rows[ROWS_MAX];
        struct kv_cache texts[SEQUENCES_MAX];
        struct cross_kv *windows[SEQUENCES_MAX];
        float *x, *y;     // rows of a product, and what comes out: [ROWS_MAX, 4 * n_state]
        char *converted;  // likewise, as the panels want them
        void *scratch;    // of attention
        float *logits;    // of the last step
};

static double milliseconds_now(void) {
        struct timespec now;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

// --- Stages -------------------------------------------------------------------------------

static void run_step(struct profile *profile) {
        decoder_step(profile->decoder, profile->rows, profile->n, &profile->logits);
}

static void multiply(struct profile *profile, const struct skinny_matrix *matrix,
                     unsigned flags, size_t n, float *y) {
        size_t size = skinny_row_size(matrix->type, matrix->depth);

        for (size_t i = 0; i < n; i++)
                skinny_convert_row(matrix->type, matrix->depth,
                                   profile->x + i * 4 * profile->n_state,
                                   profile->converted + i * size);
        skinny_multiply_part(matrix,
                             &(struct gemm_product){.x = profile->converted,
                                                    .x_stride = size,
                                                    .n_rows = n,
                                                    .y = y,
                                                    .y_stride = matrix->n_columns,
                                                    .flags = flags},
                             0, 1);
}

static void run_attention_layers(struct profile *profile) {
        for (size_t i = 0; i < profile->n_layers; i++) {
                const struct decoder_layer *layer = &profile->model->decoder_layers[i];

                multiply(profile, &layer->query_key_value.matrix, 0, profile->n, profile->y);
                multiply(profile, &layer->attention_out.matrix, 0, profile->n, profile->y);
                multiply(profile, &layer->cross_query.matrix, 0, profile->n, profile->y);
                multiply(profile, &layer->cross_out.matrix, 0, profile->n, profile->y);
        }
}

static void run_mlp(struct profile *profile) {
        for (size_t i = 0; i < profile->n_layers; i++) {
                const struct decoder_layer *layer = &profile->model->decoder_layers[i];

                multiply(profile, &layer->mlp_in.matrix, GEMM_GELU, profile->n, profile->y);
                multiply(profile, &layer->mlp_out.matrix, 0, profile->n, profile->y);
        }
}

static void run_logits(struct profile *profile) {
        multiply(profile, &profile->model->token_embedding, 0, profile->n_wanted,
                 profile->logits);
}

static void run_text_attention(struct profile *profile) {
        size_t width = profile->n_state / profile->n_heads;

        for (size_t layer = 0; layer < profile->n_layers; layer++)
                for (size_t i = 0; i < profile->n; i++)
                        for (size_t head = 0; head < profile->n_heads; head++)
                                paged_attend(decoder_kv_pool(profile->decoder),
                                             &(struct paged_query){
                                                     .kv = profile->rows[i].kv,
                                                     .layer = layer,
                                                     .position = profile->rows[i].position,
                                                     .column = head * width,
                                                     .width = width,
                                                     .query = profile->x,
                                                     .ret = profile->y},
                                             profile->scratch);
}

static void run_cross_attention(struct profile *profile) {
        bool is_one = profile->n > 1 && profile->rows[1].cross_kv == profile->rows[0].cross_kv;
        struct cross_queries queries = {.x = profile->x,
                                        .ret = profile->y,
                                        .stride = profile->n_state,
                                        .n = is_one ? profile->n : 1};

        for (size_t layer = 0; layer < profile->n_layers; layer++)
                for (size_t i = 0; i < profile->n; i += queries.n)
                        for (size_t head = 0; head < profile->n_heads; head++)
                                cross_attend(&profile->rows[i].cross_kv->layers[layer], head,
                                             &queries, profile->scratch);
}

static void run_norms(struct profile *profile) {
        const struct norm *norm = &profile->model->decoder_norm;

        for (size_t i = 0; i < profile->n * (3 * profile->n_layers + 1); i++)
                vector_normalize(profile->x, norm->weight, norm->bias, profile->n_state,
                                 profile->y);
}

static void run_embedding(struct profile *profile) {
        for (size_t i = 0; i < profile->n; i++)
                skinny_column(&profile->model->token_embedding, 1000 + i * 997, profile->y);
}

static void run_choice(struct profile *profile) {
        size_t n_vocabulary = (size_t)profile->model->info.n_vocabulary;
        struct sampler_rules rules = {.specials = tokenizer_specials(profile->model->tokenizer),
                                      .n_vocabulary = n_vocabulary,
                                      .blank = -1,
                                      .has_timestamps = true};
        int32_t said[2] = {rules.specials->timestamp_begin, 1000};

        for (size_t i = 0; i < profile->n_wanted; i++) {
                float *logits = profile->logits + i * n_vocabulary, logprob;
                uint64_t random = 1;

                sampler_restrict(&rules, said, 2, logits);
                sampler_choose(logits, n_vocabulary, 0, &random, &logprob);
        }
}

static const struct {
        const char *name;
        void (*run)(struct profile *profile);
} stages[] = {
        {"embedding", run_embedding},
        {"layer norms", run_norms},
        {"products of both attentions", run_attention_layers},
        {"text attention", run_text_attention},
        {"cross-attention", run_cross_attention},
        {"feed-forward, GELU included", run_mlp},
        {"logits", run_logits},
        {"the whole step", run_step},
        {"rules and choice of a token", run_choice},
};

// --- The table ----------------------------------------------------------------------------

static void profile_init(struct profile *profile, struct whisper_model *model) {
        enum skinny_type type = cross_kv_type(model);
        size_t width, size;

        *profile = (struct profile){.model = model,
                                    .n_state = (size_t)model->info.n_text_state,
                                    .n_heads = (size_t)model->info.n_text_heads,
                                    .n_layers = (size_t)model->info.n_text_layers};
        width = profile->n_state / profile->n_heads;
        size = cross_kv_layer_size(type, KEYS, profile->n_heads, width);
        if (decoder_new(&profile->decoder, model, SEQUENCES_MAX * KV_BLOCKS) < 0)
                abort();
        profile->x = xcalloc(ROWS_MAX * 4 * profile->n_state, sizeof(float));
        profile->y = xcalloc(ROWS_MAX * 4 * profile->n_state, sizeof(float));
        profile->converted =
                try_aligned(ROWS_MAX * skinny_row_size(SKINNY_FLOAT, 4 * profile->n_state));
        profile->scratch = try_aligned(cross_scratch_size(KEYS, width));
        for (size_t i = 0; i < ROWS_MAX * 4 * profile->n_state; i++)
                profile->x[i] = sinf((float)i);
        for (size_t i = 0; i < SEQUENCES_MAX; i++) {
                struct cross_kv *window = profile->windows[i] = xcalloc(
                        1, sizeof(*window) + profile->n_layers * sizeof(window->layers[0]));

                window->elements = try_aligned(profile->n_layers * size);
                for (size_t layer = 0; layer < profile->n_layers; layer++)
                        window->layers[layer] = (struct cross_kv_layer){
                                .type = type,
                                .n_keys = KEYS,
                                .n_heads = profile->n_heads,
                                .head_width = width,
                                .n_unbiased = KEYS,
                                .elements = (char *)window->elements + layer * size,
                        };
        }
}

// Steps of n sequences with a token each.
static void take_sequences(struct profile *profile, size_t n) {
        profile->n = profile->n_wanted = n;
        for (size_t i = 0; i < n; i++)
                profile->rows[i] = (struct decoder_row){.token = 1000,
                                                        .wants_logits = true,
                                                        .position = POSITION,
                                                        .kv = &profile->texts[i],
                                                        .cross_kv = profile->windows[i]};
}

// Steps of one sequence with a prompt and a draft.
static void take_draft(struct profile *profile) {
        profile->n = DRAFT_ROWS;
        profile->n_wanted = DRAFT_TOKENS;
        for (size_t i = 0; i < DRAFT_ROWS; i++)
                profile->rows[i] =
                        (struct decoder_row){.token = 1000,
                                             .wants_logits = i >= DRAFT_ROWS - DRAFT_TOKENS,
                                             .position = i,
                                             .kv = &profile->texts[0],
                                             .cross_kv = profile->windows[0]};
}

static void profile_deinit(struct profile *profile) {
        for (size_t i = 0; i < SEQUENCES_MAX; i++) {
                kv_cache_release(&profile->texts[i], decoder_kv_pool(profile->decoder));
                free(profile->windows[i]->elements);
                free(profile->windows[i]);
        }
        free(profile->x);
        free(profile->y);
        free(profile->converted);
        free(profile->scratch);
        decoder_free(profile->decoder);
}

static double stage_time(struct profile *profile, size_t stage, int n_rounds) {
        double least = INFINITY;

        for (int i = 0; i < n_rounds; i++) {
                double took;

                run_step(profile);
                took = milliseconds_now();
                stages[stage].run(profile);
                took = milliseconds_now() - took;
                least = took < least ? took : least;
        }
        return least;
}

int main(int argc, char **argv) {
        static const size_t counts[] = {1, 8, 32};
        CLEANUP(whisper_model_freep) struct whisper_model *model = NULL;
        enum compute compute = COMPUTE_BF16;
        int n_rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 20;
        struct error error = {0};
        struct profile profile;

        if (argc < 2 || (argc > 2 && !compute_parse(&compute, argv[2])) || n_rounds < 1) {
                fprintf(stderr, "usage: decoder_profile MODEL [float32|bf16|int8] [ROUNDS]\n");
                return 2;
        }
        if (whisper_model_load(&model, argv[1], 1, compute, &error) < 0) {
                fprintf(stderr, "decoder_profile: %s\n", error.text);
                return 3;
        }
        profile_init(&profile, model);
        for (size_t stage = 0; stage < sizeof(stages) / sizeof(stages[0]); stage++) {
                printf("| %s |", stages[stage].name);
                for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
                        take_sequences(&profile, counts[i]);
                        printf(" %.3f |", stage_time(&profile, stage, n_rounds));
                }
                take_draft(&profile);
                printf(" %.3f |\n", stage_time(&profile, stage, n_rounds));
        }
        profile_deinit(&profile);
        return 0;
}
