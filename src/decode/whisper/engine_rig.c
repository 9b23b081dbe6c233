#include "decode/whisper/engine_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "decode/engine.h"
#include "util/mem.h"

static char *test_path(const char *variable, const char *otherwise, const char *name) {
        const char *folder = getenv(variable);

        return xasprintf("%s/%s", folder ? folder : otherwise, name);
}

struct whisper_model *rig_load_model_for(const char *name, enum compute compute) {
        CLEANUP(mem_freep) char *models = models_default_folder();
        CLEANUP(mem_freep) char *path = test_path("EAVESDROP_TEST_MODELS", models, name);
        struct whisper_model *model = NULL;
        struct error error = {0};
        int threads = 2;

#ifdef __SANITIZE_THREAD__
        threads = 1;  // GCC's OpenMP runtime is not instrumented
#endif
        if (access(path, R_OK) != 0) {
                print_message("no model %s: its tests are skipped\n", path);
                return NULL;
        }
        if (whisper_model_load(&model, path, threads, compute, &error) < 0)
                fail_msg("%s", error.text);
        return model;
}

struct whisper_model *rig_load_model(const char *name) {
        return rig_load_model_for(name, COMPUTE_FLOAT32);
}

struct job *rig_read_sound(const char *name) {
        CLEANUP(mem_freep)
        char *path = test_path("EAVESDROP_TEST_DATA", TEST_DATA_DEFAULT, name);
        struct job *job = job_new(RIG_SAMPLES_MAX);
        size_t n = 0;
        ssize_t got;
        int ends[2];
        pid_t child;

        if (access(path, R_OK) != 0) {
                print_message("no %s: its tests are skipped\n", path);
                return job_free(job);
        }
        assert_int_equal(pipe(ends), 0);
        child = fork();
        if (child == 0) {
                dup2(ends[1], STDOUT_FILENO);
                close(ends[0]);
                execlp("ffmpeg", "ffmpeg", "-v", "error", "-i", path, "-f", "f32le", "-ac", "1",
                       "-ar", "16000", "-", (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        while ((got = read(ends[0], (char *)job->samples + n,
                           RIG_SAMPLES_MAX * sizeof(float) - n)) > 0)
                n += (size_t)got;
        close(ends[0]);
        waitpid(child, NULL, 0);
        job->n_samples = n / sizeof(float);
        if (job->n_samples == 0)
                return job_free(job);
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
