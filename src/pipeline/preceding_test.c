// What a window may take along of what was heard before it, and what is not handed on.
#include "pipeline/preceding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"

#define SECOND ((int64_t)AUDIO_RATE)

struct scene {
        struct preceding preceding;
        const struct decode_settings *settings;
};

static int setup(void **state) {
        struct scene *scene = xnew(struct scene);
        struct decode_options options = decode_options_default();

        snprintf(options.language, sizeof(options.language), "en");
        scene->settings = decode_settings_new(&options);
        preceding_init(&scene->preceding, DECODE_CONTEXT_SOUND);
        *state = scene;
        return 0;
}

static int teardown(void **state) {
        struct scene *scene = *state;

        preceding_deinit(&scene->preceding);
        decode_settings_unref(scene->settings);
        free(scene);
        return 0;
}

// A job for these seconds; its samples are the second that it begins at.
static struct job *job_of(const struct scene *scene, double begin, double end) {
        struct job *job = job_new(scene->settings, (size_t)((end - begin) * AUDIO_RATE));

        job->begin = (int64_t)(begin * AUDIO_RATE);
        for (size_t i = 0; i < job->n_samples; i++)
                job->samples[i] = (float)begin;
        return job;
}

// An answer of n tokens, counted from `first`.
static struct hypothesis say(int32_t first, size_t n) {
        struct hypothesis hypothesis = {.language = "en"};
        struct hypothesis_segment *segment = hypothesis_append(&hypothesis);

        segment->text = xstrdup(" words");
        segment->tokens = xcalloc(n, sizeof(*segment->tokens));
        segment->n_tokens = n;
        for (size_t i = 0; i < n; i++)
                segment->tokens[i] = first + (int32_t)i;
        return hypothesis;
}

static void hear_as(struct scene *scene, double begin, double end,
                    struct hypothesis hypothesis) {
        struct job *job = job_of(scene, begin, end);

        preceding_hear(&scene->preceding, job, &hypothesis);
        hypothesis_deinit(&hypothesis);
        job_free(job);
}

static void hear(struct scene *scene, double begin, double end, int32_t first) {
        hear_as(scene, begin, end, say(first, 3));
}

// A job for these seconds has a lead of so many, with so many tokens.
static void check_lead(struct scene *scene, double begin, double end, double seconds,
                       size_t n_tokens) {
        struct job *job = job_of(scene, begin, end);

        preceding_tell(&scene->preceding, job);
        assert_int_equal(job->hints.lead.n_samples, (size_t)(seconds * AUDIO_RATE));
        assert_int_equal(job->hints.lead.n_tokens, n_tokens);
        job_free(job);
}

static void windows_that_fit_are_taken_along(void **state) {
        struct scene *scene = *state;
        struct job *job;

        hear(scene, 1, 4, 10);
        hear(scene, 5, 7, 20);
        job = job_of(scene, 8, 10);
        preceding_tell(&scene->preceding, job);
        assert_int_equal(job->hints.lead.n_samples, 7 * SECOND);
        assert_float_equal(job->hints.lead.samples[0], 1, 0);
        assert_float_equal(job->hints.lead.samples[3 * SECOND], 0, 0);
        assert_float_equal(job->hints.lead.samples[4 * SECOND], 5, 0);
        assert_float_equal(job->hints.lead.samples[7 * SECOND - 1], 0, 0);
        assert_int_equal(job->hints.lead.n_tokens, 6);
        assert_int_equal(job->hints.lead.tokens[2], 12);
        assert_int_equal(job->hints.lead.tokens[3], 20);
        job_free(job);
        // Of a later one only the second has room.
        check_lead(scene, 9.5, 10, 4.5, 3);
}

static void nothing_reaches_across_a_long_silence(void **state) {
        struct scene *scene = *state;

        hear(scene, 1, 2, 10);
        hear(scene, 5.5, 6, 20);
        check_lead(scene, 7, 8, 1.5, 3);
        check_lead(scene, 9.5, 10, 0, 0);
}

static void what_is_too_long_is_not_taken_along(void **state) {
        struct scene *scene = *state;

        hear(scene, 1, 9.5, 10);
        check_lead(scene, 10, 12, 0, 0);
        hear_as(scene, 12, 14, say(10, JOB_LEAD_TOKENS_MAX + 1));
        check_lead(scene, 14, 15, 0, 0);
        hear(scene, 15, 17, 10);
        check_lead(scene, 17, 46, 0, 0);
}

static void doubtful_text_is_not_handed_on(void **state) {
        struct scene *scene = *state;
        struct hypothesis answers[8];

        for (size_t i = 0; i < 8; i++)
                answers[i] = say((int32_t)i, 3);
        answers[0].segments[0].temperature = 0.2f;
        answers[1].segments[0].avg_logprob = -1.1f;
        answers[2].segments[0].compression_ratio = 2.5f;
        answers[3].n_given_up = 1;
        answers[4].n_unlikely = 1;
        answers[5].n_refused = 1;
        answers[6].n_no_speech = 1;
        hypothesis_truncate(&answers[7], 0);
        for (size_t i = 0; i < 8; i++) {
                hear(scene, 1, 2, 50);
                check_lead(scene, 3, 4, 2, 3);
                hear_as(scene, 3, 4, answers[i]);
                check_lead(scene, 5, 6, 0, 0);
        }
}

static void a_text_that_is_said_again_is_not_handed_on(void **state) {
        struct scene *scene = *state;

        hear(scene, 1, 2, 10);
        hear(scene, 2, 3, 10);
        check_lead(scene, 3, 4, 0, 0);
        hear(scene, 3, 4, 10);
        check_lead(scene, 4, 5, 1, 3);
}

static void another_language_takes_nothing_along(void **state) {
        struct scene *scene = *state;
        struct hypothesis german = say(10, 3);

        memcpy(german.language, "de", 3);
        hear(scene, 1, 2, 10);
        hear_as(scene, 2, 3, german);
        check_lead(scene, 3, 4, 0, 0);
        hear(scene, 3, 4, 20);
        check_lead(scene, 4, 5, 1, 3);
}

static void nothing_is_kept_where_nothing_is_wanted(void **state) {
        struct scene *scene = *state;

        preceding_init(&scene->preceding, DECODE_CONTEXT_NONE);
        hear(scene, 1, 2, 10);
        check_lead(scene, 2, 3, 0, 0);
}

static void what_is_cleared_is_forgotten(void **state) {
        struct scene *scene = *state;

        hear(scene, 1, 2, 10);
        preceding_clear(&scene->preceding);
        check_lead(scene, 2, 3, 0, 0);
}

// The job's prompt is these n tokens, the last of which is that.
static void what_was_parted_is_not_taken_along(void **state) {
        struct scene *scene = *state;

        hear(scene, 1, 2, 10);
        preceding_part(&scene->preceding, 3 * SECOND);
        check_lead(scene, 3, 4, 0, 0);
        hear(scene, 2, 3, 20);  // an answer that came late
        check_lead(scene, 3, 4, 0, 0);
        hear(scene, 3, 4, 30);
        check_lead(scene, 4, 5, 1, 3);
}

static void sound_that_no_lead_can_reach_is_not_kept(void **state) {
        struct scene *scene = *state;
        size_t n_samples = 0;

        for (int i = 0; i < PRECEDING_WINDOWS_MAX; i++)
                hear(scene, 8 * i, 8 * i + 7.5, 10 * i);
        for (size_t i = 0; i < scene->preceding.n; i++)
                n_samples += scene->preceding.windows[i].heard.n_samples;
        assert_true(n_samples > 0 && n_samples <= (size_t)PRECEDING_LEAD);
        check_lead(scene, 63.5, 65, 7.5, 3);
}

static void check_prompt(struct scene *scene, double begin, double end, size_t n,
                         int32_t last) {
        struct job *job = job_of(scene, begin, end);

        preceding_tell(&scene->preceding, job);
        assert_int_equal(job->hints.n_previous_tokens, n);
        assert_int_equal(job->hints.previous_tokens[n - 1], last);
        job_free(job);
}

static void text_before_the_sound_is_the_prompt(void **state) {
        struct scene *scene = *state;

        preceding_init(&scene->preceding, DECODE_CONTEXT_BOTH);
        hear(scene, 1, 12, 10);
        hear(scene, 13, 14, 20);
        check_lead(scene, 15, 16, 2, 3);
        check_prompt(scene, 15, 16, 3, 12);
        preceding_clear(&scene->preceding);
        preceding_init(&scene->preceding, DECODE_CONTEXT_TEXT);
        hear(scene, 1, 12, 10);
        hear(scene, 13, 14, 20);
        check_lead(scene, 15, 16, 0, 0);
        check_prompt(scene, 15, 16, 6, 22);
        hear_as(scene, 15, 16, say(1000, 200));
        check_prompt(scene, 17, 18, 96, 1199);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(windows_that_fit_are_taken_along, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(nothing_reaches_across_a_long_silence, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_is_too_long_is_not_taken_along, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(doubtful_text_is_not_handed_on, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(a_text_that_is_said_again_is_not_handed_on,
                                                setup, teardown),
                cmocka_unit_test_setup_teardown(another_language_takes_nothing_along, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(nothing_is_kept_where_nothing_is_wanted, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(text_before_the_sound_is_the_prompt, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(what_is_cleared_is_forgotten, setup, teardown),
                cmocka_unit_test_setup_teardown(what_was_parted_is_not_taken_along, setup,
                                                teardown),
                cmocka_unit_test_setup_teardown(sound_that_no_lead_can_reach_is_not_kept, setup,
                                                teardown),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
