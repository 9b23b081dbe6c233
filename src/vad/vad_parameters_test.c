// faster-whisper's names for what the segmenter does.
#include "vad/vad_parameters.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct segmenter_config apply_good(const char *text) {
        struct segmenter_config config = segmenter_config_files();
        struct error error = {0};

        if (vad_parameters_apply(&config, text, &error) < 0)
                fail_msg("%s", error.text);
        return config;
}

static void assert_refused(const char *text, const char *expected) {
        struct segmenter_config config = segmenter_config_files(), before = config;
        struct error error = {0};

        assert_int_equal(vad_parameters_apply(&config, text, &error), -EINVAL);
        assert_string_equal(error.text, expected);
        assert_memory_equal(&config, &before, sizeof(config));
}

static void test_every_parameter(void **state) {
        struct segmenter_config config = apply_good(
                "threshold=0.6,min_speech_duration_ms=250,max_speech_duration_s=12.5,"
                "min_silence_duration_ms=500,speech_pad_ms=400");

        (void)state;
        assert_float_equal(config.threshold, 0.6f, 0);
        assert_float_equal(config.threshold_low, 0.45f, 1e-6f);
        assert_int_equal(config.speech_min, 4000);
        assert_int_equal(config.window_max, 200000);
        assert_int_equal(config.pause, 8000);
        assert_int_equal(config.padding, 6400);
}

static void test_the_end_of_speech_follows_its_beginning(void **state) {
        (void)state;
        assert_float_equal(apply_good("threshold=0.1").threshold_low, 0.01f, 0);
        assert_float_equal(apply_good("neg_threshold=0.2").threshold_low, 0.2f, 0);
        assert_float_equal(apply_good("neg_threshold=0.2").threshold, 0.5f, 0);
        // Whichever stands first.
        assert_float_equal(apply_good("neg_threshold=0.2,threshold=0.9").threshold_low, 0.2f,
                           0);
        assert_refused("threshold=0.3,neg_threshold=0.31", "neg_threshold is above threshold");
}

static void test_mistakes(void **state) {
        (void)state;
        assert_refused("treshold=0.5",
                       "unknown parameter \"treshold\"; did you mean \"threshold\"?");
        assert_refused("loudness=1",
                       "unknown parameter \"loudness\"; those known are threshold, "
                       "neg_threshold, min_speech_duration_ms, max_speech_duration_s, "
                       "min_silence_duration_ms and speech_pad_ms");
        assert_refused("threshold=0.5,",
                       "unknown parameter \"\"; those known are threshold, neg_threshold, "
                       "min_speech_duration_ms, max_speech_duration_s, "
                       "min_silence_duration_ms and speech_pad_ms");
        assert_refused("threshold", "threshold is a number from 0.1 to 1, not \"\"");
        assert_refused("threshold=", "threshold is a number from 0.1 to 1, not \"\"");
        assert_refused("speech_pad_ms=", "speech_pad_ms is a number from 0 to 600, not \"\"");
        assert_refused("threshold=,speech_pad_ms=1",
                       "threshold is a number from 0.1 to 1, not \"\"");
        assert_refused("threshold=1.1", "threshold is a number from 0.1 to 1, not \"1.1\"");
        assert_refused("speech_pad_ms=1,threshold=0.5x",
                       "threshold is a number from 0.1 to 1, not \"0.5x\"");
        assert_refused("threshold=nan", "threshold is a number from 0.1 to 1, not \"nan\"");
        assert_refused("max_speech_duration_s=inf",
                       "max_speech_duration_s is a number from 5 to 28, not \"inf\"");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_parameter),
                cmocka_unit_test(test_the_end_of_speech_follows_its_beginning),
                cmocka_unit_test(test_mistakes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
