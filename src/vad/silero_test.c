#include "vad/silero.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "util/mem.h"
#include "vad/silero_rig.h"

// A golden file has one probability per line: testdata/make_golden.py.
static void assert_probabilities(const char *recording, const char *golden) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        struct sound sound = rig_need_sound(recording);
        CLEANUP(vad_freep) struct vad *vad = vad_new(model);
        FILE *file = fopen(golden, "r");
        char line[64];
        size_t step = 0;

        assert_non_null(file);
        while (fgets(line, sizeof(line), file)) {
                const float expected = strtof(line, NULL);
                float probability;

                assert_true((step + 1) * VAD_CHUNK <= sound.n);
                vad_steps(vad, sound.samples + step * VAD_CHUNK, 1, &probability);
                if (!(fabsf(probability - expected) <= 1e-4f))
                        fail_msg("step %zu: %f, not %f", step, probability, expected);
                step++;
        }
        fclose(file);
        assert_int_equal(step, sound.n / VAD_CHUNK);
        free(sound.samples);
}

static void probabilities_are_those_of_onnxruntime(void **state) {
        (void)state;
        assert_probabilities("misc/jfk.flac", GOLDEN "/vad_jfk.txt");
        assert_probabilities("librispeech-short/1088-134318-0001.flac",
                             GOLDEN "/vad_1088-134318-0001.txt");
}

static float vad_step(struct vad *vad, const float samples[VAD_CHUNK]) {
        float probability;

        vad_steps(vad, samples, 1, &probability);
        return probability;
}

static void noise_fill(float chunk[VAD_CHUNK], uint32_t *seed) {
        for (size_t i = 0; i < VAD_CHUNK; i++) {
                *seed = *seed * 1664525u + 1013904223u;
                chunk[i] = (float)(int32_t)*seed * 0x1p-31f;
        }
}

static void reset_forgets_everything(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(vad_freep) struct vad *vad = vad_new(model);
        float chunk[VAD_CHUNK];
        float first[20];
        uint32_t seed = 1;

        (void)state;
        for (size_t i = 0; i < 20; i++) {
                noise_fill(chunk, &seed);
                first[i] = vad_step(vad, chunk);
        }
        vad_reset(vad);
        seed = 1;
        for (size_t i = 0; i < 20; i++) {
                noise_fill(chunk, &seed);
                assert_true(vad_step(vad, chunk) == first[i]);
        }
}

static void streams_share_a_model_without_touching_each_other(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(vad_freep) struct vad *alone = vad_new(model);
        CLEANUP(vad_freep) struct vad *one = vad_new(model);
        CLEANUP(vad_freep) struct vad *other = vad_new(model);
        float chunk[VAD_CHUNK];
        float expected[20];
        uint32_t seed = 1;
        uint32_t other_seed = 99;

        (void)state;
        for (size_t i = 0; i < 20; i++) {
                noise_fill(chunk, &seed);
                expected[i] = vad_step(alone, chunk);
        }
        seed = 1;
        for (size_t i = 0; i < 20; i++) {
                noise_fill(chunk, &seed);
                assert_true(vad_step(one, chunk) == expected[i]);
                noise_fill(chunk, &other_seed);
                vad_step(other, chunk);
        }
}

static void stepping_never_allocates(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(vad_freep) struct vad *vad = vad_new(model);
        const float silence[VAD_CHUNK] = {0};
        const struct mallinfo2 before = mallinfo2();
        struct mallinfo2 after;

        (void)state;
        for (size_t i = 0; i < 50; i++)
                vad_step(vad, silence);
        after = mallinfo2();
        assert_int_equal(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd);
}

static void extreme_samples_give_probabilities(void **state) {
        CLEANUP(vad_model_freep) struct vad_model *model = rig_need_vad();
        CLEANUP(vad_freep) struct vad *vad = vad_new(model);
        float chunk[VAD_CHUNK];

        (void)state;
        for (size_t i = 0; i < 200; i++) {
                float probability;

                for (size_t s = 0; s < VAD_CHUNK; s++)
                        chunk[s] = (s / (1 + i % 7)) % 2 ? 1.0f : -1.0f;
                probability = vad_step(vad, chunk);
                assert_true(probability >= 0 && probability <= 1);
        }
}

static void what_is_not_the_model_is_refused(void **state) {
        char path[] = "/tmp/eavesdrop-vad-XXXXXX";
        const char header[] = "{\"conv1.weight\":{\"dtype\":\"F32\"}}";
        const uint64_t size = sizeof(header) - 1;
        struct vad_model *model = NULL;
        struct error error = {0};
        int fd = mkostemp(path, O_CLOEXEC);

        (void)state;
        assert_true(fd >= 0);
        assert_int_equal(vad_model_load(&model, path, &error), -EINVAL);
        assert_non_null(strstr(error.text, path));
        assert_int_equal(write(fd, &size, sizeof(size)), sizeof(size));
        assert_int_equal(write(fd, header, size), size);
        assert_int_equal(vad_model_load(&model, path, &error), -EINVAL);
        assert_non_null(strstr(error.text, "stft_conv.weight"));
        assert_non_null(strstr(error.text, "Silero"));
        close(fd);
        unlink(path);
        assert_int_equal(vad_model_load(&model, path, &error), -ENOENT);
        assert_int_equal(vad_model_load(&model, "/", &error), -EINVAL);
        assert_null(model);
        assert_null(vad_model_free(NULL));
        assert_null(vad_free(NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(probabilities_are_those_of_onnxruntime),
                cmocka_unit_test(reset_forgets_everything),
                cmocka_unit_test(streams_share_a_model_without_touching_each_other),
                cmocka_unit_test(stepping_never_allocates),
                cmocka_unit_test(extreme_samples_give_probabilities),
                cmocka_unit_test(what_is_not_the_model_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
