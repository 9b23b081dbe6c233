// Jobs, their options and hypotheses: copies are deep, and what is made is freed.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "decode/hypothesis.h"
#include "decode/job.h"
#include "util/mem.h"

static void test_defaults_are_those_of_faster_whisper(void **state) {
        (void)state;
        struct decode_options options = decode_options_default();

        assert_string_equal(options.language, "");
        assert_int_equal(options.task, DECODE_TRANSCRIBE);
        assert_true(options.suppress_blank);
        assert_true(options.condition_on_previous_text);
        assert_float_equal(options.prompt_reset_on_temperature, 0.5f, 0);
        assert_int_equal(options.suppress_tokens[0], -1);
        assert_float_equal(options.language_detection_threshold, 0.5f, 0);
        assert_int_equal(options.n_temperatures, 6);
        assert_float_equal(options.temperatures[0], 0.0f, 0);
        assert_float_equal(options.temperatures[5], 1.0f, 0);
        assert_float_equal(options.compression_ratio_threshold, 2.4f, 0);
        assert_float_equal(options.log_prob_threshold, -1.0f, 0);
        assert_float_equal(options.no_speech_threshold, 0.6f, 0);
}

static void test_a_copy_shares_nothing(void **state) {
        (void)state;
        struct decode_options options = decode_options_default();

        options.prompt = xstrdup("prompt");
        options.previous_tokens = xcalloc(2, sizeof(int32_t));
        options.previous_tokens[0] = 7;
        options.previous_tokens[1] = 9;
        options.n_previous_tokens = 2;
        options.draft_tokens = xcalloc(1, sizeof(int32_t));
        options.draft_tokens[0] = 11;
        options.n_draft_tokens = 1;

        struct decode_options copy = decode_options_copy(&options);
        decode_options_deinit(&options);

        assert_string_equal(copy.prompt, "prompt");
        assert_null(copy.hotwords);
        assert_int_equal(copy.n_previous_tokens, 2);
        assert_int_equal(copy.previous_tokens[0], 7);
        assert_int_equal(copy.previous_tokens[1], 9);
        assert_int_equal(copy.n_draft_tokens, 1);
        assert_int_equal(copy.draft_tokens[0], 11);
        decode_options_deinit(&copy);
        assert_null(copy.prompt);
}

static void test_a_job_starts_silent_and_not_cancelled(void **state) {
        (void)state;
        CLEANUP(job_freep) struct job *job = job_new(16000);

        assert_non_null(job);
        assert_int_equal(job->n_samples, 16000);
        assert_float_equal(job->samples[15999], 0.0f, 0);
        assert_false(atomic_load(&job->is_cancelled));
        assert_int_equal(job->options.n_temperatures, 6);
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
                cmocka_unit_test(test_defaults_are_those_of_faster_whisper),
                cmocka_unit_test(test_a_copy_shares_nothing),
                cmocka_unit_test(test_a_job_starts_silent_and_not_cancelled),
                cmocka_unit_test(test_appended_segments_keep_their_order_and_content),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
