#pragma once
// Fused encoder: the encoder in int8, for models whose layers are tall (tall_layer.h).
// Between two attentions all layers look at rows one by one: so each thread takes a chunk of
// rows through all of them (output projection, both of the feed-forward, the next layer's
// queries, keys and values) while it lies in its cache. The residual stream is float32.
//
// A row's result depends on its window alone, bit for bit.
//
// Threads: belongs to one encoder; uses the team's.

#include <stddef.h>

#include "whisper/cpu/encoder.h"

struct fused_encoder;

// -ENOMEM.
int fused_encoder_new(struct fused_encoder **ret, const struct whisper_model *model,
                      struct team *team);
struct fused_encoder *fused_encoder_free(struct fused_encoder *encoder);

// As encoder_run() and encoder_project(); the windows were checked.
const float *fused_encoder_run(struct fused_encoder *encoder,
                               const struct encoder_window *windows, size_t n);
const float *fused_encoder_project(struct fused_encoder *encoder,
                                   const struct tall_layer *layer);

DEFINE_CLEANUP(struct fused_encoder *, fused_encoder_free);
