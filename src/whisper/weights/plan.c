/* The plan: which tensors a Whisper model of given shapes consists of, what OpenAI's checkpoint
 * calls them and where CTranslate2 keeps them.
 *
 * One table serves both formats. A ggml file uses OpenAI's names as they are. CTranslate2 has
 * names of its own, and lays matrices that are multiplied with the same input one below the
 * other: queries, keys and values of self-attention in one, keys and values of cross-attention
 * in another.
 */
#include "whisper/weights/formats.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

// The shapes, in words of the model's dimensions.
enum shape_kind {
        SHAPE_STATE,            // [state]
        SHAPE_SQUARE,           // [state, state]
        SHAPE_WIDE,             // [4 state]: the inner side of the feed-forward network
        SHAPE_UP,               // [4 state, state]
        SHAPE_DOWN,             // [state, 4 state]
        SHAPE_CONV1,            // [state, mels, 3]
        SHAPE_CONV2,            // [state, state, 3]
        SHAPE_AUDIO_POSITIONS,  // [audio context, state]
        SHAPE_TEXT_POSITIONS,   // [text context, state]
        SHAPE_EMBEDDING,        // [vocabulary, state]
};

struct planned {
        const char *name;         // OpenAI's, within the layer
        const char *ctranslate2;  // its name there, within the layer; NULL: not kept, all zero
        enum shape_kind shape;
        int part, n_parts;  // of their tensor; 0 parts means the whole of it
};

static const struct planned plan_self_attention[] = {
        {"attn_ln.weight", "self_attention/layer_norm/gamma", SHAPE_STATE, 0, 0},
        {"attn_ln.bias", "self_attention/layer_norm/beta", SHAPE_STATE, 0, 0},
        {"attn.query.weight", "self_attention/linear_0/weight", SHAPE_SQUARE, 0, 3},
        {"attn.query.bias", "self_attention/linear_0/bias", SHAPE_STATE, 0, 3},
        {"attn.key.weight", "self_attention/linear_0/weight", SHAPE_SQUARE, 1, 3},
        {"attn.key.bias", NULL, SHAPE_STATE, 0, 0},
        {"attn.value.weight", "self_attention/linear_0/weight", SHAPE_SQUARE, 2, 3},
        {"attn.value.bias", "self_attention/linear_0/bias", SHAPE_STATE, 2, 3},
        {"attn.out.weight", "self_attention/linear_1/weight", SHAPE_SQUARE, 0, 0},
        {"attn.out.bias", "self_attention/linear_1/bias", SHAPE_STATE, 0, 0},
};

static const struct planned plan_cross_attention[] = {
        {"cross_attn_ln.weight", "attention/layer_norm/gamma", SHAPE_STATE, 0, 0},
        {"cross_attn_ln.bias", "attention/layer_norm/beta", SHAPE_STATE, 0, 0},
        {"cross_attn.query.weight", "attention/linear_0/weight", SHAPE_SQUARE, 0, 0},
        {"cross_attn.query.bias", "attention/linear_0/bias", SHAPE_STATE, 0, 0},
        {"cross_attn.key.weight", "attention/linear_1/weight", SHAPE_SQUARE, 0, 2},
        {"cross_attn.key.bias", NULL, SHAPE_STATE, 0, 0},
        {"cross_attn.value.weight", "attention/linear_1/weight", SHAPE_SQUARE, 1, 2},
        {"cross_attn.value.bias", "attention/linear_1/bias", SHAPE_STATE, 1, 2},
        {"cross_attn.out.weight", "attention/linear_2/weight", SHAPE_SQUARE, 0, 0},
        {"cross_attn.out.bias", "attention/linear_2/bias", SHAPE_STATE, 0, 0},
};

static const struct planned plan_feed_forward[] = {
        {"mlp_ln.weight", "ffn/layer_norm/gamma", SHAPE_STATE, 0, 0},
        {"mlp_ln.bias", "ffn/layer_norm/beta", SHAPE_STATE, 0, 0},
        {"mlp.0.weight", "ffn/linear_0/weight", SHAPE_UP, 0, 0},
        {"mlp.0.bias", "ffn/linear_0/bias", SHAPE_WIDE, 0, 0},
        {"mlp.2.weight", "ffn/linear_1/weight", SHAPE_DOWN, 0, 0},
        {"mlp.2.bias", "ffn/linear_1/bias", SHAPE_STATE, 0, 0},
};

static const struct planned plan_encoder[] = {
        {"conv1.weight", "conv1/weight", SHAPE_CONV1, 0, 0},
        {"conv1.bias", "conv1/bias", SHAPE_STATE, 0, 0},
        {"conv2.weight", "conv2/weight", SHAPE_CONV2, 0, 0},
        {"conv2.bias", "conv2/bias", SHAPE_STATE, 0, 0},
        {"positional_embedding", "position_encodings/encodings", SHAPE_AUDIO_POSITIONS, 0, 0},
        {"ln_post.weight", "layer_norm/gamma", SHAPE_STATE, 0, 0},
        {"ln_post.bias", "layer_norm/beta", SHAPE_STATE, 0, 0},
};

static const struct planned plan_decoder[] = {
        {"token_embedding.weight", "embeddings/weight", SHAPE_EMBEDDING, 0, 0},
        {"positional_embedding", "position_encodings/encodings", SHAPE_TEXT_POSITIONS, 0, 0},
        {"ln.weight", "layer_norm/gamma", SHAPE_STATE, 0, 0},
        {"ln.bias", "layer_norm/beta", SHAPE_STATE, 0, 0},
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void shape_set(struct weights_tensor *tensor, int64_t a, int64_t b, int64_t c) {
        tensor->shape[0] = a;
        tensor->shape[1] = b;
        tensor->shape[2] = c;
        tensor->n_dimensions = c ? 3 : b ? 2 : 1;
}

static void shape_fill(struct weights_tensor *tensor, enum shape_kind kind,
                       const struct whisper_info *info) {
        int64_t state = info->n_audio_state;

        switch (kind) {
        case SHAPE_STATE:
                return shape_set(tensor, state, 0, 0);
        case SHAPE_SQUARE:
                return shape_set(tensor, state, state, 0);
        case SHAPE_WIDE:
                return shape_set(tensor, 4 * state, 0, 0);
        case SHAPE_UP:
                return shape_set(tensor, 4 * state, state, 0);
        case SHAPE_DOWN:
                return shape_set(tensor, state, 4 * state, 0);
        case SHAPE_CONV1:
                return shape_set(tensor, state, info->n_mels, 3);
        case SHAPE_CONV2:
                return shape_set(tensor, state, state, 3);
        case SHAPE_AUDIO_POSITIONS:
                return shape_set(tensor, info->n_audio_context, state, 0);
        case SHAPE_TEXT_POSITIONS:
                return shape_set(tensor, info->n_text_context, state, 0);
        case SHAPE_EMBEDDING:
                return shape_set(tensor, info->n_vocabulary, state, 0);
        }
}

int64_t shape_elements(const int64_t *shape, int n_dimensions) {
        int64_t n = 1;

        for (int i = 0; i < n_dimensions; i++)
                n *= shape[i];
        return n;
}

static int shape_check(int value, int limit, const char *what, struct error *error) {
        if (value >= 1 && value <= limit)
                return 0;
        return error_set(error, -EBADMSG, "not a Whisper model: %s is %d, expected 1 to %d",
                         what, value, limit);
}

static int info_check(const struct whisper_info *info, struct error *error) {
        const struct {
                int value, limit;
                const char *what;
        } checks[] = {
                {info->n_mels, WEIGHTS_MELS_MAX, "number of mel bins"},
                {info->n_audio_context, WEIGHTS_CONTEXT_MAX, "audio context"},
                {info->n_audio_state, WEIGHTS_STATE_MAX, "width of the encoder"},
                {info->n_audio_heads, WEIGHTS_HEADS_MAX, "number of encoder heads"},
                {info->n_audio_layers, WEIGHTS_LAYERS_MAX, "number of encoder layers"},
                {info->n_text_context, WEIGHTS_CONTEXT_MAX, "text context"},
                {info->n_text_state, WEIGHTS_STATE_MAX, "width of the decoder"},
                {info->n_text_heads, WEIGHTS_HEADS_MAX, "number of decoder heads"},
                {info->n_text_layers, WEIGHTS_LAYERS_MAX, "number of decoder layers"},
                {info->n_vocabulary, WEIGHTS_VOCABULARY_MAX, "size of the vocabulary"},
        };

        for (size_t i = 0; i < N(checks); i++) {
                int r = shape_check(checks[i].value, checks[i].limit, checks[i].what, error);

                if (r < 0)
                        return r;
        }
        if (info->n_text_state != info->n_audio_state)
                return error_set(error, -EBADMSG,
                                 "not a Whisper model: encoder and decoder differ in width, "
                                 "%d and %d",
                                 info->n_audio_state, info->n_text_state);
        if (info->n_audio_state % info->n_audio_heads ||
            info->n_text_state % info->n_text_heads)
                return error_set(error, -EBADMSG,
                                 "not a Whisper model: %d and %d heads do not divide a width "
                                 "of %d",
                                 info->n_audio_heads, info->n_text_heads, info->n_audio_state);
        return 0;
}

#define LAYER_NONE (-1)

static void plan_add(struct weights *weights, const struct planned *planned, size_t n,
                     const char *side, int layer) {
        char ours[WEIGHTS_NAME_MAX] = "", theirs[WEIGHTS_NAME_MAX] = "";

        if (layer != LAYER_NONE) {
                snprintf(ours, sizeof(ours), "blocks.%d.", layer);
                snprintf(theirs, sizeof(theirs), "layer_%d/", layer);
        }
        for (size_t i = 0; i < n; i++) {
                struct weights_tensor *tensor = &weights->tensors[weights->n_tensors++];

                snprintf(tensor->name, sizeof(tensor->name), "%s.%s%s", side, ours,
                         planned[i].name);
                shape_fill(tensor, planned[i].shape, &weights->info);
                if (!planned[i].ctranslate2)
                        continue;
                snprintf(tensor->ctranslate2, sizeof(tensor->ctranslate2), "%s/%s%s", side,
                         theirs, planned[i].ctranslate2);
                tensor->part = planned[i].part;
                tensor->n_parts = planned[i].n_parts ? planned[i].n_parts : 1;
                weights->info.n_parameters +=
                        shape_elements(tensor->shape, tensor->n_dimensions);
        }
}

static int tensor_compare(const void *a, const void *b) {
        const struct weights_tensor *first = a, *second = b;

        return strcmp(first->name, second->name);
}

static int name_compare(const void *name, const void *tensor) {
        return strcmp(name, ((const struct weights_tensor *)tensor)->name);
}

struct weights_tensor *weights_find(const struct weights *weights, const char *name) {
        return bsearch(name, weights->tensors, weights->n_tensors, sizeof(*weights->tensors),
                       name_compare);
}

int weights_plan(struct weights *weights, struct error *error) {
        struct whisper_info *info = &weights->info;
        size_t n;
        int r;

        r = info_check(info, error);
        if (r < 0)
                return r;
        n = N(plan_encoder) + N(plan_decoder) +
            (size_t)info->n_audio_layers * (N(plan_self_attention) + N(plan_feed_forward)) +
            (size_t)info->n_text_layers *
                    (N(plan_self_attention) + N(plan_cross_attention) + N(plan_feed_forward));
        weights->tensors = xcalloc(n, sizeof(*weights->tensors));
        weights->n_tensors = 0;
        info->n_parameters = 0;
        plan_add(weights, plan_encoder, N(plan_encoder), "encoder", LAYER_NONE);
        for (int i = 0; i < info->n_audio_layers; i++) {
                plan_add(weights, plan_self_attention, N(plan_self_attention), "encoder", i);
                plan_add(weights, plan_feed_forward, N(plan_feed_forward), "encoder", i);
        }
        plan_add(weights, plan_decoder, N(plan_decoder), "decoder", LAYER_NONE);
        for (int i = 0; i < info->n_text_layers; i++) {
                plan_add(weights, plan_self_attention, N(plan_self_attention), "decoder", i);
                plan_add(weights, plan_cross_attention, N(plan_cross_attention), "decoder", i);
                plan_add(weights, plan_feed_forward, N(plan_feed_forward), "decoder", i);
        }
        qsort(weights->tensors, weights->n_tensors, sizeof(*weights->tensors), tensor_compare);
        return 0;
}
