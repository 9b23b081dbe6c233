// Jobs, their hints and hypotheses: copies are deep, and what is made is freed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "util/mem.h"

static void test_a_copy_of_hints_shares_nothing(void **state) {
        struct decode_options options = decode_options_default();
        struct job_hints hints = job_hints_of(&options), copy;

        (void)state;
        hints.previous_tokens = xcalloc(2, sizeof(int32_t));
        hints.previous_tokens[0] = 7;
        hints.previous_tokens[1] = 9;
        hints.n_previous_tokens = 2;
        hints.draft_tokens = xcalloc(1, sizeof(int32_t));
        hints.draft_tokens[0] = 11;
        hints.n_draft_tokens = 1;
        copy = job_hints_copy(&hints);
        job_hints_deinit(&hints);
        assert_int_equal(hints.n_draft_tokens, 0);
        assert_int_equal(copy.n_previous_tokens, 2);
        assert_int_equal(copy.previous_tokens[0], 7);
        assert_int_equal(copy.previous_tokens[1], 9);
        assert_int_equal(copy.n_draft_tokens, 1);
        assert_int_equal(copy.draft_tokens[0], 11);
        job_hints_deinit(&copy);
        assert_null(copy.draft_tokens);
}

static void test_a_job_starts_silent_with_what_its_settings_say(void **state) {
        struct decode_options options = decode_options_default();
        const struct decode_settings *settings;
        struct job *job;

        (void)state;
        memcpy(options.language, "de", 3);
        options.beam_size = 3;
        options.word_timestamps = DECODE_YES;
        settings = decode_settings_new(&options);
        job = job_new(settings, 16000);
        assert_non_null(job);
        assert_int_equal(job->n_samples, 16000);
        assert_float_equal(job->samples[15999], 0.0f, 0);
        assert_ptr_equal(job->settings, settings);
        assert_string_equal(job->hints.language, "de");
        assert_int_equal(job->hints.beam_size, 3);
        assert_true(job->hints.has_word_times);
        assert_int_equal(job->hints.context.stride, 0);
        decode_settings_unref(settings);
        // The job holds them still.
        assert_int_equal(job->settings->options.beam_size, 3);
        job_free(job);
}

static void test_appended_segments_keep_their_order_and_content(void **state) {
        (void)state;
        struct hypothesis hypothesis = {0};

        for (int i = 0; i < 5; i++) {
                struct hypothesis_segment *segment = hypothesis_append(&hypothesis);

                assert_null(segment->text);
                segment->begin = i;
                segment->text = xasprintf(" %d", i);
                segment->tokens = xcalloc(1, sizeof(int32_t));
                segment->n_tokens = 1;
        }
        assert_int_equal(hypothesis.n_segments, 5);
        assert_int_equal(hypothesis.segments[3].begin, 3);
        assert_string_equal(hypothesis.segments[4].text, " 4");
        hypothesis_deinit(&hypothesis);
        assert_int_equal(hypothesis.n_segments, 0);
        assert_null(hypothesis.segments);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_copy_of_hints_shares_nothing),
                cmocka_unit_test(test_a_job_starts_silent_with_what_its_settings_say),
                cmocka_unit_test(test_appended_segments_keep_their_order_and_content),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
