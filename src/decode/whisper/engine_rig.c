#include "decode/whisper/engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "decode/engine.h"
#include "decode/models_rig.h"
#include "util/mem.h"

struct whisper_model *rig_load_model_for(const char *name, enum compute compute) {
        CLEANUP(mem_freep) char *path = rig_find_model(name);
        struct whisper_model *model = NULL;
        struct error error = {0};
        int threads = 2;

#ifdef __SANITIZE_THREAD__
        threads = 1;  // GCC's OpenMP runtime is not instrumented
#endif
        if (!path)
                return NULL;
        if (whisper_model_load(&model, path, threads, compute, &error) < 0)
                fail_msg("%s", error.text);
        return model;
}

struct whisper_model *rig_load_model(const char *name) {
        return rig_load_model_for(name, COMPUTE_FLOAT32);
}

struct job *rig_read_sound(const char *name) {
        struct sound sound;
        struct job *job;

        if (!rig_load_sound(name, &sound))
                return NULL;
        job = job_new(RIG_SAMPLES_MAX);
        job->n_samples = sound.n < RIG_SAMPLES_MAX ? sound.n : RIG_SAMPLES_MAX;
        memcpy(job->samples, sound.samples, job->n_samples * sizeof(float));
        free(sound.samples);
        snprintf(job->options.language, sizeof(job->options.language), "en");
        return job;
}

const struct job *rig_finish_one(void *state, int *ret_result, struct hypothesis *ret) {
        const struct job *job = NULL;

        while (engine_whisper.collect(state, &job, ret_result, ret) == ENGINE_E_NONE)
                assert_int_equal(engine_whisper.step(state), 0);
        return job;
}

void *rig_open_engine(const struct whisper_model *model) {
        void *state = NULL;

        assert_int_equal(engine_whisper.open(&state, model, NULL), 0);
        return state;
}

int32_t *rig_tokens(const struct hypothesis *hypothesis, size_t *ret_n) {
        int32_t *tokens = xcalloc(4096, sizeof(*tokens));

        *ret_n = 0;
        for (size_t i = 0; i < hypothesis->n_segments; i++) {
                const struct hypothesis_segment *segment = &hypothesis->segments[i];

                memcpy(tokens + *ret_n, segment->tokens, segment->n_tokens * sizeof(*tokens));
                *ret_n += segment->n_tokens;
        }
        return tokens;
}

int32_t *rig_say(void *state, const struct job *job, size_t *ret_n, size_t *ret_n_steps) {
        struct hypothesis hypothesis = {0};
        const struct job *done = NULL;
        size_t n_steps = 0;
        int result = -1;
        int32_t *tokens;

        assert_int_equal(engine_whisper.submit(state, job), 0);
        while (engine_whisper.collect(state, &done, &result, &hypothesis) == ENGINE_E_NONE) {
                assert_int_equal(engine_whisper.step(state), 0);
                n_steps++;
        }
        assert_ptr_equal(done, job);
        assert_int_equal(result, 0);
        tokens = rig_tokens(&hypothesis, ret_n);
        hypothesis_deinit(&hypothesis);
        if (ret_n_steps)
                *ret_n_steps = n_steps;
        return tokens;
}
