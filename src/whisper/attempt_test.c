// What is made of a window's text when the search is over.
#include "whisper/attempt.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "util/mem.h"
#include "whisper/log_mel.h"
#include "whisper/tokenizer_rig.h"

#define SECONDS 10

// A window of ten seconds whose text is what the bytes say, and each of them a token.
struct scene {
        struct whisper_model model;
        struct job *job;
        struct transcription *transcription;
};

static void scene_make(struct scene *scene, const char *text, bool is_cut) {
        struct search_text *best;

        *scene = (struct scene){
                .model = {.tokenizer = rig_tokenizer_of_bytes()},
                .job = job_new((size_t)SECONDS * AUDIO_RATE),
                .transcription = xnew(struct transcription),
        };
        scene->job->options.without_timestamps = DECODE_YES;
        scene->transcription->job = scene->job;
        scene->transcription->n_frames = scene->job->n_samples / LOG_MEL_HOP;
        best = &scene->transcription->search.best;
        best->n = strlen(text);
        best->is_cut = is_cut;
        for (size_t i = 0; i < best->n; i++)
                best->tokens[i] = (unsigned char)text[i];
}

static void scene_clear(struct scene *scene) {
        tokenizer_free(scene->model.tokenizer);
        job_free(scene->job);
        free(scene->transcription);
}

// The text that is left of a text whose room ended within a character.
static void assert_left(const char *text, bool is_cut, size_t n) {
        struct scene scene;
        struct attempt attempt;

        scene_make(&scene, text, is_cut);
        attempt = attempt_judge(scene.transcription, &scene.model);
        assert_int_equal(attempt.n, n);
        assert_int_equal(attempt.is_cut, is_cut);
        scene_clear(&scene);
}

static void no_broken_character_is_told(void **state) {
        (void)state;
        assert_left("\xe4\xb8\xad\xe5\x9b", true, 3);
        assert_left("\xe4\xb8\xad\xe5", true, 3);
        assert_left("\xe4\xb8\xad\xe5\x9b\xbd", true, 6);
        assert_left(" na\xc3", true, 3);
        assert_left("\xf0\x9f\x98", true, 0);
        // What the model means to be the end is its own.
        assert_left("\xe4\xb8\xad\xe5\x9b", false, 5);
}

static bool goes_on(const char *text, bool is_cut, float logprob) {
        struct scene scene;
        struct attempt attempt;
        bool does;

        scene_make(&scene, text, is_cut);
        scene.transcription->search.best.sum_logprob = logprob * (float)(strlen(text) + 1);
        attempt = attempt_judge(scene.transcription, &scene.model);
        does = attempt_goes_on(scene.transcription, &attempt, &scene.model);
        scene_clear(&scene);
        return does;
}

static void what_is_refused_does_not_go_on(void **state) {
        (void)state;
        assert_true(goes_on(" They prepared to dep", true, -0.3f));
        assert_false(goes_on(" They prepared to dep", false, -0.3f));
        assert_false(goes_on(" They prepared to dep", true, -1.2f));
        assert_false(goes_on(" no no no no no no no no no no no no n", true, -0.3f));
        assert_false(goes_on(" and so and so and so and so and so and so and so and so and so "
                             "and so and so and so and so and so and so and so and so and so",
                             true, -0.1f));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_broken_character_is_told),
                cmocka_unit_test(what_is_refused_does_not_go_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
