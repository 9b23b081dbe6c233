// Files without voice activity: windows of 30 s that follow each other, of a scripted engine.
#include "pipeline/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "cli/batch_rig.h"
#include "decode/scheduler.h"
#include "util/budget.h"
#include "util/mem.h"

// As a Whisper that is sure of the first 20 s of each full window; the second one came out of
// a high temperature.
static int answer_in_part(void *context, const struct job *job, struct hypothesis *ret) {
        rig_answer_plainly(context, job, ret);
        if (job->n_samples == (size_t)30 * AUDIO_RATE)
                ret->n_consumed = (int64_t)20 * AUDIO_RATE;
        ret->segments[0].end = ret->n_consumed;
        ret->segments[0].temperature = job->begin == (int64_t)20 * AUDIO_RATE ? 0.8f : 0;
        return 0;
}

static void test_sequential_windows_seek_and_remember(void **state) {
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;
        const struct seen *seen = rig->seen;

        (void)state;
        rig->options.prompt = xstrdup("Names");
        rig_add_wav(rig, "a.wav", (size_t)65 * AUDIO_RATE, 100);
        text = batch_rig_run(rig, answer_in_part);
        assert_string_equal(text,
                            "at 0.00 level 100\nat 20.00 level 100\nat 40.00 level 100\n");
        assert_int_equal(rig->n_failed, 0);
        assert_int_equal(rig->n_seen, 3);
        assert_int_equal(seen[1].begin, 20 * AUDIO_RATE);
        assert_int_equal(seen[1].n_samples, 30 * AUDIO_RATE);
        assert_int_equal(seen[2].begin, 40 * AUDIO_RATE);
        assert_int_equal(seen[2].n_samples, 25 * AUDIO_RATE);
        assert_true(seen[0].is_single_pass);
        // The language of the first words holds.
        assert_string_equal(seen[0].language, "");
        assert_string_equal(seen[1].language, "de");
        // What was said before is context, until it came out of a high temperature.
        assert_int_equal(seen[0].n_previous, 0);
        assert_true(seen[0].has_prompt);
        assert_int_equal(seen[1].n_previous, 150);
        assert_int_equal(seen[1].previous_last, 149);
        assert_true(seen[1].has_prompt);
        assert_int_equal(seen[2].n_previous, 0);
        assert_false(seen[2].has_prompt);
        free(rig->options.prompt);
        batch_rig_free(rig);
}

static void test_context_is_bounded(void **state) {
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        rig_add_wav(rig, "a.wav", (size_t)90 * AUDIO_RATE, 100);
        text = batch_rig_run(rig, rig_answer_plainly);
        assert_non_null(text);
        assert_int_equal(rig->n_seen, 3);
        assert_int_equal(rig->seen[2].n_previous, 224);
        assert_int_equal(rig->seen[2].previous_last, 149);
        batch_rig_free(rig);
}

// --- clips -----------------------------------------------------------------------------------

static void assert_window(const struct seen *seen, int64_t begin, int64_t end) {
        assert_int_equal(seen->begin, begin * AUDIO_RATE);
        assert_int_equal(seen->begin + (int64_t)seen->n_samples, end * AUDIO_RATE);
}

static void test_only_clips_are_sought_through(void **state) {
        struct batch_rig *rig = batch_rig_new();
        // The second lasts longer than a window; the third is open.
        struct clip items[] = {{(int64_t)3 * AUDIO_RATE, (int64_t)5 * AUDIO_RATE},
                               {(int64_t)80 * AUDIO_RATE, (int64_t)115 * AUDIO_RATE},
                               {(int64_t)199 * AUDIO_RATE, CLIP_OPEN}};
        const struct clips clips = {items, 3};
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        rig->clips = &clips;
        rig_add_clock(rig, "a.wav", 201);
        text = batch_rig_run(rig, answer_in_part);
        // The times are the file's, and so is the sound.
        assert_string_equal(text, "at 3.00 level 3\nat 80.00 level 80\nat 100.00 level 100\n"
                                  "at 199.00 level 199\n");
        assert_int_equal(rig->n_failed, 0);
        assert_int_equal(rig->n_seen, 4);
        assert_window(&rig->seen[0], 3, 5);
        assert_window(&rig->seen[1], 80, 110);
        assert_window(&rig->seen[2], 100, 115);
        assert_window(&rig->seen[3], 199, 201);
        // What was said in the clip before is context.
        assert_int_equal(rig->seen[1].n_previous, 150);
        batch_rig_free(rig);
}

static void test_a_clip_behind_the_end_is_told(void **state) {
        struct batch_rig *rig = batch_rig_new();
        struct clip items[] = {{0, (int64_t)1 * AUDIO_RATE},
                               {(int64_t)2 * AUDIO_RATE, (int64_t)3 * AUDIO_RATE}};
        const struct clips clips = {items, 2};
        CLEANUP(mem_freep) char *text = NULL;
        CLEANUP(mem_freep) char *expected = NULL;

        (void)state;
        rig->clips = &clips;
        rig_add_clock(rig, "short.wav", 2);
        rig_add_clock(rig, "long.wav", 3);
        text = batch_rig_run(rig, rig_answer_plainly);
        // What there is of it is written all the same, and the other file is unharmed.
        expected = xasprintf("%s: at 0.00 level 0\n%s: at 0.00 level 0\n%s: at 2.00 level 2\n",
                             rig->files[0], rig->files[1], rig->files[1]);
        assert_string_equal(text, expected);
        assert_int_equal(rig->n_failed, 1);
        batch_rig_free(rig);
}

// --- what is made up -------------------------------------------------------------------------

// The first window says something at 1 s, and at 28 s what nobody said: one word, hardly
// probable. Later windows say something sure.
static int answer_with_a_ghost(void *context, const struct job *job, struct hypothesis *ret) {
        int64_t begin = job->begin == 0 ? (int64_t)28 * AUDIO_RATE : 0;
        const struct hypothesis_word sure = {AUDIO_RATE, AUDIO_RATE * 3 / 2, (char[]){" Yes."},
                                             0.9f};
        const struct hypothesis_word ghost = {begin, begin + AUDIO_RATE, (char[]){" Thanks."},
                                              0.1f};
        struct hypothesis_segment *segment;

        rig_note(context, job);
        segment = rig_put_segment(ret, AUDIO_RATE, 2 * AUDIO_RATE, xstrdup(" Yes."));
        segment->words = hypothesis_words_copy(&sure, 1);
        segment->n_words = 1;
        if (job->begin == 0) {
                segment = rig_put_segment(ret, begin, begin + AUDIO_RATE, xstrdup(" Thanks."));
                segment->words = hypothesis_words_copy(&ghost, 1);
                segment->n_words = 1;
        }
        ret->n_consumed = (int64_t)job->n_samples;
        memcpy(ret->language, "de", 3);
        return 0;
}

static void test_silence_around_a_ghost_is_skipped(void **state) {
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        rig->options.word_timestamps = DECODE_YES;
        rig->options.hallucination_silence_threshold = 2;
        rig_add_clock(rig, "a.wav", 60);
        text = batch_rig_run(rig, answer_with_a_ghost);
        // Heard again from where it began, with what was sure as context.
        assert_string_equal(text, "Yes.\nYes.\nYes.\n");
        assert_int_equal(rig->n_seen, 3);
        assert_window(&rig->seen[1], 28, 58);
        assert_int_equal(rig->seen[1].n_previous, 150);
        assert_window(&rig->seen[2], 58, 60);
        batch_rig_free(rig);
}

static void test_a_ghost_is_told_unless_asked_not_to(void **state) {
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        rig->options.word_timestamps = DECODE_YES;
        rig_add_clock(rig, "a.wav", 60);
        text = batch_rig_run(rig, answer_with_a_ghost);
        assert_string_equal(text, "Yes.\nThanks.\nYes.\n");
        assert_int_equal(rig->n_seen, 2);
        batch_rig_free(rig);
}

static void test_a_window_is_judged_when_its_surroundings_are_known(void **state) {
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        rig->options.hallucination_silence_threshold = 30;
        rig_add_clock(rig, "a.wav", 200);
        text = batch_rig_run(rig, rig_answer_plainly);
        assert_non_null(text);
        assert_int_equal(rig->n_seen, 7);
        assert_window(&rig->seen[6], 180, 200);
        batch_rig_free(rig);
}

// A file by itself, and the loop that waits for its end.
struct alone {
        struct file *file;
        struct loop *loop;
};

static void alone_on_update(void *context, const struct update *update) {
        (void)context;
        (void)update;
}

static void alone_on_failure(void *context, int64_t begin, int64_t end, int result) {
        (void)context;
        fail_msg("sound is lost from %f s to %f s: %d", pcm_seconds(begin), pcm_seconds(end),
                 result);
}

static void alone_on_progress(void *context) {
        struct alone *alone = context;

        if (file_is_done(alone->file))
                loop_stop(alone->loop);
}

// It may wait for long until others before it are told.
static void test_a_file_that_is_done_keeps_no_sound(void **state) {
        static const float second[AUDIO_RATE];
        struct batch_rig *rig = batch_rig_new();
        struct budget *budget = budget_new(SIZE_MAX);
        struct engine_script *script = engine_script_new(4, rig_answer_plainly, rig);
        struct scheduler_config config = {
                .engine = &engine_scripted, .model = script, .n_engines = 1};
        struct alone alone = {.loop = rig->loop = loop_new()};
        struct file_listener listener = {alone_on_update, alone_on_failure, alone_on_progress,
                                         &alone};
        struct scheduler *scheduler = NULL;
        struct stream_services services;
        struct file_settings settings = rig_file_settings(rig);

        (void)state;
        assert_int_equal(scheduler_open(&scheduler, rig->loop, &config, NULL), 0);
        services = rig_services(rig, scheduler);
        services.budget = budget;
        assert_int_equal(file_open(&alone.file, &services, &settings, &listener), 0);
        for (int i = 0; i < 40; i++)
                file_feed(alone.file, second, AUDIO_RATE);
        assert_true(budget_used(budget, BUDGET_SOUND) >= sizeof(second) * 40);
        file_end(alone.file);
        loop_run(rig->loop);
        assert_int_equal(rig->n_seen, 2);
        assert_true(budget_used(budget, BUDGET_SOUND) <= sizeof(second));
        assert_int_equal(file_duration(alone.file), 40 * AUDIO_RATE);
        file_close(alone.file);
        scheduler_close(scheduler);
        engine_script_free(script);
        loop_free(rig->loop);
        budget_free(budget);
        batch_rig_free(rig);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_sequential_windows_seek_and_remember),
                cmocka_unit_test(test_context_is_bounded),
                cmocka_unit_test(test_only_clips_are_sought_through),
                cmocka_unit_test(test_a_clip_behind_the_end_is_told),
                cmocka_unit_test(test_silence_around_a_ghost_is_skipped),
                cmocka_unit_test(test_a_ghost_is_told_unless_asked_not_to),
                cmocka_unit_test(test_a_window_is_judged_when_its_surroundings_are_known),
                cmocka_unit_test(test_a_file_that_is_done_keeps_no_sound),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
