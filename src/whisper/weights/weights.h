#pragma once
// Weights: a model file as it lies on disk: shapes, named tensors, vocabulary. Reads
// CTranslate2 folders (faster-whisper) and ggml .bin files (whisper.cpp), f32, f16, and
// quantised q4_0, q4_1, q5_0, q5_1, q8_0 (ggml) or int8, int16, float16, bfloat16
// (CTranslate2).
//
// Every size in the file is checked before it is used; the file is mapped, not read, so that
// closing the weights gives the memory back once the engine has packed what it needs.
//
// Threads: main thread at start.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"
#include "whisper/whisper.h"

struct weights;

// Open and check the file or folder at `path`: -ENOENT, -EBADMSG for what is no Whisper model,
// with the words. Every tensor that the shapes ask for is known to be there, with its size.
int weights_open(struct weights **ret, const char *path, struct error *error);
struct weights *weights_close(struct weights *weights);

// Shapes; n_parameters is the count of all tensor elements.
const struct whisper_info *weights_info(const struct weights *weights);

// Copy the tensor with OpenAI's name into ret[n] as float, row-major, in PyTorch's orientation
// (a linear layer is [out, in], a convolution [out, in, width]):
//     encoder.conv1.weight encoder.conv2.bias encoder.positional_embedding
//     encoder.blocks.0.attn.{query,key,value,out}.{weight,bias}  (key has no bias: zeros)
//     encoder.blocks.0.attn_ln.weight ... mlp_ln.weight mlp.0.weight mlp.2.bias
//     encoder.ln_post.weight decoder.token_embedding.weight decoder.positional_embedding
//     decoder.blocks.0.cross_attn.query.weight cross_attn_ln.weight ... decoder.ln.weight
// -ENOENT for a name the model does not have, -EINVAL when `n` is not its size.
int weights_copy(const struct weights *weights, const char *name, float *ret, size_t n);

// The mel filter bank in the file, [n_mels, 201]; NULL when it has none (CTranslate2): then it
// is computed.
const float *weights_mel_filters(const struct weights *weights);

// Vocabulary: the bytes of token `id` (not zero-terminated; special tokens have their "<|...|>"
// form or length 0), for id in [0, n_vocabulary).
const char *weights_token(const struct weights *weights, int32_t id, size_t *ret_length);

DEFINE_CLEANUP(struct weights *, weights_close);
