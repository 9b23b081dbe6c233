#pragma once
// Rig: what tests of the engine with real models and real sound begin with. Only in tests.
//
// Threads: main thread.

#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "decode/whisper/model.h"

#define RIG_SAMPLES_MAX 480000

// The model of that name, or NULL, told, where it is not on this machine: skip what needs it.
struct whisper_model *rig_load_model_for(const char *name, enum compute compute);
// The same in float32.
struct whisper_model *rig_load_model(const char *name);

// An English job with the sound in a file of the test data, by ffmpeg; NULL, told, without the
// data.
struct job *rig_read_sound(const char *name);

// An engine on the model, for engine_whisper's functions.
void *rig_open_engine(const struct whisper_model *model);

// Step until one job is done, and collect it.
const struct job *rig_finish_one(void *state, int *ret_result, struct hypothesis *ret);

// All of one hypothesis's tokens in a row; the caller frees them.
int32_t *rig_tokens(const struct hypothesis *hypothesis, size_t *ret_n);

// What one job says when it is alone in the engine, as rig_tokens(), and after how many steps
// (NULL: not wanted).
int32_t *rig_say(void *state, const struct job *job, size_t *ret_n, size_t *ret_n_steps);
