#pragma once
// Rig: what tests of the engine with real models and real sound begin with. Only in tests.
//
// Threads: main thread.

#include <stddef.h>
#include <stdint.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "whisper/model.h"

#define RIG_SEGMENTS_MAX 16

// The model of that name, or NULL, told, where it is not on this machine: skip what needs it.
struct whisper_model *rig_load_model_for(const char *name, enum compute compute);
// As rig_load_model_for(), in float32.
struct whisper_model *rig_load_model(const char *name);

// Set-up and teardown of a group of tests that share one model, tiny.en in float32, as their
// state; and the model in such a test, which is skipped where it is not on this machine.
int rig_setup_tiny(void **state);
int rig_teardown_tiny(void **state);
struct whisper_model *rig_need_tiny(void **state);

// An English job with the sound in a file of the test data (audio/sound_rig.h). NULL, told,
// where it is not on this machine.
struct job *rig_load_job(const char *name);
// As rig_load_job(), or the test that calls this is skipped.
struct job *rig_need_job(const char *name);

// An engine on the model, for engine_whisper's functions.
void *rig_open_engine(const struct whisper_model *model);

// Step until one job is done, and collect it.
const struct job *rig_finish_one(void *state, int *ret_result, struct hypothesis *ret);

// The answer to one job alone, which must succeed.
struct hypothesis rig_answer(void *state, const struct job *job);

// What a job said: the tokens of all segments in a row, which whoever has it frees, the mean
// log probability of each segment, and after how many steps.
struct rig_said {
        int32_t *tokens;
        size_t n;
        float logprobs[RIG_SEGMENTS_MAX];
        size_t n_steps;
};

// What the job says when it is alone in the engine.
struct rig_said rig_say(void *state, const struct job *job);

// The answer to one of the jobs must be what that one said alone: its tokens, and its log
// probabilities to the last bit where products are the same to it (gemm/linear.h); without
// tokens there: that it was cancelled. Frees what the hypothesis holds.
void rig_check_said(const struct job *job, int result, struct hypothesis *hypothesis,
                    struct job *const *jobs, const struct rig_said *alone, size_t n_jobs);

// Step until each of the jobs is done, and check what they say likewise.
void rig_finish_all(void *state, struct job *const *jobs, const struct rig_said *alone,
                    size_t n_jobs);
