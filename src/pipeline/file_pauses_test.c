// Files that are cut at pauses by the real network; the engine is scripted.
#include "pipeline/file.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "cli/batch_rig.h"
#include "decode/scheduler.h"
#include "source/media.h"
#include "util/mem.h"
#include "vad/silero_rig.h"

// The first window of a file holds no words.
static int answer_late(void *context, const struct job *job, struct hypothesis *ret) {
        if (job->id > 1)
                return rig_answer_plainly(context, job, ret);
        rig_note(context, job);
        memcpy(ret->language, "cy", 3);
        return 0;
}

// Two of the first three windows are taken for German, none of them surely.
static int answer_unsure(void *context, const struct job *job, struct hypothesis *ret) {
        struct batch_rig *rig = context;

        if (!job->hints.only_detects_language)
                return rig_answer_plainly(context, job, ret);
        memcpy(ret->language, rig->n_seen == 0 ? "cy" : "de", 3);
        ret->language_probability = 0.4f;
        rig_note(context, job);
        return 0;
}

// One file by itself, whose engine waits until all is read.
struct solo {
        struct batch_rig *rig;
        struct engine_script *script;
        struct file *file;
        size_t n_segments;
        unsigned n_submitted;  // when all was read, and nothing answered
};

static void solo_on_update(void *context, const struct update *update) {
        struct solo *solo = context;

        for (size_t i = 0; i < update->n_finals; i++)
                assert_true(update->finals[i].is_final);
        solo->n_segments += update->n_finals;
}

static void solo_on_failure(void *context, int64_t begin, int64_t end, int result) {
        (void)context;
        fail_msg("[%" PRId64 ", %" PRId64 ") is lost: %d", begin, end, result);
}

static void solo_on_progress(void *context) {
        struct solo *solo = context;

        if (file_is_done(solo->file))
                loop_stop(solo->rig->loop);
}

static void solo_on_samples(void *context, const float *samples, size_t n) {
        struct solo *solo = context;

        file_feed(solo->file, samples, n);
}

static void solo_on_read(void *context, const struct error *error) {
        struct solo *solo = context;

        (void)error;  // some versions of ffmpeg find fault with the chain
        file_end(solo->file);
        solo->n_submitted = engine_script_submitted(solo->script);
        engine_script_release(solo->script);
}

// The rig's file, alone, by an engine that begins when all is read; `check` is told of it.
static void solo_run(engine_answer answer, bool is_watched,
                     void (*check)(const struct solo *solo)) {
        struct vad_model *vad = rig_need_vad();
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(engine_script_freep)
        struct engine_script *script = engine_script_new(4, answer, rig);
        struct scheduler_config config = {
                .engine = &engine_scripted, .model = script, .n_engines = 1};
        struct solo solo = {.rig = rig, .script = script};
        struct file_listener listener = {solo_on_update, solo_on_failure, solo_on_progress,
                                         &solo};
        struct media_listener media_listener = {
                .on_samples = solo_on_samples, .on_end = solo_on_read, .context = &solo};
        struct stream_services services;
        struct file_settings settings;
        struct media *media;
        struct scheduler *scheduler = NULL;

        rig->vad = vad;
        rig_begin(rig);
        rig_add_speech(rig);
        assert_int_equal(scheduler_open(&scheduler, rig->loop, &config, NULL), 0);
        services = rig_services(rig, scheduler);
        settings = rig_file_settings(rig);
        settings.awaits_language &= !is_watched;
        rig->pauses.window_early = is_watched ? rig->pauses.window_max / 2 : 0;
        engine_script_hold(script);
        assert_int_equal(file_open(&solo.file, &services, &settings, &listener), 0);
        assert_int_equal(
                media_open_file(&media, rig->media, rig->files[0], "", &media_listener, NULL),
                0);
        loop_run(rig->loop);
        check(&solo);
        assert_int_equal(file_held(solo.file), 0);
        media_close(media);
        file_close(solo.file);
        scheduler_close(scheduler);
        rig_end(rig);
        batch_rig_free(rig);
        vad_model_free(vad);
}

static void check_language(const struct solo *solo) {
        assert_true(solo->rig->n_seen > 2);
        assert_string_equal(solo->rig->seen[0].language, "");
        assert_string_equal(solo->rig->seen[1].language, "");
        for (size_t i = 2; i < solo->rig->n_seen; i++)
                assert_string_equal(solo->rig->seen[i].language, "de");
        assert_false(solo->rig->seen[0].is_single_pass);
        assert_string_equal(file_language(solo->file), "de");
        assert_int_equal(solo->n_segments, solo->rig->n_seen - 1);
}

static void test_language_is_detected_on_the_first_words(void **state) {
        (void)state;
        solo_run(answer_late, false, check_language);
}

static void check_first_alone(const struct solo *solo) {
        assert_true(solo->n_submitted <= 1);
        assert_true(solo->rig->n_seen > 2);
        for (size_t i = 1; i < solo->rig->n_seen; i++)
                assert_true(solo->rig->seen[i].begin > solo->rig->seen[i - 1].begin);
}

static void test_who_waits_has_the_first_window_by_itself(void **state) {
        (void)state;
        solo_run(rig_answer_plainly, true, check_first_alone);
}

static void test_windows_vote_for_a_language(void **state) {
        struct vad_model *vad = rig_need_vad();
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        rig->vad = vad;
        rig->options.language_detection_segments = 3;
        rig_add_speech(rig);
        text = batch_rig_run(rig, answer_unsure);
        assert_non_null(strstr(text, "level"));
        assert_true(rig->n_seen > 4);
        for (size_t i = 0; i < rig->n_seen; i++) {
                const struct seen *seen = &rig->seen[i];

                assert_int_equal(seen->only_detects, i < 3);
                assert_string_equal(seen->language, i < 3 ? "" : "de");
        }
        // The windows that voted are decoded all the same, the first of them first.
        assert_int_equal(rig->seen[3].begin, rig->seen[0].begin);
        assert_true(rig->seen[1].begin > rig->seen[0].begin);
        batch_rig_free(rig);
        vad_model_free(vad);
}

// Whether a window that the engine got lies within the clip.
static bool is_within(const struct seen *seen, const struct clip *clip) {
        return seen->begin >= clip->begin &&
               seen->begin + (int64_t)seen->n_samples <= clip->end;
}

static void test_windows_are_those_of_the_clips(void **state) {
        struct vad_model *vad = rig_need_vad();
        struct batch_rig *rig = batch_rig_new();
        // In the middle of words, of which there are many between the first two; the third is
        // too short for any.
        struct clip items[] = {{20000, 70000}, {700000, 780000}, {780000, 780400}};
        const struct clips clips = {items, 3};
        CLEANUP(mem_freep) char *text = NULL;
        bool is_early = false, is_late = false;

        (void)state;
        rig->vad = vad;
        rig->clips = &clips;
        rig_add_speech(rig);
        text = batch_rig_run(rig, rig_answer_plainly);
        assert_non_null(text);
        assert_true(rig->n_seen >= 2);
        for (size_t i = 0; i < rig->n_seen; i++) {
                bool is_first = is_within(&rig->seen[i], &items[0]);

                assert_true(is_first || is_within(&rig->seen[i], &items[1]));
                is_early = is_early || is_first;
                is_late = is_late || !is_first;
        }
        assert_true(is_early && is_late);
        batch_rig_free(rig);
        vad_model_free(vad);
}

static void test_silence_gives_no_job(void **state) {
        struct vad_model *vad = rig_need_vad();
        struct batch_rig *rig = batch_rig_new();
        CLEANUP(mem_freep) char *text = NULL;

        (void)state;
        rig->vad = vad;
        rig->format = TRANSCRIPT_JSON;
        rig_add_wav(rig, "silence.wav", (size_t)40 * AUDIO_RATE, 0);
        text = batch_rig_run(rig, rig_answer_plainly);
        assert_int_equal(rig->n_seen, 0);
        assert_non_null(strstr(text, "\"language\":null,\"duration\":40.0,\"segments\":[]}"));
        batch_rig_free(rig);
        vad_model_free(vad);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_language_is_detected_on_the_first_words),
                cmocka_unit_test(test_who_waits_has_the_first_window_by_itself),
                cmocka_unit_test(test_windows_vote_for_a_language),
                cmocka_unit_test(test_windows_are_those_of_the_clips),
                cmocka_unit_test(test_silence_gives_no_job),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
