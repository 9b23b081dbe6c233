// What Whisper leaves unsaid behind a pause is heard on its own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "decode/engine.h"
#include "decode/whisper/engine_rig.h"
#include "util/mem.h"

// Two readers with a second between them, as one window. `ret_middle` is where that second
// begins.
static struct job *job_of_two(size_t *ret_middle) {
        struct sound a = rig_need_sound("librispeech-short/6272-70171-0023.flac");
        struct sound b = rig_need_sound("librispeech-short/6848-252323-0002.flac");
        struct job *job = job_new(a.n + AUDIO_RATE + b.n);

        assert_non_null(job);
        memcpy(job->samples, a.samples, a.n * sizeof(float));
        memset(job->samples + a.n, 0, AUDIO_RATE * sizeof(float));
        memcpy(job->samples + a.n + AUDIO_RATE, b.samples, b.n * sizeof(float));
        memcpy(job->options.language, "en", sizeof("en"));
        job->options.without_timestamps = DECODE_YES;
        job->options.n_temperatures = 1;
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

        job->options.word_timestamps = word_timestamps;
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

// Who seeks through a recording goes on by himself.
static void test_a_single_pass_stays_one(void **state) {
        size_t middle;
        CLEANUP(job_freep) struct job *job = job_of_two(&middle);
        struct hypothesis hypothesis;

        job->options.is_single_pass = true;
        hypothesis_find(state, job, &hypothesis);
        assert_int_equal(hypothesis.n_segments, 1);
        assert_int_equal(hypothesis.n_consumed, job->n_samples);
        hypothesis_deinit(&hypothesis);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_second_voice_is_heard),
                cmocka_unit_test(test_its_words_have_times),
                cmocka_unit_test(test_a_single_pass_stays_one),
        };

        return cmocka_run_group_tests(tests, rig_setup_tiny, rig_teardown_tiny);
}
