// Speech that no word covers.
#include "whisper/unheard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/mem.h"

#define SECONDS    20
#define S(seconds) ((int64_t)((seconds)*AUDIO_RATE))

// Twenty seconds of noise, all speech, and of a text of 50 tokens the words that are given.
struct scene {
        float *samples;
        struct activity speech;
        struct unheard_list found;
};

static void scene_make(struct scene *scene) {
        uint32_t random = 1;

        *scene = (struct scene){.samples = xcalloc(SECONDS * AUDIO_RATE, sizeof(float))};
        for (size_t i = 0; i < (size_t)SECONDS * AUDIO_RATE; i++) {
                random = random * 1664525u + 1013904223u;
                scene->samples[i] = (float)(random >> 16) / 32768 - 1;
        }
        activity_add(&scene->speech, 0, S(SECONDS));
}

static void scene_find(struct scene *scene, const struct heard_word *words, size_t n) {
        const struct unheard whole = {.begin = 0, .end = S(SECONDS), .token = 50};

        unheard_find(&scene->found, &scene->speech, scene->samples, words, n, &whole);
}

// A word each half second.
static size_t words_between(struct heard_word *ret, size_t n, double begin, double end,
                            size_t token) {
        for (int64_t at = S(begin); at < S(end); at += S(0.5))
                ret[n++] = (struct heard_word){.position = at, .token = token++};
        return n;
}

static void assert_about(int64_t position, double seconds) {
        assert_in_range(position, S(seconds - 0.31), S(seconds + 0.31));
}

static void before_the_first_word(void **state) {
        struct heard_word words[40];
        struct scene scene;

        (void)state;
        scene_make(&scene);
        scene_find(&scene, words, words_between(words, 0, 9, SECONDS, 0));
        assert_int_equal(scene.found.n, 1);
        assert_int_equal(scene.found.items[0].begin, 0);
        assert_about(scene.found.items[0].end, 8.7);
        assert_int_equal(scene.found.items[0].token, 0);
        free(scene.samples);
}

static void between_words_and_behind_them(void **state) {
        struct heard_word words[40];
        struct scene scene;
        size_t n = words_between(words, 0, 0.2, 4, 0);

        (void)state;
        scene_make(&scene);
        scene_find(&scene, words, words_between(words, n, 9, 13, 20));
        assert_int_equal(scene.found.n, 2);
        assert_about(scene.found.items[0].begin, 4);
        assert_about(scene.found.items[0].end, 8.7);
        assert_int_equal(scene.found.items[0].token, 20);
        assert_about(scene.found.items[1].begin, 12.8);
        assert_int_equal(scene.found.items[1].end, S(SECONDS));
        assert_int_equal(scene.found.items[1].token, 50);
        free(scene.samples);
}

static void three_seconds_of_speech_it_takes(void **state) {
        struct heard_word words[40];
        struct scene scene;

        (void)state;
        scene_make(&scene);
        scene_find(&scene, words, words_between(words, 0, 3.1, SECONDS, 0));
        assert_int_equal(scene.found.n, 0);
        scene_find(&scene, words, words_between(words, 0, 3.5, SECONDS, 0));
        assert_int_equal(scene.found.n, 1);
        // What is no speech does not count, nor where nothing is known.
        scene.speech = (struct activity){0};
        activity_add(&scene.speech, S(1), S(SECONDS));
        scene_find(&scene, words, words_between(words, 0, 3.5, SECONDS, 0));
        assert_int_equal(scene.found.n, 0);
        scene.speech = (struct activity){0};
        scene_find(&scene, words, words_between(words, 0, 9, SECONDS, 0));
        assert_int_equal(scene.found.n, 0);
        free(scene.samples);
}

// One look in the wrong place does not make a word there.
static void a_stray_look_covers_nothing(void **state) {
        struct heard_word words[40];
        struct scene scene;
        size_t n = words_between(words, 0, 9, SECONDS, 0);

        (void)state;
        scene_make(&scene);
        words[5].position = S(4);
        scene_find(&scene, words, n);
        assert_int_equal(scene.found.n, 1);
        assert_about(scene.found.items[0].end, 8.7);
        free(scene.samples);
}

static void it_ends_where_it_is_quiet(void **state) {
        struct heard_word words[40];
        struct scene scene;

        (void)state;
        scene_make(&scene);
        for (int64_t i = S(8.6); i < S(8.7); i++)
                scene.samples[i] /= 100;
        scene_find(&scene, words, words_between(words, 0, 9, SECONDS, 0));
        assert_int_equal(scene.found.n, 1);
        assert_in_range(scene.found.items[0].end, S(8.6), S(8.7));
        free(scene.samples);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(before_the_first_word),
                cmocka_unit_test(between_words_and_behind_them),
                cmocka_unit_test(three_seconds_of_speech_it_takes),
                cmocka_unit_test(a_stray_look_covers_nothing),
                cmocka_unit_test(it_ends_where_it_is_quiet),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
