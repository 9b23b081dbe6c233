// Which language a window is taken to be in, for what the decoder says of it.
#include "whisper/detection.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/tokenizer_rig.h"

struct scene {
        struct tokenizer *tokenizer;
        float logits[51865];
};

static int setup(void **state) {
        struct scene *scene = xnew(struct scene);

        scene->tokenizer = rig_tokenizer_of_bytes();
        *state = scene;
        return 0;
}

static int teardown(void **state) {
        struct scene *scene = *state;

        tokenizer_free(scene->tokenizer);
        free(scene);
        return 0;
}

// What is heard where the decoder gives the two languages these probabilities (roughly: the
// others have next to none).
static struct hypothesis detect(struct scene *scene, const char *allowed, const char *before,
                                const char *doubted, double german, double english) {
        struct decode_options options = decode_options_default();
        const struct decode_settings *settings;
        struct hypothesis hypothesis = {0};
        struct job *job;

        options.languages = xstrdup(allowed);
        settings = decode_settings_new(&options);
        job = job_new(settings, 16000);
        decode_settings_unref(settings);
        snprintf(job->hints.language_before, LANGUAGE_CODE_MAX, "%s", before);
        snprintf(job->hints.language_doubted, LANGUAGE_CODE_MAX, "%s", doubted);
        for (size_t i = 0; i < 51865; i++)
                scene->logits[i] = -30;
        scene->logits[tokenizer_language_token(scene->tokenizer, "de")] = (float)log(german);
        scene->logits[tokenizer_language_token(scene->tokenizer, "en")] = (float)log(english);
        detection_decide(scene->tokenizer, job, true, scene->logits, &hypothesis);
        job_free(job);
        return hypothesis;
}

static void the_likeliest_is_taken(void **state) {
        struct hypothesis heard = detect(*state, NULL, "", "", 0.7, 0.3);

        assert_string_equal(heard.language, "de");
        assert_float_equal(heard.language_probability, 0.7f, 1e-3);
        assert_true(heard.was_detected);
        assert_string_equal(heard.language_doubted, "");
}

static void others_than_those_allowed_have_no_chance(void **state) {
        struct hypothesis heard = detect(*state, "fr en", "", "", 0.9, 0.1);

        assert_string_equal(heard.language, "en");
        assert_float_equal(heard.language_probability, 1.0f, 1e-3);
        heard = detect(*state, "xx", "", "", 0.9, 0.1);
        assert_string_equal(heard.language, "de");
}

static void one_doubtful_window_does_not_turn_the_stream(void **state) {
        struct hypothesis heard = detect(*state, NULL, "en", "", 0.7, 0.3);

        assert_string_equal(heard.language, "en");
        assert_float_equal(heard.language_probability, 0.3f, 1e-3);
        assert_string_equal(heard.language_doubted, "de");
}

static void two_that_agree_do_and_so_does_one_that_is_sure(void **state) {
        struct hypothesis heard = detect(*state, NULL, "en", "de", 0.7, 0.3);

        assert_string_equal(heard.language, "de");
        assert_string_equal(heard.language_doubted, "");
        heard = detect(*state, NULL, "en", "fr", 0.7, 0.3);
        assert_string_equal(heard.language, "en");
        heard = detect(*state, NULL, "en", "", 0.9, 0.1);
        assert_string_equal(heard.language, "de");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_likeliest_is_taken),
                cmocka_unit_test(others_than_those_allowed_have_no_chance),
                cmocka_unit_test(one_doubtful_window_does_not_turn_the_stream),
                cmocka_unit_test(two_that_agree_do_and_so_does_one_that_is_sure),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
