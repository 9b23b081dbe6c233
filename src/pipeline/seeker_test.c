// Which window comes next, and when.
#include "pipeline/seeker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "util/mem.h"

static int64_t samples(double seconds) {
        return (int64_t)(seconds * AUDIO_RATE);
}

static void expect_next(struct seeker *seeker, double n_seconds, bool is_whole, double begin,
                        double end) {
        int64_t window_begin = -1, window_end = -1;

        assert_true(
                seeker_next(seeker, samples(n_seconds), is_whole, &window_begin, &window_end));
        assert_int_equal(window_begin, samples(begin));
        assert_int_equal(window_end, samples(end));
}

static void expect_none(struct seeker *seeker, double n_seconds, bool is_whole) {
        int64_t begin, end;

        assert_false(seeker_next(seeker, samples(n_seconds), is_whole, &begin, &end));
}

static void a_window_waits_for_its_sound(void **state) {
        struct decode_options options = decode_options_default();
        struct seeker seeker;

        (void)state;
        seeker_init(&seeker, &clips_whole, &options);
        expect_none(&seeker, 29.9, false);
        expect_next(&seeker, 30, false, 0, 30);
        expect_next(&seeker, 12, true, 0, 12);
        seeker_pass(&seeker, samples(12));
        expect_none(&seeker, 12.005, true);  // less than a frame
}

static void and_for_what_judging_it_takes(void **state) {
        struct decode_options options = decode_options_default();
        struct seeker seeker;

        (void)state;
        options.hallucination_silence_threshold = 2.5f;
        seeker_init(&seeker, &clips_whole, &options);
        expect_none(&seeker, 32.4, false);
        expect_next(&seeker, 32.5, false, 0, 30);
        expect_next(&seeker, 30, true, 0, 30);
}

static void a_reader_waits_when_it_is_ahead(void **state) {
        struct decode_options options = decode_options_default();
        struct clip items[] = {{0, samples(20)}, {samples(100), samples(110)}};
        const struct clips clips = {items, 2};
        struct seeker seeker;

        (void)state;
        seeker_init(&seeker, &clips, &options);
        expect_next(&seeker, 20, false, 0, 20);
        assert_false(seeker_is_ahead(&seeker, samples(59)));
        assert_true(seeker_is_ahead(&seeker, samples(60)));
        // The next clip is far away, and behind the last one the file is read to its end.
        seeker_pass(&seeker, samples(20));
        assert_false(seeker_is_ahead(&seeker, samples(90)));
        expect_none(&seeker, 109, false);
        expect_next(&seeker, 110, false, 100, 110);
        seeker_pass(&seeker, samples(110));
        expect_none(&seeker, 1000, false);
        assert_false(seeker_is_ahead(&seeker, samples(1000)));
}

// A job for [begin, end) that the engine says it has dealt with up to `consumed`.
static int64_t settle(struct seeker *seeker, double begin, double end, double consumed) {
        struct decode_options options = decode_options_default();
        CLEANUP(decode_settings_unrefp)
        const struct decode_settings *settings = decode_settings_new(&options);
        struct hypothesis hypothesis = {.n_consumed = samples(consumed) - samples(begin)};
        struct job job = {.begin = samples(begin),
                          .n_samples = (size_t)(samples(end) - samples(begin)),
                          .settings = settings};
        struct job_hints next = {0};

        seeker_advance(seeker, &job, samples(600), &hypothesis, &next);
        job_hints_deinit(&next);
        return seeker->position;
}

static void the_next_window_begins_later(void **state) {
        struct decode_options options = decode_options_default();
        struct seeker seeker;

        (void)state;
        seeker_init(&seeker, &clips_whole, &options);
        assert_int_equal(settle(&seeker, 0, 30, 25), samples(25));
        // Whatever the engine says.
        assert_int_equal(settle(&seeker, 25, 55, 25), samples(55));
        assert_int_equal(settle(&seeker, 55, 85, 3), samples(85));
        assert_int_equal(settle(&seeker, 85, 115, 120), samples(115));
}

// A hypothesis of one word of 0.4 s.
static void say(struct hypothesis *hypothesis, double begin, float probability) {
        struct hypothesis_segment *segment = hypothesis_append(hypothesis);
        const struct hypothesis_word word = {samples(begin), samples(begin + 0.4),
                                             (char[]){" Thanks."}, probability};

        segment->begin = word.begin;
        segment->end = word.end;
        segment->text = xstrdup(word.text);
        segment->words = hypothesis_words_copy(&word, 1);
        segment->n_words = 1;
}

// What a strange word follows at once is not made up; the window before has it.
static void windows_know_where_speech_ended_before(void **state) {
        struct decode_options options = decode_options_default();
        struct job jobs[] = {{.begin = 0, .n_samples = (size_t)samples(30)},
                             {.begin = samples(26), .n_samples = (size_t)samples(30)}};
        const struct decode_settings *settings;
        struct job_hints next = {0};
        struct seeker seeker;

        (void)state;
        options.hallucination_silence_threshold = 4;
        settings = decode_settings_new(&options);
        jobs[0].settings = jobs[1].settings = settings;
        for (int is_behind = 0; is_behind < 2; is_behind++) {
                struct hypothesis first = {.n_consumed = samples(26)};
                struct hypothesis second = {.n_consumed = samples(30)};

                seeker_init(&seeker, &clips_whole, &settings->options);
                say(&first, is_behind ? 28.6 : 20, 0.9f);
                say(&second, 3, 0.1f);
                seeker_advance(&seeker, &jobs[0], samples(600), &first, &next);
                seeker_advance(&seeker, &jobs[1], samples(600), &second, &next);
                assert_int_equal(second.n_segments, is_behind);
                assert_int_equal(seeker.position, samples(is_behind ? 56 : 29));
                hypothesis_deinit(&first);
                hypothesis_deinit(&second);
        }
        job_hints_deinit(&next);
        decode_settings_unref(settings);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_window_waits_for_its_sound),
                cmocka_unit_test(and_for_what_judging_it_takes),
                cmocka_unit_test(a_reader_waits_when_it_is_ahead),
                cmocka_unit_test(the_next_window_begins_later),
                cmocka_unit_test(windows_know_where_speech_ended_before),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
