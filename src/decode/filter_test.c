// What the filters refuse, each alone, and that they let speech through.
#include "decode/filter.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "decode/job_rig.h"
#include "util/mem.h"

struct fixture {
        struct job *job;
        struct filter_limits limits;
        struct hypothesis hypothesis;
        struct filter_counts counts;
};

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        fixture->job = rig_new_job((size_t)10 * AUDIO_RATE);
        fixture->limits = filter_limits_default();
        *state = fixture;
        return fixture->job ? 0 : -1;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        hypothesis_deinit(&fixture->hypothesis);
        job_free(fixture->job);
        free(fixture);
        return 0;
}

// A segment whose tokens are `before` different ones and then `times` times the same `stretch`.
static struct hypothesis_segment *say(struct fixture *fixture, const char *text, size_t before,
                                      size_t stretch, size_t times) {
        struct hypothesis_segment *segment = hypothesis_append(&fixture->hypothesis);

        segment->text = xstrdup(text);
        segment->n_tokens = before + stretch * times;
        segment->tokens = xcalloc(segment->n_tokens + 1, sizeof(int32_t));
        for (size_t i = 0; i < segment->n_tokens; i++)
                segment->tokens[i] = (int32_t)(i < before ? 1000 + i : (i - before) % stretch);
        segment->compression_ratio = 1.2f;
        return segment;
}

static void expect(struct fixture *fixture, size_t n_kept, enum filter filter,
                   uint64_t n_refused) {
        filters_apply(&fixture->limits, fixture->job, &fixture->hypothesis, &fixture->counts);
        assert_int_equal(fixture->hypothesis.n_segments, n_kept);
        for (int i = 0; i < FILTER_COUNT; i++)
                assert_int_equal(fixture->counts.n_refused[i],
                                 i == (int)filter ? n_refused : 0);
}

static void speech_passes(void **state) {
        struct fixture *fixture = *state;

        say(fixture, " And so, my fellow Americans", 6, 0, 0);
        say(fixture, " no no no no no", 0, 1, 5);
        say(fixture, "", 0, 0, 0);
        expect(fixture, 3, FILTER_COUNT, 0);
        assert_string_equal(fixture->hypothesis.segments[0].text,
                            " And so, my fellow Americans");
}

// Under ASan: nothing of it is left.
static void a_refused_segment_goes_with_its_words(void **state) {
        struct fixture *fixture = *state;
        struct hypothesis_segment *segment = say(fixture, " loop", 0, 1, 3);
        const struct hypothesis_word word = {.text = (char[]){" loop"}};

        segment->compression_ratio = 3;
        segment->words = hypothesis_words_copy(&word, 1);
        segment->n_words = 1;
        expect(fixture, 0, FILTER_COMPRESSION_RATIO, 1);
}

static void text_that_compresses_too_well_is_refused(void **state) {
        struct fixture *fixture = *state;

        say(fixture, " before", 1, 0, 0);
        say(fixture, " loop", 0, 2, 3)->compression_ratio = 2.41f;
        say(fixture, " after", 0, 2, 3)->compression_ratio = 2.4f;
        expect(fixture, 2, FILTER_COMPRESSION_RATIO, 1);
        assert_string_equal(fixture->hypothesis.segments[0].text, " before");
        assert_string_equal(fixture->hypothesis.segments[1].text, " after");
}

// "Knit two together, knit two together, make one": 62 words of a real reader.
static void people_may_repeat_themselves(void **state) {
        struct fixture *fixture = *state;

        say(fixture, " stitches", 20, 6, 2)->compression_ratio = 2.9f;
        expect(fixture, 1, FILTER_COUNT, 0);
        // With these the text has more tokens than are said in ten seconds.
        say(fixture, " too fast", 29, 0, 0);
        expect(fixture, 1, FILTER_COMPRESSION_RATIO, 1);
        assert_string_equal(fixture->hypothesis.segments[0].text, " too fast");
}

static void the_same_words_over_and_over_are_refused(void **state) {
        static const size_t stretches[] = {1, 2, 7, 32};
        struct fixture *fixture = *state;
        size_t limit = (size_t)fixture->job->settings->options.repetition_max;

        for (size_t i = 0; i < 4; i++) {
                say(fixture, " enough", 3, stretches[i], limit);
                say(fixture, " too many", 3, stretches[i], limit + 1);
        }
        expect(fixture, 4, FILTER_REPETITION, 4);
        for (size_t i = 0; i < 4; i++)
                assert_string_equal(fixture->hypothesis.segments[i].text, " enough");
}

static void more_words_than_can_be_said_are_refused(void **state) {
        struct fixture *fixture = *state;

        fixture->job->n_samples = AUDIO_RATE / 2;
        fixture->limits.words_per_second_max = 8;
        say(fixture, " Thank\tyou ", 0, 0, 0);
        say(fixture, " for  watching", 0, 0, 0);
        expect(fixture, 2, FILTER_COUNT, 0);
        say(fixture, " everybody", 0, 0, 0);
        expect(fixture, 0, FILTER_WORDS_PER_SECOND, 3);
}

static void an_infinite_limit_is_off(void **state) {
        struct fixture *fixture = *state;
        struct decode_options *options = rig_options(fixture->job);

        options->compression_ratio_threshold = INFINITY;
        options->repetition_max = INFINITY;
        fixture->limits.words_per_second_max = INFINITY;
        fixture->job->n_samples = 1;
        say(fixture, " a b c d", 0, 1, 400)->compression_ratio = 50;
        expect(fixture, 1, FILTER_COUNT, 0);
}

static void what_the_engine_did_is_counted(void **state) {
        struct fixture *fixture = *state;

        fixture->hypothesis.n_no_speech = 1;
        fixture->hypothesis.n_unlikely = 2;
        fixture->hypothesis.n_repeating = 3;
        expect(fixture, 0, FILTER_NO_SPEECH, 1);
        assert_int_equal(fixture->counts.n_retried[FILTER_LOG_PROB], 2);
        assert_int_equal(fixture->counts.n_retried[FILTER_COMPRESSION_RATIO], 3);
        for (int i = 0; i < FILTER_COUNT; i++)
                assert_true(strlen(filter_name(i)) > 0);
}

#define FILTER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                FILTER_TEST(speech_passes),
                FILTER_TEST(a_refused_segment_goes_with_its_words),
                FILTER_TEST(text_that_compresses_too_well_is_refused),
                FILTER_TEST(people_may_repeat_themselves),
                FILTER_TEST(the_same_words_over_and_over_are_refused),
                FILTER_TEST(more_words_than_can_be_said_are_refused),
                FILTER_TEST(an_infinite_limit_is_off),
                FILTER_TEST(what_the_engine_did_is_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
