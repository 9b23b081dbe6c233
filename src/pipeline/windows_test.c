// From sound to windows and jobs, with the real network.
#include "pipeline/windows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "util/budget.h"
#include "vad/silero_rig.h"

#define WINDOWS_MAX 8

struct taken {
        struct windows windows;
        struct window all[WINDOWS_MAX];
        size_t n;
        size_t n_jobs;
};

static void taken_on_window(void *context, const struct window *window) {
        struct taken *taken = context;
        struct job *job = windows_job(&taken->windows, window->begin, window->end);

        assert_true(taken->n < WINDOWS_MAX);
        taken->all[taken->n++] = *window;
        if (job)
                taken->n_jobs++;
        job_free(job);
}

// What is taken of a sound by windows that keep at most so much of it.
static void take(struct taken *taken, const struct sound *sound, size_t capacity,
                 const struct clips *clips) {
        struct stream_counts counts = {0};
        struct vad_model *vad = rig_need_vad();
        struct budget *budget = budget_new(SIZE_MAX);
        struct stream_services services = {.vad = vad, .counts = &counts, .budget = budget};
        struct segmenter_config pauses = segmenter_config_default();
        struct decode_options options = decode_options_default();
        struct windows_settings settings = {
                .capacity = capacity,
                .pauses = &pauses,
                .clips = clips,
                .options = &options,
                .on_window = taken_on_window,
                .context = taken,
        };
        int64_t n_taken = 0;

        *taken = (struct taken){0};
        assert_int_equal(windows_init(&taken->windows, &services, &settings), 0);
        assert_true(budget_used(budget, BUDGET_SOUND) > 0);
        windows_feed(&taken->windows, sound->samples, sound->n);
        windows_flush(&taken->windows);
        for (size_t i = 0; i < taken->n; i++)
                n_taken += taken->all[i].end - taken->all[i].begin;
        // All that was judged is in a window or silent, once.
        assert_true((int64_t)counts.samples_silent + n_taken <= (int64_t)sound->n);
        windows_deinit(&taken->windows);
        assert_int_equal(budget_used(budget, BUDGET_SOUND), 0);
        budget_free(budget);
        vad_model_free(vad);
}

static void windows_are_jobs_and_do_not_overlap(void **state) {
        struct sound sound = rig_need_sound("misc/jfk.flac");
        struct taken taken;

        (void)state;
        take(&taken, &sound, (size_t)32 * AUDIO_RATE, &clips_whole);
        assert_true(taken.n > 1);
        assert_int_equal(taken.n_jobs, taken.n);
        for (size_t i = 1; i < taken.n; i++)
                assert_true(taken.all[i].begin >= taken.all[i - 1].end);
        free(sound.samples);
}

static void what_the_ring_had_no_room_for_is_left_out(void **state) {
        struct sound sound = rig_need_sound("misc/jfk.flac");
        struct taken taken;

        (void)state;
        take(&taken, &sound, (size_t)2 * AUDIO_RATE, &clips_whole);
        assert_true(taken.n > 1);
        assert_int_equal(taken.n_jobs, taken.n);
        for (size_t i = 0; i < taken.n; i++) {
                const struct window *window = &taken.all[i];
                int64_t length = window->end - window->begin;

                assert_true(length <= (int64_t)2 * AUDIO_RATE);
                assert_true(activity_within(&window->speech, 0, length) > length / 4);
        }
        free(sound.samples);
}

static void only_clips_are_heard(void **state) {
        struct sound sound = rig_need_sound("misc/jfk.flac");
        struct clip clip = {(int64_t)4 * AUDIO_RATE, (int64_t)7 * AUDIO_RATE};
        struct taken taken;

        (void)state;
        take(&taken, &sound, (size_t)32 * AUDIO_RATE, &(struct clips){&clip, 1});
        assert_true(taken.n > 0);
        for (size_t i = 0; i < taken.n; i++) {
                assert_true(taken.all[i].begin >= clip.begin);
                assert_true(taken.all[i].end <= clip.end);
        }
        free(sound.samples);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(windows_are_jobs_and_do_not_overlap),
                cmocka_unit_test(what_the_ring_had_no_room_for_is_left_out),
                cmocka_unit_test(only_clips_are_heard),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
