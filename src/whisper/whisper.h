#pragma once
// Whisper: the engine that runs OpenAI's Whisper models on this machine's processor, and its
// models in memory.
//
// Threads: main thread at start; a loaded model is immutable and shared by all threads.

#include <stdbool.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "whisper/compute.h"

struct engine_ops;
struct whisper_model;

// The engine (decode/engine.h). Its model is a struct whisper_model.
extern const struct engine_ops engine_whisper;

// Shapes of a model.
struct whisper_info {
        const char *format;  // "ctranslate2" or "ggml"
        int n_mels, n_audio_context, n_audio_state, n_audio_heads, n_audio_layers;
        int n_text_context, n_text_state, n_text_heads, n_text_layers, n_vocabulary;
        bool is_multilingual;
        int64_t n_parameters;
};

// What is in the model at `path` (as models_resolve() gives it), without packing it; and how
// many languages it knows (1: English only). The file is checked as for loading.
int whisper_inspect(struct whisper_info *ret, int *ret_n_languages, const char *path,
                    struct error *error);

// Load and pack the weights for this CPU. `threads` is how many each engine uses; `compute` as
// compute_resolve() takes it.
int whisper_model_load(struct whisper_model **ret, const char *path, int threads,
                       enum compute compute, struct error *error);
struct whisper_model *whisper_model_free(struct whisper_model *model);

struct whisper_info whisper_model_info(const struct whisper_model *model);

// The arithmetic that it was loaded for: never COMPUTE_AUTO.
enum compute whisper_model_compute(const struct whisper_model *model);

// True for a language code this model knows ("de"); false for unknown ones and, for
// English-only models, for all but "en".
bool whisper_model_knows_language(const struct whisper_model *model, const char *language);

DEFINE_CLEANUP(struct whisper_model *, whisper_model_free);
