// What is taken for made up, by hand-made word times, and where the next window begins then.
#include "decode/hallucination.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "util/mem.h"

static int64_t samples(double seconds) {
        return (int64_t)(seconds * AUDIO_RATE);
}

// A segment of n words that last `duration` seconds each, from `begin` on.
static void say(struct hypothesis *hypothesis, double begin, size_t n, double duration,
                float probability) {
        struct hypothesis_segment *segment = hypothesis_append(hypothesis);

        segment->begin = samples(begin);
        segment->end = samples(begin + (double)n * duration);
        segment->text = xstrdup(" text");
        segment->words = xcalloc(n, sizeof(*segment->words));
        segment->n_words = n;
        for (size_t i = 0; i < n; i++)
                segment->words[i] = (struct hypothesis_word){
                        .begin = samples(begin + (double)i * duration),
                        .end = samples(begin + (double)(i + 1) * duration),
                        .text = xstrdup(" word"),
                        .probability = probability,
                };
}

// A window of 30 s, a minute into a recording of ten, right behind where somebody spoke.
static struct hallucination_place usual(void) {
        return (struct hallucination_place){
                .begin = samples(60),
                .end = samples(90),
                .sound_end = samples(600),
                .last_speech = samples(60),
                .next = samples(88),
                .threshold = 2,
        };
}

static void expect(const struct hallucination_place *place, struct hypothesis *hypothesis,
                   size_t n_kept, double next) {
        int64_t position = hallucination_skip(place, hypothesis);

        assert_int_equal(hypothesis->n_segments, n_kept);
        assert_int_equal(position, samples(next));
        hypothesis_deinit(hypothesis);
}

static void sure_words_are_left_alone(void **state) {
        const struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        say(&hypothesis, 10, 4, 0.4, 0.9f);
        say(&hypothesis, 25, 4, 0.4, 0.15f);
        expect(&place, &hypothesis, 2, 88);
        expect(&place, &hypothesis, 0, 88);  // nothing was said
}

static void silence_before_a_suspicious_beginning_is_skipped(void **state) {
        const struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        say(&hypothesis, 10, 4, 0.4, 0.1f);
        say(&hypothesis, 12, 4, 0.4, 0.9f);
        expect(&place, &hypothesis, 0, 70);
}

static void a_suspicious_segment_in_silence_is_dropped(void **state) {
        const struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        say(&hypothesis, 1, 4, 0.4, 0.9f);
        say(&hypothesis, 10, 4, 0.4, 0.1f);
        say(&hypothesis, 20, 4, 0.4, 0.9f);
        expect(&place, &hypothesis, 1, 70);
}

static void a_suspicious_segment_between_others_is_kept(void **state) {
        const struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        say(&hypothesis, 1, 4, 0.4, 0.9f);
        say(&hypothesis, 3, 4, 0.4, 0.1f);  // 0.4 s behind
        say(&hypothesis, 20, 4, 0.4, 0.9f);
        expect(&place, &hypothesis, 3, 88);
        say(&hypothesis, 1, 4, 0.4, 0.9f);
        say(&hypothesis, 10, 4, 0.4, 0.1f);
        say(&hypothesis, 12, 4, 0.4, 0.9f);  // 0.4 s before
        expect(&place, &hypothesis, 3, 88);
}

static void two_suspicious_segments_vouch_for_neither(void **state) {
        const struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        say(&hypothesis, 1, 4, 0.4, 0.9f);
        say(&hypothesis, 10, 4, 0.4, 0.1f);
        say(&hypothesis, 12, 4, 0.4, 0.1f);
        expect(&place, &hypothesis, 1, 70);
}

// At both edges of a window nobody knows what comes before and behind.
static void edges_are_next_to_silence(void **state) {
        struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        say(&hypothesis, 1.5, 1, 0.4, 0.1f);
        expect(&place, &hypothesis, 0, 61.5);
        say(&hypothesis, 0.5, 1, 0.4, 0.1f);
        expect(&place, &hypothesis, 0, 61);  // a second at least
        // Near to the window's end: 1.6 s are less than 2 s of anything.
        say(&hypothesis, 22, 4, 0.4, 0.9f);
        say(&hypothesis, 28, 1, 0.4, 0.1f);
        expect(&place, &hypothesis, 1, 88);
}

static void a_recording_begins_with_silence(void **state) {
        struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        place.begin = place.last_speech = 0;
        place.end = place.next = samples(30);
        place.threshold = 5;
        say(&hypothesis, 3, 1, 0.4, 0.1f);
        expect(&place, &hypothesis, 0, 3);
        place.threshold = 3;
        say(&hypothesis, 3, 1, 0.4, 0.1f);
        expect(&place, &hypothesis, 1, 30);
}

static void near_the_end_of_all_nothing_is_heard_again(void **state) {
        struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        place.sound_end = samples(89.5);
        place.end = samples(89.5);
        say(&hypothesis, 1, 4, 0.4, 0.9f);
        say(&hypothesis, 28, 1, 0.4, 0.1f);
        expect(&place, &hypothesis, 1, 89.5);
}

// 3 points are suspicious, or as many as there are words.
static void strangeness_adds_up(void **state) {
        static const struct {
                size_t n;
                double duration;
                float probability;
                bool is_suspicious;
        } cases[] = {
                {1, 0.4, 0.1f, true},                          // improbable, and alone
                {1, 0.4, 0.15f, false},                        // just probable enough
                {8, 0.4, 0.1f, true},   {2, 3.1, 0.9f, true},  // 1.1 s too long each
                {2, 2.9, 0.9f, false},   // not quite as many points as words
                {8, 2.4, 0.9f, true},    // 8 times 0.4
                {8, 2.3, 0.9f, false},   // 8 times 0.3
                {20, 0.06, 0.9f, true},  // the first eight: 8 times 0.073 times 15
                {8, 0.12, 0.9f, false},  // 8 times 0.013 times 15
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                const struct hallucination_place place = usual();
                struct hypothesis hypothesis = {0};

                say(&hypothesis, 3, cases[i].n, cases[i].duration, cases[i].probability);
                expect(&place, &hypothesis, cases[i].is_suspicious ? 0 : 1,
                       cases[i].is_suspicious ? 63 : 88);
        }
}

static void only_the_first_eight_words_count(void **state) {
        const struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        say(&hypothesis, 3, 20, 0.4, 0.9f);
        for (size_t i = 8; i < 20; i++)
                hypothesis.segments[0].words[i].probability = 0;
        expect(&place, &hypothesis, 1, 88);
}

static void punctuation_is_no_word(void **state) {
        static const char *const signs[] = {" ...", "\"", "、", " —"};
        const struct hallucination_place place = usual();

        (void)state;
        for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
                struct hypothesis hypothesis = {0};
                struct hypothesis_word *sign;
                bool is_sign = i < 3;

                // Of two words one is improbable: not enough, unless the other is none.
                say(&hypothesis, 3, 2, 0.4, 0.1f);
                sign = &hypothesis.segments[0].words[1];
                free(sign->text);
                sign->text = xstrdup(signs[i]);
                sign->probability = 0.9f;
                expect(&place, &hypothesis, is_sign ? 0 : 1, is_sign ? 63 : 88);
        }
}

static void segments_without_words_are_left_alone(void **state) {
        const struct hallucination_place place = usual();
        struct hypothesis hypothesis = {0};

        (void)state;
        hypothesis_append(&hypothesis)->begin = samples(20);
        expect(&place, &hypothesis, 1, 88);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sure_words_are_left_alone),
                cmocka_unit_test(silence_before_a_suspicious_beginning_is_skipped),
                cmocka_unit_test(a_suspicious_segment_in_silence_is_dropped),
                cmocka_unit_test(a_suspicious_segment_between_others_is_kept),
                cmocka_unit_test(two_suspicious_segments_vouch_for_neither),
                cmocka_unit_test(edges_are_next_to_silence),
                cmocka_unit_test(a_recording_begins_with_silence),
                cmocka_unit_test(near_the_end_of_all_nothing_is_heard_again),
                cmocka_unit_test(strangeness_adds_up),
                cmocka_unit_test(only_the_first_eight_words_count),
                cmocka_unit_test(punctuation_is_no_word),
                cmocka_unit_test(segments_without_words_are_left_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
