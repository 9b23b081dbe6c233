#pragma once
// Fixture: the model and real recordings for the tests of this folder.
//
// Recordings come from the folder EAVESDROP_TEST_DATA (default: ../shared/data beside the
// project), the model from EAVESDROP_TEST_MODELS (default: where `eavesdrop model fetch` puts
// it). What is absent is said and skipped.

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "speech/vad.h"
#include "util/mem.h"

struct sound {
        float *samples;
        size_t n;
};

static inline char *fixture_vad_path(void) {
        const char *models = getenv("EAVESDROP_TEST_MODELS");  // NOLINT(concurrency-mt-unsafe)
        const char *share = getenv("XDG_DATA_HOME");           // NOLINT(concurrency-mt-unsafe)
        const char *home = getenv("HOME");                     // NOLINT(concurrency-mt-unsafe)
        const char *file = "silero-vad/silero_vad_16k.safetensors";

        if (models)
                return xasprintf("%s/%s", models, file);
        if (share && share[0])
                return xasprintf("%s/eavesdrop/models/%s", share, file);
        return xasprintf("%s/.local/share/eavesdrop/models/%s", home ? home : "", file);
}

// The model, or the test is skipped.
static inline struct vad_model *fixture_vad_model(void) {
        CLEANUP(mem_freep) char *path = fixture_vad_path();
        struct vad_model *model = NULL;
        struct error error = {0};

        if (access(path, R_OK) < 0) {
                print_message("skipped: no VAD model at %s (EAVESDROP_TEST_MODELS)\n", path);
                skip();
        }
        if (vad_model_load(&model, path, &error) < 0)
                fail_msg("%s", error.text);
        return model;
}

static inline int fixture_ffmpeg(const char *path, pid_t *ret_child) {
        int ends[2];
        pid_t child;

        if (pipe(ends) < 0)
                fail_msg("pipe");
        child = fork();
        if (child == 0) {
                dup2(ends[1], STDOUT_FILENO);
                close(ends[0]);
                execlp("ffmpeg", "ffmpeg", "-v", "error", "-nostdin", "-i", path, "-ac", "1",
                       "-ar", "16000", "-f", "f32le", "pipe:1", (char *)NULL);
                _exit(127);
        }
        close(ends[1]);
        *ret_child = child;
        return ends[0];
}

// The recording `name` (inside the folder of test data) as 16 kHz floats, or the test is
// skipped. The caller frees the samples.
static inline struct sound fixture_sound(const char *name) {
        const char *folder = getenv("EAVESDROP_TEST_DATA");  // NOLINT(concurrency-mt-unsafe)
        CLEANUP(mem_freep)
        char *path = xasprintf("%s/%s", folder ? folder : TEST_DATA_DEFAULT, name);
        struct sound sound = {0};
        size_t capacity = 0;
        size_t bytes = 0;
        ssize_t got;
        pid_t child;
        int status;
        int fd;

        if (access(path, R_OK) < 0) {
                print_message("skipped: no recording %s (EAVESDROP_TEST_DATA)\n", path);
                skip();
        }
        fd = fixture_ffmpeg(path, &child);
        do {
                if (capacity - bytes < 65536) {
                        capacity = 2 * capacity + 65536;
                        sound.samples = realloc(sound.samples, capacity);
                        assert_non_null(sound.samples);
                }
                got = read(fd, (uint8_t *)sound.samples + bytes, capacity - bytes);
                bytes += got > 0 ? (size_t)got : 0;
        } while (got > 0);
        close(fd);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (bytes == 0) {
                print_message("skipped: ffmpeg can't read %s\n", path);
                skip();
        }
        sound.n = bytes / sizeof(float);
        return sound;
}
