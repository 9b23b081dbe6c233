// Speech of a window that Whisper says nothing of is heard on its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "decode/engine.h"
#include "decode/job_rig.h"
#include "util/mem.h"
#include "whisper/engine_rig.h"

// Two readers with a second between them, as one window. `ret_middle` is where that second
// begins.
static struct job *job_of_two(size_t *ret_middle) {
        struct sound a = rig_need_sound("librispeech-short/6272-70171-0023.flac");
        struct sound b = rig_need_sound("librispeech-short/6848-252323-0002.flac");
        struct job *job = rig_new_job(a.n + AUDIO_RATE + b.n);

        assert_non_null(job);
        memcpy(job->samples, a.samples, a.n * sizeof(float));
        memset(job->samples + a.n, 0, AUDIO_RATE * sizeof(float));
        memcpy(job->samples + a.n + AUDIO_RATE, b.samples, b.n * sizeof(float));
        memcpy(job->hints.language, "en", sizeof("en"));
        rig_options(job)->without_timestamps = DECODE_YES;
        rig_options(job)->n_temperatures = 1;
        activity_add(&job->speech, 0, (int64_t)a.n);
        activity_add(&job->speech, (int64_t)a.n + AUDIO_RATE, (int64_t)job->n_samples);
        *ret_middle = a.n;
        free(a.samples);
        free(b.samples);
        return job;
}

static void hypothesis_find(void **state, struct job *job, struct hypothesis *ret) {
        void *engine = rig_open_engine(rig_need_tiny(state));
        int result = -1;

        assert_int_equal(engine_whisper.submit(engine, job), 0);
        rig_finish_one(engine, &result, ret);
        assert_int_equal(result, 0);
        engine_whisper.close(engine);
}

// Without a second look tiny.en ends its text where the first reader ends.
static void check_second_voice(void **state, enum decode_choice word_timestamps) {
        size_t middle;
        CLEANUP(job_freep) struct job *job = job_of_two(&middle);
        struct hypothesis hypothesis;

        job->hints.has_word_times = word_timestamps == DECODE_YES;
        hypothesis_find(state, job, &hypothesis);
        assert_int_equal(hypothesis.n_segments, 2);
        assert_non_null(strstr(hypothesis.segments[0].text, "of the baby."));
        assert_non_null(strstr(hypothesis.segments[1].text, "lifeboat"));
        assert_int_equal(hypothesis.segments[1].n_words > 0, word_timestamps == DECODE_YES);
        // The first one ends with its words, give or take half a second.
        assert_true(llabs(hypothesis.segments[0].end - (int64_t)middle) < AUDIO_RATE / 2);
        assert_true(hypothesis.segments[1].begin >= hypothesis.segments[0].end);
        assert_int_equal(hypothesis.n_consumed, job->n_samples);
        hypothesis_deinit(&hypothesis);
}

static void test_a_second_voice_is_heard(void **state) {
        check_second_voice(state, DECODE_NO);
}

static void test_its_words_have_times(void **state) {
        check_second_voice(state, DECODE_YES);
}

// A quiet reader, then a loud one: without a second look only the loud one is told.
static void test_speech_before_the_first_word_is_heard(void **state) {
        struct sound quiet = rig_need_sound("librispeech-short/1737-146161-0015.flac");
        struct sound loud = rig_need_sound("librispeech-short/3664-178355-0019.flac");
        size_t pause = AUDIO_RATE / 5, n = quiet.n + pause + loud.n;
        CLEANUP(job_freep) struct job *job = rig_new_job(n);
        struct hypothesis hypothesis;

        assert_non_null(job);
        for (size_t i = 0; i < quiet.n; i++)
                job->samples[i] = quiet.samples[i] / 8;
        memcpy(job->samples + quiet.n + pause, loud.samples, loud.n * sizeof(float));
        memcpy(job->hints.language, "en", sizeof("en"));
        rig_options(job)->without_timestamps = DECODE_YES;
        job->hints.has_word_times = true;
        activity_add(&job->speech, 0, (int64_t)n);
        hypothesis_find(state, job, &hypothesis);
        assert_true(hypothesis.n_segments >= 2);
        assert_non_null(strstr(hypothesis.segments[0].text, "left at the end"));
        assert_non_null(strstr(hypothesis.segments[hypothesis.n_segments - 1].text,
                               "prepared to depart"));
        for (size_t i = 1; i < hypothesis.n_segments; i++)
                assert_true(hypothesis.segments[i].begin >= hypothesis.segments[i - 1].end);
        assert_int_equal(hypothesis.n_consumed, n);
        hypothesis_deinit(&hypothesis);
        free(quiet.samples);
        free(loud.samples);
}

// What stays empty is not heard again: a job of which half is noise ends.
static void test_noise_beside_speech_says_nothing(void **state) {
        struct sound sound = rig_need_sound("misc/jfk.flac");
        size_t n = sound.n + (size_t)8 * AUDIO_RATE;
        CLEANUP(job_freep) struct job *job = rig_new_job(n);
        struct hypothesis hypothesis;
        uint32_t random = 1;

        assert_non_null(job);
        memcpy(job->samples, sound.samples, sound.n * sizeof(float));
        for (size_t i = sound.n; i < n; i++) {
                random = random * 1664525u + 1013904223u;
                job->samples[i] = ((float)(random >> 16) / 32768 - 1) / 200;
        }
        memcpy(job->hints.language, "en", sizeof("en"));
        rig_options(job)->without_timestamps = DECODE_YES;
        activity_add(&job->speech, 0, (int64_t)n);
        hypothesis_find(state, job, &hypothesis);
        assert_int_equal(hypothesis.n_segments, 1);
        assert_int_equal(hypothesis.n_consumed, n);
        hypothesis_deinit(&hypothesis);
        free(sound.samples);
}

// Who seeks through a recording goes on by himself.
static void test_a_single_pass_stays_one(void **state) {
        size_t middle;
        CLEANUP(job_freep) struct job *job = job_of_two(&middle);
        struct hypothesis hypothesis;

        job->hints.is_single_pass = true;
        hypothesis_find(state, job, &hypothesis);
        assert_int_equal(hypothesis.n_segments, 1);
        assert_int_equal(hypothesis.n_consumed, job->n_samples);
        hypothesis_deinit(&hypothesis);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_second_voice_is_heard),
                cmocka_unit_test(test_its_words_have_times),
                cmocka_unit_test(test_speech_before_the_first_word_is_heard),
                cmocka_unit_test(test_noise_beside_speech_says_nothing),
                cmocka_unit_test(test_a_single_pass_stays_one),
        };

        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
