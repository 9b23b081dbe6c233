#pragma once
// Encoder: log-mel windows to audio features, several windows at once. Windows lie end to end
// in one tall matrix: the linear layers see all rows, attention stays within each window.
//
// Threads: one encoder belongs to one engine.

#include <stddef.h>

#include "decode/whisper/model.h"
#include "util/cleanup.h"

// Frames of a full window, and rows that the encoder makes of them.
#define ENCODER_FRAMES 3000
#define ENCODER_ROWS   1500

struct encoder;

// One window's log-mel, [n_frames, n_mels], time-major. At most ENCODER_FRAMES; the rest of the
// window is zeros, as faster-whisper pads.
struct encoder_window {
        const float *log_mel;
        size_t n_frames;
};

// Scratch for up to `n_windows` at once. -ENOMEM.
int encoder_new(struct encoder **ret, const struct whisper_model *model,
                struct tensor_context *context, size_t n_windows);
struct encoder *encoder_free(struct encoder *encoder);

// Encode the windows. *ret is [n * ENCODER_ROWS, n_audio_state], lent until the next call.
int encoder_run(struct encoder *encoder, const struct encoder_window *windows, size_t n,
                const float **ret);

// One layer for all rows of the last encoder_run(), into scratch that is lent until the next
// call: for the decoder's cross-attention.
int encoder_project(struct encoder *encoder, const struct linear *linear, size_t n_out,
                    const float **ret);

DEFINE_CLEANUP(struct encoder *, encoder_free);
