#pragma once
// Model: Whisper's weights, packed for this CPU. What whisper_model_load() makes and the engine
// runs on.
//
// Threads: immutable after whisper_model_load(); any thread.

#include <stddef.h>

#include "whisper/alignment_heads.h"
#include "whisper/cpu/gemm/linear.h"
#include "whisper/cpu/gemm/skinny.h"
#include "whisper/log_mel.h"
#include "whisper/tokenizer.h"
#include "whisper/whisper.h"

// The widest state of a decoder (large has 1280).
#define MODEL_STATE_MAX 2048

struct norm {
        float *weight, *bias;  // [n_state]
};

// The encoder's layers see many rows at once: they are oneDNN's in float32, tall in int8
// (cpu/gemm/linear.h).
struct encoder_layer {
        struct norm attention_norm, mlp_norm;
        struct linear *query_key_value;  // [3 * n_state]; queries scaled for the dot product
        struct linear *attention_out;
        struct linear *mlp_in, *mlp_out;
};

// A linear layer for few rows.
struct skinny_layer {
        struct skinny_matrix matrix;
        float *bias;  // [n_columns]
};

// The decoder's layers see a few rows, but for the keys and values of the cross-attention,
// which are computed once for a whole window.
struct decoder_layer {
        struct norm attention_norm, cross_norm, mlp_norm;
        struct skinny_layer query_key_value, attention_out;
        struct skinny_layer cross_query, cross_out;
        struct skinny_layer mlp_in, mlp_out;
        struct linear *cross_key_value;  // [2 * n_state]
};

struct whisper_model {
        struct whisper_info info;
        enum compute compute;  // resolved: never COMPUTE_AUTO
        int threads;           // of each engine
        size_t n_slots;        // jobs in each engine at a time, up to 32; 0: engine's choice
        size_t n_kv_blocks;    // of each engine; 0: engine's choice
        struct tokenizer *tokenizer;
        int32_t blank;  // the token of " "
        struct log_mel *log_mel;

        // As products over three frames laid side by side: [n_state, 3 * n_in].
        struct linear *convolution_1, *convolution_2;
        float *audio_positions;  // [n_audio_context, n_audio_state]
        struct encoder_layer *encoder_layers;
        struct norm encoder_norm;

        struct skinny_matrix
                token_embedding;  // [n_vocabulary, n_text_state], also the logits layer
        float *text_positions;    // [n_text_context, n_text_state]
        struct decoder_layer *decoder_layers;
        struct norm decoder_norm;
        struct decoder_head alignment_heads[ALIGNMENT_HEADS_MAX];
        size_t n_alignment_heads;
};
