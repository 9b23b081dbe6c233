#pragma once
// Dense encoder: the encoder in bf16 or int8, for models whose layers are dense. Between two
// attentions all layers look at rows one by one: so each thread takes a chunk of rows through
// all of them (output projection, both of the feed-forward, the next layer's queries, keys and
// values) while it lies in its cache. The residual stream is float32.
//
// A row's result depends on its window alone, bit for bit.
//
// Threads: belongs to one encoder; uses the model's number of threads.

#include <stddef.h>

#include "whisper/cpu/encoder.h"

struct dense_encoder;

// -ENOMEM.
int dense_encoder_new(struct dense_encoder **ret, const struct whisper_model *model);
struct dense_encoder *dense_encoder_free(struct dense_encoder *encoder);

// As encoder_run() and encoder_project(); the windows were checked.
const float *dense_encoder_run(struct dense_encoder *encoder,
                               const struct encoder_window *windows, size_t n);
const float *dense_encoder_project(struct dense_encoder *encoder, const struct dense *dense);

DEFINE_CLEANUP(struct dense_encoder *, dense_encoder_free);
