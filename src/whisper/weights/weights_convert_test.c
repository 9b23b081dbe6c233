// One model in both formats: tools/make-ggml converts tiny.en, and every number has to
// come out as it went in, as far as its type can hold it. And models of every published size,
// made up: files full of holes, with the right shapes.

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "models/models_rig.h"
#include "util/mem.h"
#include "whisper/weights/formats.h"

#define BLOCK 32

// EAVESDROP_TEST_PYTHON, or the tests' own Python, which has numpy; else the system's.
static const char *python_path(void) {
        const char *wanted = getenv("EAVESDROP_TEST_PYTHON");  // NOLINT(concurrency-mt-unsafe)
        static const char own[] = PROJECT_FOLDER "/build/venv/bin/python";

        return wanted ? wanted : access(own, X_OK) == 0 ? own : "python3";
}

// Its wait status. What it says goes to `out` and what it complains of to `complaints`, where
// these are not NULL.
static int child_run(const char *const *arguments, const char *out, const char *complaints) {
        posix_spawn_file_actions_t actions;
        int status;
        pid_t child;

        posix_spawn_file_actions_init(&actions);
        if (out)
                posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, out,
                                                 O_WRONLY | O_TRUNC, 0);
        if (complaints)
                posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, complaints, O_WRONLY,
                                                 0);
        assert_int_equal(posix_spawnp(&child, arguments[0], &actions, NULL,
                                      (char *const *)arguments, environ),
                         0);
        posix_spawn_file_actions_destroy(&actions);
        assert_int_equal(waitpid(child, &status, 0), child);
        return status;
}

static void file_remove(char **path) {
        unlink(*path);
        free(*path);
}

static char *file_new(void) {
        char *path = xstrdup("/tmp/weights-convert-test-XXXXXX");
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        close(fd);
        return path;
}

// The first two are make-ggml's: a folder and the file, or "--made-up=SIZE" and the file.
static struct weights *ggml_make(const char *source, const char *path, const char *type) {
        static const char script[] = PROJECT_FOLDER "/tools/make-ggml";
        const char *arguments[] = {python_path(), script, source, path, "--type", type, NULL};
        struct weights *weights = NULL;
        struct error error;

        assert_int_equal(child_run(arguments, NULL, NULL), 0);
        if (weights_open(&weights, path, &error) < 0)
                fail_msg("%s: %s", type, error.text);
        return weights;
}

// --- conversion -----------------------------------------------------------------------------

// Or the test is skipped.
static char *original_need(void) {
        char *path = rig_find_model("tiny.en");

        if (!path)
                skip();
        return path;
}

static struct weights *original_open(const char *path) {
        struct weights *weights = NULL;
        struct error error;

        if (weights_open(&weights, path, &error) < 0)
                fail_msg("%s", error.text);
        return weights;
}

static void numpy_need(void) {
        const char *arguments[] = {python_path(), "-c", "import numpy", NULL};

        if (child_run(arguments, NULL, "/dev/null") != 0) {
                print_message("skipped: %s has no numpy (EAVESDROP_TEST_PYTHON)\n",
                              python_path());
                skip();
        }
}

// How far off a number is in half precision, which for small ones has steps of 2^-24.
static float half_error(float value) {
        return fmaxf(fabsf(value) * 0x1p-11F, 0x1p-25F);
}

// How far off a value may be, `steps` of its block, whose largest quantum is `quanta`.
static float step_error(float step, float steps, float quanta) {
        return 1.001F * (steps * step + quanta * half_error(step));
}

// How far a value may be off in a block of the type. The symmetric kinds have one quantum less
// on the side away from the largest value, so that a value there may be off by a whole step;
// all others by half a step.
static float tolerance(enum element_type type, const float *block) {
        float low = block[0], high = block[0], largest;

        for (int i = 1; i < BLOCK; i++) {
                low = fminf(low, block[i]);
                high = fmaxf(high, block[i]);
        }
        largest = fmaxf(fabsf(low), fabsf(high));
        switch (type) {
        case ELEMENT_Q4_0:
                return step_error(largest / 8, 1, 8);
        case ELEMENT_Q5_0:
                return step_error(largest / 16, 1, 16);
        case ELEMENT_Q4_1:
                return step_error((high - low) / 15, 0.5F, 15) + half_error(low);
        case ELEMENT_Q5_1:
                return step_error((high - low) / 31, 0.5F, 31) + half_error(low);
        case ELEMENT_Q8_0:
                return step_error(largest / 127, 0.5F, 127);
        default:
                return 0;  // tiny.en is published in f16, which f16 and f32 hold exactly
        }
}

static void assert_close(const struct weights_tensor *tensor, const float *original,
                         const float *converted, int64_t n) {
        for (int64_t begin = 0; begin < n; begin += BLOCK) {
                float limit = tolerance(tensor->type, original + begin);

                for (int64_t i = begin; i < begin + BLOCK; i++)
                        if (!(fabsf(original[i] - converted[i]) <= limit))
                                fail_msg("%s[%d] is %g, not %g within %g", tensor->name, (int)i,
                                         converted[i], original[i], limit);
        }
}

static void assert_model_close(const struct weights *original, const struct weights *converted,
                               enum element_type type) {
        const size_t n_max = (size_t)weights_info(original)->n_vocabulary *
                             weights_info(original)->n_text_state;
        float *first = xcalloc(n_max, sizeof(*first)),
              *second = xcalloc(n_max, sizeof(*second));
        bool has_type = false;

        assert_int_equal(original->n_tensors, converted->n_tensors);
        for (size_t t = 0; t < original->n_tensors; t++) {
                const struct weights_tensor *tensor = &converted->tensors[t];
                int64_t n = shape_elements(tensor->shape, tensor->n_dimensions);

                assert_int_equal(weights_copy(original, tensor->name, first, (size_t)n), 0);
                assert_int_equal(weights_copy(converted, tensor->name, second, (size_t)n), 0);
                assert_close(tensor, first, second, n);
                has_type |= tensor->type == type;
        }
        assert_true(has_type);
        free(first);
        free(second);
}

static void assert_tokens_equal(const struct weights *original,
                                const struct weights *converted) {
        // Text tokens only: ggml does not list the specials.
        for (int32_t id = 0; id < 50256; id++) {
                size_t first_length, second_length;
                const char *first = weights_token(original, id, &first_length);
                const char *second = weights_token(converted, id, &second_length);

                assert_int_equal(first_length, second_length);
                assert_memory_equal(first, second, first_length);
        }
}

static void conversions_are_close(void **state) {
        static const struct {
                const char *name;
                enum element_type type;
        } types[] = {
                {"f32", ELEMENT_F32},   {"f16", ELEMENT_F16},   {"q8_0", ELEMENT_Q8_0},
                {"q5_1", ELEMENT_Q5_1}, {"q5_0", ELEMENT_Q5_0}, {"q4_1", ELEMENT_Q4_1},
                {"q4_0", ELEMENT_Q4_0},
        };
        CLEANUP(mem_freep) char *folder = original_need();
        CLEANUP(weights_closep) struct weights *original = original_open(folder);

        (void)state;
        numpy_need();
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                CLEANUP(file_remove) char *path = file_new();
                CLEANUP(weights_closep)
                struct weights *converted = ggml_make(folder, path, types[i].name);

                assert_model_close(original, converted, types[i].type);
                assert_tokens_equal(original, converted);
                assert_non_null(weights_mel_filters(converted));
        }
}

// --- whisper.cpp ----------------------------------------------------------------------------

// Its program, named by EAVESDROP_TEST_WHISPER_CPP, hears the same in what was converted.
static void whisper_cpp_reads_conversions(void **state) {
        // NOLINTNEXTLINE(concurrency-mt-unsafe)
        const char *program = getenv("EAVESDROP_TEST_WHISPER_CPP");
        CLEANUP(mem_freep) char *sound = rig_find_data("misc/jfk.flac");
        static const char *const types[] = {"f16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"};
        CLEANUP(mem_freep) char *folder = original_need();

        (void)state;
        if (!program || !sound) {
                print_message("skipped: no whisper-cli (EAVESDROP_TEST_WHISPER_CPP), or no "
                              "sound for it\n");
                skip();
                return;
        }
        numpy_need();
        for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
                CLEANUP(file_remove) char *path = file_new();
                CLEANUP(file_remove) char *text_path = file_new();
                const char *arguments[] = {program, "-m", path,  "-nt",
                                           "-ng",   "-f", sound, NULL};
                char text[1024] = "";
                FILE *file;

                weights_close(ggml_make(folder, path, types[i]));
                assert_int_equal(child_run(arguments, text_path, "/dev/null"), 0);
                file = fopen(text_path, "re");
                assert_non_null(file);
                text[fread(text, 1, sizeof(text) - 1, file)] = 0;
                fclose(file);
                if (!strstr(text, "sk not what your country can do for you"))
                        fail_msg("%s: it heard '%s'", types[i], text);
        }
}

// --- sizes ----------------------------------------------------------------------------------

static void every_size_is_read(void **state) {
        // As OpenAI counts them, with the encoder's positions.
        static const struct {
                const char *name, *type;
                int n_mels, n_audio_layers, n_text_layers, n_vocabulary;
                int64_t n_parameters;
        } sizes[] = {
                {"tiny.en", "q4_0", 80, 4, 4, 51864, 37760256},
                {"tiny", "f32", 80, 4, 4, 51865, 37760640},
                {"base", "q8_0", 80, 6, 6, 51865, 72593920},
                {"small", "f16", 80, 12, 12, 51865, 241734912},
                {"medium", "q5_0", 80, 24, 24, 51865, 763857920},
                {"large-v2", "q5_1", 80, 32, 32, 51865, 1543304960},
                {"large-v3", "f16", 128, 32, 32, 51866, 1543490560},
                {"large-v3-turbo", "q4_1", 128, 32, 4, 51866, 808878080},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                CLEANUP(file_remove) char *path = file_new();
                CLEANUP(mem_freep) char *option = xasprintf("--made-up=%s", sizes[i].name);
                CLEANUP(weights_closep)
                struct weights *weights = ggml_make(option, path, sizes[i].type);
                const struct whisper_info *info = weights_info(weights);

                assert_int_equal(info->n_mels, sizes[i].n_mels);
                assert_int_equal(info->n_audio_layers, sizes[i].n_audio_layers);
                assert_int_equal(info->n_text_layers, sizes[i].n_text_layers);
                assert_int_equal(info->n_vocabulary, sizes[i].n_vocabulary);
                assert_int_equal(info->n_parameters, sizes[i].n_parameters);
                assert_int_equal(info->is_multilingual, i != 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(conversions_are_close),
                cmocka_unit_test(whisper_cpp_reads_conversions),
                cmocka_unit_test(every_size_is_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
