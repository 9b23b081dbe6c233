#include "whisper/model.h"

#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/vectors.h"
#include "whisper/prompt.h"
#include "whisper/weights/weights.h"

#define NAME_MAX_LENGTH 64  // of a tensor

// What every function that fills a part of the model needs.
struct loading {
        const struct weights *weights;
        enum compute compute;
        struct team *team;  // packs
        struct error *error;
};

// A tensor as floats of its own; NULL with words in loading->error.
static float *load_floats(const struct loading *loading, const char *prefix, const char *name,
                          size_t n) {
        char full[NAME_MAX_LENGTH];
        CLEANUP(floats_freep) float *ret = NULL;
        int r;

        snprintf(full, sizeof(full), "%s%s", prefix, name);
        ret = try_calloc(n, sizeof(float));
        if (!ret) {
                error_set(loading->error, -ENOMEM, "no memory for %s", full);
                return NULL;
        }
        r = weights_copy(loading->weights, full, ret, n);
        if (r < 0) {
                error_set(loading->error, r, "tensor %s is missing or has the wrong size",
                          full);
                return NULL;
        }
        return TAKE(ret);
}

static int load_norm(const struct loading *loading, struct norm *norm, const char *prefix,
                     const char *name, size_t n) {
        char part[NAME_MAX_LENGTH];

        snprintf(part, sizeof(part), "%s.weight", name);
        norm->weight = load_floats(loading, prefix, part, n);
        snprintf(part, sizeof(part), "%s.bias", name);
        norm->bias = load_floats(loading, prefix, part, n);
        return norm->weight && norm->bias ? 0 : -EBADMSG;
}

// Weight and bias of layers stacked into one: [n_parts * n_out, n_in].
struct stack {
        float *weight, *bias;
        size_t n_out, n_in;
};

static void stack_deinit(struct stack *stack) {
        free(stack->weight);
        free(stack->bias);
}

// One part of the stack, from tensors NAME.weight and NAME.bias, both times `scale`.
static int stack_load(const struct loading *loading, struct stack *stack, const char *prefix,
                      const char *name, float scale) {
        CLEANUP(floats_freep) float *weight = NULL;
        CLEANUP(floats_freep) float *bias = NULL;
        size_t n_out = stack->n_out, n_in = stack->n_in;
        char part[NAME_MAX_LENGTH];

        snprintf(part, sizeof(part), "%s.weight", name);
        weight = load_floats(loading, prefix, part, n_out * n_in);
        snprintf(part, sizeof(part), "%s.bias", name);
        bias = load_floats(loading, prefix, part, n_out);
        if (!weight || !bias)
                return -EBADMSG;
        vector_add_scaled(stack->weight, weight, scale, n_out * n_in);
        vector_add_scaled(stack->bias, bias, scale, n_out);
        return 0;
}

// Which layers go on top of each other, all of [n_out, n_in]; the first one scaled.
struct stack_plan {
        const char *names[3];
        size_t n_out, n_in;
        float scale;  // 0 is none
};

static int stack_init(const struct loading *loading, struct stack *ret, const char *prefix,
                      const struct stack_plan *plan) {
        struct stack part = {.n_out = plan->n_out, .n_in = plan->n_in};
        size_t n_parts = 0;
        int r = 0;

        while (n_parts < 3 && plan->names[n_parts])
                n_parts++;
        ret->n_in = plan->n_in;
        ret->n_out = n_parts * plan->n_out;
        ret->weight = try_calloc(ret->n_out * ret->n_in, sizeof(float));
        ret->bias = try_calloc(ret->n_out, sizeof(float));
        if (!ret->weight || !ret->bias)
                return error_set(loading->error, -ENOMEM, "no memory for %s%s", prefix,
                                 plan->names[0]);
        for (size_t i = 0; i < n_parts && r == 0; i++) {
                part.weight = ret->weight + i * plan->n_out * plan->n_in;
                part.bias = ret->bias + i * plan->n_out;
                r = stack_load(loading, &part, prefix, plan->names[i],
                               i == 0 && plan->scale > 0 ? plan->scale : 1.0f);
        }
        return r;
}

// A layer for many rows in the arithmetic that is asked for.
static int make_linear(const struct loading *loading, struct linear **ret, enum compute compute,
                       const struct stack *stack) {
        int r;

        if (compute == COMPUTE_FLOAT32)
                return linear_new(ret, stack->weight, stack->bias, stack->n_out, stack->n_in,
                                  loading->error);
        r = linear_new_tall(ret, stack->weight, stack->bias, stack->n_out, stack->n_in);
        return r < 0 ? error_set(loading->error, r, "no memory for a layer's weights") : 0;
}

// A stack as a layer for many rows.
static int load_linear(const struct loading *loading, struct linear **ret, const char *prefix,
                       const struct stack_plan *plan) {
        struct stack stack = {0};
        int r = stack_init(loading, &stack, prefix, plan);

        if (r == 0)
                r = make_linear(loading, ret, loading->compute, &stack);
        stack_deinit(&stack);
        return r;
}

// The elements of layers for few rows.
static enum skinny_type thin_type_of(enum compute compute) {
        return compute == COMPUTE_INT8 ? SKINNY_INT8 : SKINNY_HALF;
}

// A stack as a layer for few rows.
static int load_thin(const struct loading *loading, struct skinny_layer *ret,
                     const char *prefix, const struct stack_plan *plan) {
        struct stack stack = {0};
        int r = stack_init(loading, &stack, prefix, plan);

        if (r == 0) {
                r = skinny_init(&ret->matrix, thin_type_of(loading->compute), stack.weight,
                                stack.n_out, stack.n_in, loading->team);
                if (r == 0)
                        ret->bias = TAKE(stack.bias);
                else
                        error_set(loading->error, r, "no memory for %s%s", prefix,
                                  plan->names[0]);
        }
        stack_deinit(&stack);
        return r;
}

// Convolutions [n_out, n_in, 3] become layers over three frames side by side.
static int load_convolution(const struct loading *loading, struct linear **ret,
                            enum compute compute, const char *name, size_t n_out, size_t n_in) {
        CLEANUP(floats_freep) float *weight = NULL;
        CLEANUP(floats_freep) float *bias = NULL;
        CLEANUP(floats_freep) float *turned = try_calloc(n_out * n_in * 3, sizeof(float));
        char part[NAME_MAX_LENGTH];

        snprintf(part, sizeof(part), "%s.weight", name);
        weight = load_floats(loading, "encoder.", part, n_out * n_in * 3);
        snprintf(part, sizeof(part), "%s.bias", name);
        bias = load_floats(loading, "encoder.", part, n_out);
        if (!weight || !bias || !turned)
                return -EBADMSG;
        for (size_t out = 0; out < n_out; out++)
                for (size_t in = 0; in < n_in; in++)
                        for (size_t k = 0; k < 3; k++)
                                turned[(out * 3 + k) * n_in + in] =
                                        weight[(out * n_in + in) * 3 + k];
        return make_linear(loading, ret, compute,
                           &(struct stack){turned, bias, n_out, n_in * 3});
}

// What queries are multiplied with, so that attention need not.
static float query_scale(int n_state, int n_heads) {
        int width = n_state / n_heads;

        return 1.0f / sqrtf((float)width);
}

static int load_encoder_layer(const struct loading *loading, struct encoder_layer *layer,
                              int index, const struct whisper_info *info) {
        size_t n = (size_t)info->n_audio_state;
        struct stack_plan attention = {{"attn.query", "attn.key", "attn.value"}, n, n, 0};
        struct stack_plan out = {{"attn.out"}, n, n, 0};
        struct stack_plan in = {{"mlp.0"}, 4 * n, n, 0}, back = {{"mlp.2"}, n, 4 * n, 0};
        char prefix[NAME_MAX_LENGTH];
        int r;

        attention.scale = query_scale(info->n_audio_state, info->n_audio_heads);
        snprintf(prefix, sizeof(prefix), "encoder.blocks.%d.", index);
        if ((r = load_norm(loading, &layer->attention_norm, prefix, "attn_ln", n)) < 0 ||
            (r = load_norm(loading, &layer->mlp_norm, prefix, "mlp_ln", n)) < 0 ||
            (r = load_linear(loading, &layer->query_key_value, prefix, &attention)) < 0 ||
            (r = load_linear(loading, &layer->attention_out, prefix, &out)) < 0 ||
            (r = load_linear(loading, &layer->mlp_in, prefix, &in)) < 0)
                return r;
        return load_linear(loading, &layer->mlp_out, prefix, &back);
}

static int load_decoder_cross(const struct loading *loading, struct decoder_layer *layer,
                              const char *prefix, const struct whisper_info *info) {
        size_t n = (size_t)info->n_text_state;
        struct stack_plan query = {{"cross_attn.query"}, n, n, 0};
        struct stack_plan out = {{"cross_attn.out"}, n, n, 0};
        struct stack_plan memory = {
                {"cross_attn.key", "cross_attn.value"}, n, (size_t)info->n_audio_state, 0};
        int r;

        query.scale = query_scale(info->n_text_state, info->n_text_heads);
        if ((r = load_norm(loading, &layer->cross_norm, prefix, "cross_attn_ln", n)) < 0 ||
            (r = load_thin(loading, &layer->cross_query, prefix, &query)) < 0 ||
            (r = load_thin(loading, &layer->cross_out, prefix, &out)) < 0)
                return r;
        return load_linear(loading, &layer->cross_key_value, prefix, &memory);
}

static int load_decoder_layer(const struct loading *loading, struct decoder_layer *layer,
                              int index, const struct whisper_info *info) {
        size_t n = (size_t)info->n_text_state;
        struct stack_plan attention = {{"attn.query", "attn.key", "attn.value"}, n, n, 0};
        struct stack_plan out = {{"attn.out"}, n, n, 0};
        struct stack_plan in = {{"mlp.0"}, 4 * n, n, 0}, back = {{"mlp.2"}, n, 4 * n, 0};
        char prefix[NAME_MAX_LENGTH];
        int r;

        attention.scale = query_scale(info->n_text_state, info->n_text_heads);
        snprintf(prefix, sizeof(prefix), "decoder.blocks.%d.", index);
        if ((r = load_norm(loading, &layer->attention_norm, prefix, "attn_ln", n)) < 0 ||
            (r = load_norm(loading, &layer->mlp_norm, prefix, "mlp_ln", n)) < 0 ||
            (r = load_thin(loading, &layer->query_key_value, prefix, &attention)) < 0 ||
            (r = load_thin(loading, &layer->attention_out, prefix, &out)) < 0 ||
            (r = load_decoder_cross(loading, layer, prefix, info)) < 0 ||
            (r = load_thin(loading, &layer->mlp_in, prefix, &in)) < 0)
                return r;
        return load_thin(loading, &layer->mlp_out, prefix, &back);
}

static int load_encoder(const struct loading *loading, struct whisper_model *model) {
        const struct whisper_info *info = &model->info;
        size_t n = (size_t)info->n_audio_state;
        int r;

        if ((r = load_convolution(loading, &model->convolution_1, loading->compute, "conv1", n,
                                  (size_t)info->n_mels)) < 0 ||
            (r = load_convolution(loading, &model->convolution_2, loading->compute, "conv2", n,
                                  n)) < 0)
                return r;
        model->audio_positions = load_floats(loading, "encoder.", "positional_embedding",
                                             (size_t)info->n_audio_context * n);
        if (!model->audio_positions)
                return -EBADMSG;
        model->encoder_layers =
                xcalloc((size_t)info->n_audio_layers, sizeof(*model->encoder_layers));
        for (int i = 0; i < info->n_audio_layers; i++) {
                r = load_encoder_layer(loading, &model->encoder_layers[i], i, info);
                if (r < 0)
                        return r;
        }
        return load_norm(loading, &model->encoder_norm, "encoder.", "ln_post", n);
}

static int load_decoder(const struct loading *loading, struct whisper_model *model) {
        const struct whisper_info *info = &model->info;
        size_t n = (size_t)info->n_text_state;
        CLEANUP(floats_freep) float *embedding = NULL;
        int r;

        embedding = load_floats(loading, "decoder.", "token_embedding.weight",
                                (size_t)info->n_vocabulary * n);
        if (!embedding)
                return -EBADMSG;
        r = skinny_init(&model->token_embedding, thin_type_of(loading->compute), embedding,
                        (size_t)info->n_vocabulary, n, loading->team);
        if (r < 0)
                return error_set(loading->error, r, "no memory for the token embedding");
        model->text_positions = load_floats(loading, "decoder.", "positional_embedding",
                                            (size_t)info->n_text_context * n);
        if (!model->text_positions)
                return -EBADMSG;
        model->decoder_layers =
                xcalloc((size_t)info->n_text_layers, sizeof(*model->decoder_layers));
        for (int i = 0; i < info->n_text_layers; i++) {
                r = load_decoder_layer(loading, &model->decoder_layers[i], i, info);
                if (r < 0)
                        return r;
        }
        return load_norm(loading, &model->decoder_norm, "decoder.", "ln", n);
}

// The engine's kernels want what every published Whisper has.
static int check_shapes(const struct whisper_info *info, struct error *error) {
        if (info->n_audio_state % (info->n_audio_heads * 16) != 0 ||
            info->n_text_state % (info->n_text_heads * 16) != 0)
                return error_set(error, -ENOTSUP,
                                 "the model's attention heads are not a multiple of 16 wide");
        if (info->n_text_state > MODEL_STATE_MAX)
                return error_set(error, -ENOTSUP, "the model is %d wide; at most %d",
                                 info->n_text_state, MODEL_STATE_MAX);
        if (info->n_audio_context != 1500)
                return error_set(error, -ENOTSUP,
                                 "the model's audio context is %d, not Whisper's 1500",
                                 info->n_audio_context);
        if (info->n_text_context < PROMPT_CONTEXT)
                return error_set(error, -ENOTSUP,
                                 "the model's text context is %d, less than %d",
                                 info->n_text_context, PROMPT_CONTEXT);
        return 0;
}

// The token of a space, which may not begin a text.
static int find_blank(struct whisper_model *model, struct error *error) {
        int32_t *tokens = NULL;
        size_t n = 0;
        int r = tokenizer_encode(model->tokenizer, " ", &tokens, &n);

        if (r == 0 && n == 1)
                model->blank = tokens[0];
        free(tokens);
        if (r < 0 || n != 1)
                return error_set(error, -EBADMSG, "the vocabulary has no token for a space");
        return 0;
}

int whisper_model_load(struct whisper_model **ret, const char *path, int threads,
                       enum compute compute, struct error *error) {
        CLEANUP(whisper_model_freep) struct whisper_model *model = NULL;
        CLEANUP(weights_closep) struct weights *weights = NULL;
        CLEANUP(team_freep) struct team *team = NULL;
        struct loading loading = {.error = error};
        int r;

        if (!vectors_are_supported())
                return error_set(error, -ENOTSUP,
                                 "this processor lacks AVX2, FMA or F16C, which the engine "
                                 "needs: use a machine with an x86-64 processor of 2013 or "
                                 "later, or pass the host's processor type through to the "
                                 "virtual machine");
        r = weights_open(&weights, path, error);
        if (r < 0)
                return r;
        model = xnew(struct whisper_model);
        model->compute = compute_resolve(compute);
        model->info = *weights_info(weights);
        model->threads = threads > 0 ? threads : 1;
        loading.weights = weights;
        loading.compute = model->compute;
        r = team_new(&team, (size_t)model->threads, "load");
        if (r < 0)
                return error_set(error, r, "cannot start threads: %s", strerrordesc_np(-r));
        loading.team = team;

        if ((r = check_shapes(&model->info, error)) < 0 ||
            (r = tokenizer_new(&model->tokenizer, weights, error)) < 0 ||
            (r = find_blank(model, error)) < 0)
                return r;
        model->n_alignment_heads =
                alignment_heads_find(model->alignment_heads, &model->info, path);
        model->log_mel = log_mel_new((size_t)model->info.n_mels, weights_mel_filters(weights));
        // The decoder first: its embedding is the largest tensor, and copying it while little
        // else is in memory keeps the peak low.
        if ((r = load_decoder(&loading, model)) < 0 || (r = load_encoder(&loading, model)) < 0)
                return r;
        malloc_trim(0);  // give back what the copies took
        *ret = TAKE(model);
        return 0;
}

static void norm_deinit(struct norm *norm) {
        free(norm->weight);
        free(norm->bias);
}

static void skinny_layer_deinit(struct skinny_layer *thin) {
        skinny_deinit(&thin->matrix);
        free(thin->bias);
}

static void encoder_layer_deinit(struct encoder_layer *layer) {
        norm_deinit(&layer->attention_norm);
        norm_deinit(&layer->mlp_norm);
        linear_free(layer->query_key_value);
        linear_free(layer->attention_out);
        linear_free(layer->mlp_in);
        linear_free(layer->mlp_out);
}

static void decoder_layer_deinit(struct decoder_layer *layer) {
        struct skinny_layer *thin[] = {&layer->query_key_value, &layer->attention_out,
                                       &layer->cross_query,     &layer->cross_out,
                                       &layer->mlp_in,          &layer->mlp_out};

        norm_deinit(&layer->attention_norm);
        norm_deinit(&layer->cross_norm);
        norm_deinit(&layer->mlp_norm);
        for (size_t i = 0; i < sizeof(thin) / sizeof(thin[0]); i++)
                skinny_layer_deinit(thin[i]);
        linear_free(layer->cross_key_value);
}

struct whisper_model *whisper_model_free(struct whisper_model *model) {
        if (!model)
                return NULL;
        for (int i = 0; model->encoder_layers && i < model->info.n_audio_layers; i++)
                encoder_layer_deinit(&model->encoder_layers[i]);
        for (int i = 0; model->decoder_layers && i < model->info.n_text_layers; i++)
                decoder_layer_deinit(&model->decoder_layers[i]);
        free(model->encoder_layers);
        free(model->decoder_layers);
        linear_free(model->convolution_1);
        linear_free(model->convolution_2);
        free(model->audio_positions);
        norm_deinit(&model->encoder_norm);
        skinny_deinit(&model->token_embedding);
        free(model->text_positions);
        norm_deinit(&model->decoder_norm);
        log_mel_free(model->log_mel);
        tokenizer_free(model->tokenizer);
        free(model);
        return NULL;
}

struct whisper_info whisper_model_info(const struct whisper_model *model) {
        return model->info;
}

enum compute whisper_model_compute(const struct whisper_model *model) {
        return model->compute;
}

bool whisper_model_knows_language(const struct whisper_model *model, const char *language) {
        if (!model->info.is_multilingual)
                return strcmp(language, "en") == 0;
        return tokenizer_language_token(model->tokenizer, language) >= 0;
}

int whisper_inspect(struct whisper_info *ret, int *ret_n_languages, const char *path,
                    struct error *error) {
        CLEANUP(weights_closep) struct weights *weights = NULL;
        CLEANUP(tokenizer_freep) struct tokenizer *tokenizer = NULL;
        int r;

        r = weights_open(&weights, path, error);
        if (r < 0)
                return r;
        r = tokenizer_new(&tokenizer, weights, error);
        if (r < 0) {
                error_prefix(error, "%s", path);
                return r;
        }
        *ret = *weights_info(weights);
        *ret_n_languages = tokenizer_specials(tokenizer)->n_languages;
        if (!ret->is_multilingual)
                *ret_n_languages = 1;
        return 0;
}
