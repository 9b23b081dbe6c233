// What is made of a window's text when it stands.
#include "whisper/result.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "decode/job_rig.h"
#include "util/mem.h"
#include "whisper/log_mel.h"
#include "whisper/tokenizer_rig.h"

#define SECONDS 10

// A job of one window.
struct scene {
        struct tokenizer *tokenizer;
        struct job *job;
        struct result result;
        struct attempt_window window;
};

static void scene_make(struct scene *scene) {
        const struct prompt_texts texts = {.prompt = {.n = 0}};

        *scene = (struct scene){
                .tokenizer = rig_tokenizer_of_bytes(),
                .job = rig_new_job((size_t)SECONDS * AUDIO_RATE),
                .window = {.end = (size_t)SECONDS * AUDIO_RATE / LOG_MEL_HOP},
        };
        rig_options(scene->job)->without_timestamps = DECODE_YES;
        result_init(&scene->result, scene->job, scene->tokenizer, &texts);
}

static void scene_clear(struct scene *scene) {
        hypothesis_deinit(&scene->result.hypothesis);
        result_deinit(&scene->result);
        tokenizer_free(scene->tokenizer);
        job_free(scene->job);
}

// A text whose bytes are its tokens.
static void attempt_make(const struct scene *scene, struct attempt *ret, const char *text,
                         bool is_cut, float logprob) {
        static const struct audio_context context;
        struct search_text searched = {.n = strlen(text), .is_cut = is_cut};

        searched.sum_logprob = logprob * (float)(searched.n + 1);
        for (size_t i = 0; i < searched.n; i++)
                searched.tokens[i] = (unsigned char)text[i];
        attempt_init(ret, &searched, scene->tokenizer, &context, 0);
}

static bool goes_on(const char *text, bool is_cut, float logprob) {
        struct attempt attempt;
        struct scene scene;
        bool does;

        scene_make(&scene);
        attempt_make(&scene, &attempt, text, is_cut, logprob);
        does = result_goes_on(&scene.result, &scene.window, &attempt);
        scene_clear(&scene);
        return does;
}

static void test_what_is_refused_does_not_go_on(void **state) {
        (void)state;
        assert_true(goes_on(" They prepared to dep", true, -0.3f));
        assert_false(goes_on(" They prepared to dep", false, -0.3f));
        assert_false(goes_on(" They prepared to dep", true, -1.2f));
        assert_false(goes_on(" no no no no no no no no no no no no n", true, -0.3f));
        assert_false(goes_on(" and so and so and so and so and so and so and so and so and so "
                             "and so and so and so and so and so and so and so and so and so",
                             true, -0.1f));
}

// Add a text to the scene's result; returns the frames that are done with.
static size_t add(struct scene *scene, const char *text, float logprob) {
        struct unheard_list missed = {.n = 0};
        struct attempt attempt;

        attempt_make(scene, &attempt, text, false, logprob);
        return result_add(&scene->result, &scene->window, &attempt, NULL, &missed);
}

static void test_a_text_becomes_a_segment(void **state) {
        const struct hypothesis *hypothesis;
        struct scene scene;

        (void)state;
        scene_make(&scene);
        hypothesis = &scene.result.hypothesis;
        assert_int_equal(add(&scene, " hello", -0.3f), scene.window.end);
        assert_int_equal(hypothesis->n_segments, 1);
        assert_string_equal(hypothesis->segments[0].text, " hello");
        assert_int_equal(hypothesis->segments[0].begin, 0);
        assert_int_equal(hypothesis->segments[0].end, SECONDS * AUDIO_RATE);
        // What follows is told what was said.
        assert_int_equal(scene.result.n_previous, strlen(" hello"));
        scene_clear(&scene);
}

static void test_silence_becomes_nothing(void **state) {
        struct scene scene;

        (void)state;
        scene_make(&scene);
        scene.window.no_speech_prob = 0.9f;
        assert_int_equal(add(&scene, " hello", -1.5f), scene.window.end);
        assert_int_equal(scene.result.hypothesis.n_segments, 0);
        assert_int_equal(scene.result.hypothesis.n_no_speech, 1);
        scene_clear(&scene);
}

static void test_what_was_missed_goes_where_it_was_said(void **state) {
        const struct hypothesis *hypothesis;
        struct scene scene;

        (void)state;
        scene_make(&scene);
        hypothesis = &scene.result.hypothesis;
        scene.window.begin = 600;
        add(&scene, " behind", -0.3f);
        result_jump(&scene.result, (int64_t)100 * LOG_MEL_HOP);
        assert_int_equal(scene.result.n_previous, 0);
        scene.window = (struct attempt_window){.begin = 100, .end = 700, .is_second = true};
        add(&scene, " before", -0.3f);
        assert_int_equal(hypothesis->n_segments, 2);
        assert_string_equal(hypothesis->segments[0].text, " before");
        assert_int_equal(hypothesis->segments[0].end, hypothesis->segments[1].begin);
        scene_clear(&scene);
}

// Tokens that the job's first window is told.
static size_t count_told(bool is_prompt_over) {
        int32_t tokens[] = {1, 2, 3};
        const struct prompt_texts texts = {.prompt = {.items = tokens, .n = 3}};
        struct scene scene;
        size_t n;

        scene_make(&scene);
        result_deinit(&scene.result);
        scene.job->hints.is_prompt_over = is_prompt_over;
        scene.job->hints.previous_tokens = xcalloc(1, sizeof(int32_t));
        scene.job->hints.n_previous_tokens = 1;
        result_init(&scene.result, scene.job, scene.tokenizer, &texts);
        n = scene.result.n_previous;
        scene_clear(&scene);
        return n;
}

static void test_a_prompt_is_told_until_it_is_over(void **state) {
        (void)state;
        assert_int_equal(count_told(false), 4);
        assert_int_equal(count_told(true), 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_refused_does_not_go_on),
                cmocka_unit_test(test_a_text_becomes_a_segment),
                cmocka_unit_test(test_silence_becomes_nothing),
                cmocka_unit_test(test_what_was_missed_goes_where_it_was_said),
                cmocka_unit_test(test_a_prompt_is_told_until_it_is_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
