// Which tokens may follow, how windows are split and prompts built: Whisper's rules by example.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "whisper/cpu/random_rig.h"
#include "whisper/prompt.h"
#include "whisper/sampler.h"
#include "whisper/splitter.h"

// A vocabulary in small: ten words, specials, twenty timestamps.
enum {
        EOT = 10,
        SOT,
        ENGLISH,
        TRANSLATE,
        TRANSCRIBE,
        PREV,
        NO_SPEECH,
        NO_TIMESTAMPS,
        T0,
        N = T0 + 20
};

static const struct tokenizer_specials specials = {
        .end_of_text = EOT,
        .start_of_transcript = SOT,
        .translate = TRANSLATE,
        .transcribe = TRANSCRIBE,
        .start_of_prev = PREV,
        .no_speech = NO_SPEECH,
        .no_timestamps = NO_TIMESTAMPS,
        .timestamp_begin = T0,
};

static const int32_t suppressed[] = {3, SOT};

static const struct sampler_rules rules = {
        .specials = &specials,
        .n_vocabulary = N,
        .suppressed = suppressed,
        .n_suppressed = 2,
        .blank = 5,
        .has_timestamps = true,
        .max_initial_timestamp = 4,
};

static float logits[N];  // of the last call of allowed()

// Restrict flat logits in which `liked` stands out, and tell which of [first, last) are left.
static size_t allowed(const struct sampler_rules *with, const int32_t *tokens, size_t n,
                      int32_t liked, size_t first, size_t last) {
        size_t n_allowed = 0;

        for (size_t i = 0; i < N; i++)
                logits[i] = (int32_t)i == liked ? 10.0f : 0.0f;
        sampler_restrict(with, tokens, n, logits);
        for (size_t i = first; i < last; i++)
                n_allowed += logits[i] != -INFINITY;
        return n_allowed;
}

static void test_a_window_begins_with_an_early_timestamp(void **state) {
        (void)state;
        assert_int_equal(allowed(&rules, NULL, 0, 1, 0, T0), 0);
        assert_int_equal(allowed(&rules, NULL, 0, 1, T0, N), 5);
        assert_true(logits[T0 + 4] != -INFINITY);
        assert_true(logits[T0 + 5] == -INFINITY);
}

static void test_after_a_pair_comes_text(void **state) {
        (void)state;
        const int32_t first[] = {T0}, pair[] = {T0, 1, T0 + 5, T0 + 5};
        assert_int_equal(allowed(&rules, first, 1, 1, T0, N), 0);
        assert_int_equal(allowed(&rules, pair, 4, 1, T0, N), 0);
        assert_true(logits[1] != -INFINITY);
        assert_true(logits[3] == -INFINITY);
}

static void test_a_single_timestamp_is_followed_by_one_or_the_end(void **state) {
        (void)state;
        const int32_t tokens[] = {T0, 1, T0 + 5};
        assert_int_equal(allowed(&rules, tokens, 3, EOT, 0, EOT), 0);
        assert_true(logits[EOT] != -INFINITY);
        assert_true(logits[T0 + 4] == -INFINITY);
        assert_true(logits[T0 + 5] != -INFINITY);
}

static void test_time_does_not_go_back(void **state) {
        (void)state;
        const int32_t tokens[] = {T0, 1, T0 + 7, T0 + 7, 2};
        allowed(&rules, tokens, 5, 1, 0, N);
        assert_true(logits[T0 + 6] == -INFINITY);
        assert_true(logits[T0 + 7] != -INFINITY);
        assert_true(logits[1] != -INFINITY);
}

static void test_timestamps_win_when_together_likelier_than_any_word(void **state) {
        (void)state;
        const int32_t tokens[] = {T0, 1};
        // All equal: twenty timestamps outweigh each word.
        assert_int_equal(allowed(&rules, tokens, 2, -1, 0, T0), 0);
        assert_int_equal(allowed(&rules, tokens, 2, -1, T0, N), 20);
}

static void test_without_timestamps_only_the_lists_count(void **state) {
        (void)state;
        struct sampler_rules plain = rules;
        plain.has_timestamps = false;
        assert_int_equal(allowed(&plain, NULL, 0, 1, 0, N), N - 4);
        assert_true(logits[5] == -INFINITY && logits[EOT] == -INFINITY);
        assert_int_equal(allowed(&plain, suppressed, 1, 1, 0, N), N - 2);
}

static void test_what_was_said_is_penalized_once(void **state) {
        (void)state;
        struct sampler_rules strict = rules;
        const int32_t tokens[] = {1, 2, 1};
        float x[N] = {0};

        strict.has_timestamps = false;
        strict.repetition_penalty = 2;
        x[1] = 8;
        x[2] = -8;
        x[4] = 8;
        sampler_restrict(&strict, tokens, 3, x);
        assert_float_equal(x[1], 4, 0);
        assert_float_equal(x[2], -16, 0);
        assert_float_equal(x[4], 8, 0);
}

static void test_no_run_stands_twice(void **state) {
        (void)state;
        struct sampler_rules strict = rules;
        const int32_t tokens[] = {1, 2, 4, 1, 2};

        strict.has_timestamps = false;
        strict.no_repeat_ngram_size = 3;
        allowed(&strict, tokens, 5, 1, 0, N);
        assert_true(logits[4] == -INFINITY);
        assert_true(logits[1] != -INFINITY && logits[2] != -INFINITY);
        strict.no_repeat_ngram_size = 1;  // every word once
        allowed(&strict, tokens, 5, 1, 0, N);
        assert_true(logits[1] == -INFINITY && logits[2] == -INFINITY &&
                    logits[4] == -INFINITY && logits[6] != -INFINITY);
        strict.no_repeat_ngram_size = 6;  // more than there are
        allowed(&strict, tokens, 5, 1, 0, N);
        assert_true(logits[4] != -INFINITY);
}

static void test_choosing(void **state) {
        (void)state;
        uint64_t random = 1;
        size_t counts[3] = {0};
        float logprob = 0;

        for (int i = 0; i < 4000; i++) {
                float three[3] = {0, logf(2), -INFINITY};

                assert_int_equal(sampler_choose(three, 3, 0, &random, &logprob), 1);
                assert_float_equal(logprob, logf(2.0f / 3), 1e-5);
                counts[sampler_choose(three, 3, 1, &random, &logprob)]++;
        }
        assert_int_equal(counts[2], 0);
        assert_in_range(counts[1], 2520, 2810);  // 2667, five standard deviations
}

enum { MANY = 1000, WANTED = 10 };

// The likeliest that comes after this one: less likely, or as likely and behind it.
static int32_t next_best(const float *many, float likeliest, int32_t last) {
        int32_t best = -1;

        for (int32_t i = 0; i < MANY; i++) {
                bool is_behind = many[i] < likeliest || (many[i] == likeliest && i > last);

                if (is_behind && (best < 0 || many[i] > many[best]))
                        best = i;
        }
        return best;
}

// Where many may not follow, and some are equal: of these the first wins.
static void test_candidates_are_the_likeliest(void **state) {
        (void)state;
        float many[MANY];
        struct candidate found[WANTED];

        rig_random_restart();
        for (size_t i = 0; i < MANY; i++)
                many[i] = i % 3 == 0 || i / 64 == 2 ? -INFINITY : rig_random() * 10;
        many[MANY - 1] = 11;
        many[400] = many[401] = 10.5f;
        for (int round = 0; round < 100; round++) {
                float likeliest = 12;
                int32_t last = -1;

                assert_int_equal(sampler_candidates(many, MANY, 0, found, WANTED), WANTED);
                for (size_t i = 0; i < WANTED; i++) {
                        last = next_best(many, likeliest, last);
                        assert_int_equal(found[i].token, last);
                        likeliest = many[last];
                }
                for (size_t i = 0; i < MANY; i++)
                        many[i] = rig_random() < 0 ? many[i] : rig_random() * 10;
        }
}

static void test_candidates_are_as_many_as_may_follow(void **state) {
        (void)state;
        float many[MANY];
        struct candidate found[WANTED];

        for (size_t i = 0; i < MANY; i++)
                many[i] = i == 130 || i == 7 ? 1 : -INFINITY;
        assert_int_equal(sampler_candidates(many, MANY, -2, found, WANTED), 2);
        assert_int_equal(found[0].token, 7);
        assert_int_equal(found[1].token, 130);
        assert_float_equal(found[0].score, -2 - logf(2), 1e-5);
}

static void test_splitting_at_pairs(void **state) {
        (void)state;
        struct split split;
        const int32_t ended[] = {T0, 1, T0 + 3, T0 + 4, 2, T0 + 9};
        const int32_t cut[] = {T0, 1, T0 + 3, T0 + 3, 2};
        const int32_t single[] = {T0, 1, T0 + 3};
        const int32_t no_end[] = {1, 2};

        splitter_split(ended, 6, T0, 100, &split);
        assert_int_equal(split.n, 2);
        assert_int_equal(split.segments[0].n, 3);
        assert_int_equal(split.segments[0].end, 6);
        assert_int_equal(split.segments[1].begin, 8);
        assert_int_equal(split.segments[1].end, 18);
        assert_int_equal(split.n_consumed, 100);

        splitter_split(cut, 5, T0, 100, &split);
        assert_int_equal(split.n, 1);
        assert_int_equal(split.n_consumed, 6);

        splitter_split(single, 3, T0, 100, &split);
        assert_int_equal(split.n, 1);
        assert_int_equal(split.segments[0].end, 6);
        assert_int_equal(split.n_consumed, 100);

        splitter_split(no_end, 2, T0, 100, &split);
        assert_int_equal(split.segments[0].end, 100);
        splitter_split(NULL, 0, T0, 100, &split);
        assert_int_equal(split.n_consumed, 100);
}

static void test_a_pair_at_zero_does_not_stand_still(void **state) {
        (void)state;
        struct split split;
        const int32_t tokens[] = {T0, T0, 1};

        splitter_split(tokens, 3, T0, 100, &split);
        assert_int_equal(split.n_consumed, 100);
}

static void test_prompts(void **state) {
        (void)state;
        int32_t previous[500];
        const int32_t hotwords[] = {7, 8};
        struct prompt prompt =
                prompt_build(&specials, &(struct prompt_parts){.language = ENGLISH,
                                                               .task = DECODE_TRANSLATE});

        assert_int_equal(prompt.n, 3);
        assert_int_equal(prompt.tokens[2], TRANSLATE);
        assert_int_equal(prompt.n_after, 224);

        for (int32_t i = 0; i < 500; i++)
                previous[i] = i;
        prompt = prompt_build(&specials, &(struct prompt_parts){.language = -1,
                                                                .hotwords = hotwords,
                                                                .n_hotwords = 2,
                                                                .previous = previous,
                                                                .n_previous = 500,
                                                                .without_timestamps = true});
        assert_int_equal(prompt.tokens[0], PREV);
        assert_int_equal(prompt.tokens[2], 8);
        assert_int_equal(prompt.tokens[3], 500 - 223);
        assert_int_equal(prompt.start, 226);
        assert_int_equal(prompt.tokens[226], SOT);
        assert_int_equal(prompt.tokens[227], NO_TIMESTAMPS);
        assert_int_equal(prompt.n, 228);
        assert_int_equal(prompt.n_after, 221);
}

static void test_prompts_end_with_the_prefix(void **state) {
        (void)state;
        const int32_t prefix[] = {7, 8};
        struct prompt_parts parts = {
                .language = ENGLISH, .prefix = prefix, .n_prefix = 2, .n_text_max = 9};
        struct prompt prompt = prompt_build(&specials, &parts);

        assert_int_equal(prompt.n, 6);
        assert_int_equal(prompt.tokens[3], T0);
        assert_int_equal(prompt.tokens[5], 8);
        assert_int_equal(prompt.n_after, 9);
        parts.without_timestamps = true;
        prompt = prompt_build(&specials, &parts);
        assert_int_equal(prompt.n, 6);
        assert_int_equal(prompt.tokens[3], NO_TIMESTAMPS);
        assert_int_equal(prompt.tokens[4], 7);
}

static void test_prompts_leave_room_for_text(void **state) {
        (void)state;
        int32_t words[500] = {0};
        struct prompt prompt =
                prompt_build(&specials, &(struct prompt_parts){.language = ENGLISH,
                                                               .hotwords = words,
                                                               .n_hotwords = 500,
                                                               .previous = words,
                                                               .n_previous = 500,
                                                               .prefix = words,
                                                               .n_prefix = 500});

        assert_true(prompt.n <= PROMPT_CONTEXT - 50);
        assert_true(prompt.n_after >= 50);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_window_begins_with_an_early_timestamp),
                cmocka_unit_test(test_after_a_pair_comes_text),
                cmocka_unit_test(test_a_single_timestamp_is_followed_by_one_or_the_end),
                cmocka_unit_test(test_time_does_not_go_back),
                cmocka_unit_test(test_timestamps_win_when_together_likelier_than_any_word),
                cmocka_unit_test(test_without_timestamps_only_the_lists_count),
                cmocka_unit_test(test_what_was_said_is_penalized_once),
                cmocka_unit_test(test_no_run_stands_twice),
                cmocka_unit_test(test_choosing),
                cmocka_unit_test(test_candidates_are_the_likeliest),
                cmocka_unit_test(test_candidates_are_as_many_as_may_follow),
                cmocka_unit_test(test_splitting_at_pairs),
                cmocka_unit_test(test_a_pair_at_zero_does_not_stand_still),
                cmocka_unit_test(test_prompts),
                cmocka_unit_test(test_prompts_end_with_the_prefix),
                cmocka_unit_test(test_prompts_leave_room_for_text),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
