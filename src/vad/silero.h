#pragma once
// VAD: how likely is it that these 32 ms are speech? Silero VAD v6, 16 kHz, in C.
//
// Threads: a vad_model is immutable after loading and shared by all; a vad belongs to one
//          thread at a time.
// Memory:  vad_steps() never allocates.

#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"

#define VAD_CHUNK 512  // samples per step: 32 ms; the network's own frame

// Below this probability the detector is sure that nobody speaks. Its threshold for speech is
// 0.5; the weakest onsets of the test recordings pass here some chunks before they pass there.
#define VAD_QUIET 0.1f

struct vad_model;
struct vad;

// Load silero_vad_16k.safetensors. -EINVAL for a file that is not it, with the words.
int vad_model_load(struct vad_model **ret, const char *path, struct error *error);
struct vad_model *vad_model_free(struct vad_model *model);

// One stream's detector state (LSTM and 64 samples of context). The model must outlive it.
struct vad *vad_new(const struct vad_model *model);
struct vad *vad_free(struct vad *vad);

// Forget the past, as at the start of a stream.
void vad_reset(struct vad *vad);

// Probabilities of speech, 0..1, in the next `n_chunks` times VAD_CHUNK samples. The same, bit
// by bit, however many are asked for at once; more at once take less time each.
void vad_steps(struct vad *vad, const float *samples, size_t n_chunks, float *ret);

DEFINE_CLEANUP(struct vad_model *, vad_model_free);
DEFINE_CLEANUP(struct vad *, vad_free);
