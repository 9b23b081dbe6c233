#pragma once
// Stages: the engine's encoder and decoder, each by itself: how long they take, and what comes
// out of them.
//
// Threads: one; the model says how many work for it.
// Memory:  the sounds are lent.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "decode/job.h"
#include "util/cleanup.h"
#include "whisper/context.h"
#include "whisper/model.h"

// Sequences in a step, and tokens of a sequence, at most.
#define STAGES_SEQUENCES_MAX 32
#define STAGES_TOKENS_MAX    200

struct stages;

// Encoder, decoder, and memory for what STAGES_SEQUENCES_MAX sequences listen to, in short
// contexts and in full ones. Negative error.
int stages_new(struct stages **ret, const struct whisper_model *model, struct error *error);
struct stages *stages_free(struct stages *stages);

// Seconds of the encoder for the first n_frames of a sound (0: all). Negative error.
double stages_encode(struct stages *stages, const struct job *job, size_t n_frames,
                     const struct context_shape *shape);

// Seconds from the sound's samples to the first two tokens of its text. Negative error.
double stages_first_token(struct stages *stages, const struct job *job);

// Write a sound's log-mel, float32 [frames, n_mels].
void stages_log_mel(struct stages *stages, const struct job *job, FILE *file);

// Write the encoder's output for a sound's first window, float32 [rows of its context,
// n_audio_state]; *ret_n_plain is how many of the rows, the first ones, are of the sound and
// its margin. Negative error.
int stages_features(struct stages *stages, const struct job *job,
                    const struct context_shape *shape, FILE *file, size_t *ret_n_plain);

// Write the logits of the token behind the prompt and behind each token of a sound in its short
// context, taken for English and without timestamps, float32 [1 + tokens, n_vocabulary]. The
// tokens are those given, or without any those that are likeliest, until the text's end; they
// are left in tokens[STAGES_TOKENS_MAX] and *n_tokens. Negative error.
int stages_logits(struct stages *stages, const struct job *job, int32_t *tokens,
                  size_t *n_tokens, FILE *file);

// Let go of what the sounds said, before they go.
void stages_forget(struct stages *stages);

struct steps_plan {
        struct job *const *jobs;
        size_t n_jobs;
        size_t n_sequences;  // sequence i listens to job i % n_jobs
        size_t n_tokens;     // steps that are timed
        const struct context_shape *shape;
};

// The median seconds of one step, for all sequences together: decoder, rules and choice of the
// next token, the likeliest but the end of the text. The sounds are encoded the first time, and
// kept until stages_forget(). *ret_n_keys is the mean number of rows that
// a sequence listens to. Negative error.
double stages_steps(struct stages *stages, const struct steps_plan *plan, double *ret_n_keys);

DEFINE_CLEANUP(struct stages *, stages_free);
