#include "whisper/engine_rig.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "decode/engine.h"
#include "decode/job_rig.h"
#include "models/models_rig.h"
#include "util/mem.h"
#include "whisper/cpu/cpu.h"

#define LOGPROB_TOLERANCE 1e-3F

struct whisper_model *rig_load_model_for(const char *name, enum compute compute) {
        CLEANUP(mem_freep) char *path = rig_find_model(name);
        struct whisper_model *model = NULL;
        struct error error = {0};

        if (!path)
                return NULL;
        if (whisper_model_load(&model, path, 2, compute, &error) < 0)
                fail_msg("%s", error.text);
        return model;
}

struct whisper_model *rig_load_model(const char *name) {
        return rig_load_model_for(name, COMPUTE_FLOAT32);
}

int rig_setup_tiny(void **state) {
        *state = rig_load_model("tiny.en");
        return 0;
}

int rig_teardown_tiny(void **state) {
        *state = whisper_model_free(*state);
        return 0;
}

struct whisper_model *rig_need_tiny(void **state) {
        if (!*state)
                skip();
        return *state;
}

struct job *rig_load_job(const char *name) {
        struct sound sound;
        struct job *job;

        if (!rig_load_sound(name, &sound))
                return NULL;
        job = rig_new_job((size_t)JOB_SAMPLES_MAX);
        job->n_samples = sound.n < (size_t)JOB_SAMPLES_MAX ? sound.n : (size_t)JOB_SAMPLES_MAX;
        memcpy(job->samples, sound.samples, job->n_samples * sizeof(float));
        free(sound.samples);
        snprintf(job->hints.language, sizeof(job->hints.language), "en");
        return job;
}

struct job *rig_need_job(const char *name) {
        struct job *job = rig_load_job(name);

        if (!job)
                skip();
        return job;
}

const struct job *rig_finish_one(void *state, int *ret_result, struct hypothesis *ret) {
        const struct job *job = NULL;

        while (engine_whisper.collect(state, &job, ret_result, ret) == ENGINE_E_NONE)
                assert_int_equal(engine_whisper.step(state), 0);
        return job;
}

struct hypothesis rig_answer(void *state, const struct job *job) {
        struct hypothesis hypothesis = {0};
        int result = -1;

        assert_int_equal(engine_whisper.submit(state, job), 0);
        assert_ptr_equal(rig_finish_one(state, &result, &hypothesis), job);
        assert_int_equal(result, 0);
        return hypothesis;
}

void *rig_open_engine(const struct whisper_model *model) {
        void *state = NULL;

        assert_int_equal(engine_whisper.open(&state, model, NULL), 0);
        return state;
}

static struct rig_said said_of(const struct hypothesis *hypothesis) {
        struct rig_said said = {.tokens = xcalloc(4096, sizeof(int32_t))};

        assert_in_range(hypothesis->n_segments, 0, RIG_SEGMENTS_MAX);
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                const struct hypothesis_segment *segment = &hypothesis->segments[i];

                memcpy(said.tokens + said.n, segment->tokens,
                       segment->n_tokens * sizeof(*said.tokens));
                said.n += segment->n_tokens;
                said.logprobs[i] = segment->avg_logprob;
        }
        return said;
}

struct rig_said rig_say(void *state, const struct job *job) {
        struct hypothesis hypothesis = {0};
        const struct job *done = NULL;
        struct rig_said said;
        size_t n_steps = 0;
        int result = -1;

        assert_int_equal(engine_whisper.submit(state, job), 0);
        while (engine_whisper.collect(state, &done, &result, &hypothesis) == ENGINE_E_NONE) {
                assert_int_equal(engine_whisper.step(state), 0);
                n_steps++;
        }
        assert_ptr_equal(done, job);
        assert_int_equal(result, 0);
        said = said_of(&hypothesis);
        said.n_steps = n_steps;
        hypothesis_deinit(&hypothesis);
        return said;
}

// Without AVX-512 the last bits of a product follow the number of its rows (gemm/linear.h).
static void expect_logprobs(const float *said, const float *alone) {
        if (cpu_has_avx512()) {
                assert_memory_equal(said, alone, RIG_SEGMENTS_MAX * sizeof(*said));
                return;
        }
        for (size_t i = 0; i < RIG_SEGMENTS_MAX; i++)
                assert_float_equal(said[i], alone[i], LOGPROB_TOLERANCE);
}

void rig_check_said(const struct job *job, int result, struct hypothesis *hypothesis,
                    struct job *const *jobs, const struct rig_said *alone, size_t n_jobs) {
        struct rig_said said;
        size_t which = 0;

        while (which < n_jobs && jobs[which] != job)
                which++;
        assert_in_range(which, 0, n_jobs - 1);
        if (!alone[which].tokens) {
                assert_int_equal(result, -ECANCELED);
                return;
        }
        assert_int_equal(result, 0);
        said = said_of(hypothesis);
        assert_int_equal(said.n, alone[which].n);
        assert_memory_equal(said.tokens, alone[which].tokens, said.n * sizeof(*said.tokens));
        expect_logprobs(said.logprobs, alone[which].logprobs);
        free(said.tokens);
        hypothesis_deinit(hypothesis);
}

void rig_finish_all(void *state, struct job *const *jobs, const struct rig_said *alone,
                    size_t n_jobs) {
        for (size_t done = 0; done < n_jobs; done++) {
                struct hypothesis hypothesis = {0};
                int result = 1;
                const struct job *job = rig_finish_one(state, &result, &hypothesis);

                rig_check_said(job, result, &hypothesis, jobs, alone, n_jobs);
        }
}
