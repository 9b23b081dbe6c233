// The search on a toy language: which word follows depends on the last one only, so that all
// texts can be enumerated. The memory is real, and what it holds is checked at every step.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "whisper/search.h"

// Words 0 to 3, the end, and a word that only prompts have.
enum { WORDS = 4, EOT = WORDS, START, N };

static const struct tokenizer_specials specials = {.end_of_text = EOT};
static const struct sampler_rules rules = {
        .specials = &specials, .n_vocabulary = N, .blank = -1};

struct toy {
        float probabilities[N][N];  // [last, next]
        struct kv_pool *pool;
        struct search search;
        size_t n_steps, n_prompt_rows, n_blocks_most;
};

static int setup(void **state) {
        static struct toy toy;

        toy = (struct toy){.pool = kv_pool_new(1, 1, 1000)};
        *state = &toy;
        return 0;
}

static int teardown(void **state) {
        struct toy *toy = *state;

        search_clear(&toy->search, toy->pool);
        assert_int_equal(kv_pool_used(toy->pool), 0);
        kv_pool_free(toy->pool);
        return 0;
}

static void allow(struct toy *toy, int last, int next, float probability) {
        toy->probabilities[last][next] = probability;
}

// What the decoder would do: take the row's token in, having those before it. A draft's tokens
// are not the sequence's yet.
static void feed(struct toy *toy, const struct sequence *sequence,
                 const struct decoder_row *row) {
        assert_int_equal(kv_cache_reach(row->kv, toy->pool, row->position), 0);
        *kv_cache_key(row->kv, toy->pool, 0, row->position) = (float)row->token;
        for (size_t i = 0; i <= row->position && i < sequence->n_tokens; i++)
                assert_float_equal(*kv_cache_key(row->kv, toy->pool, 0, i),
                                   (float)sequence->tokens[i], 0);
        if (row->position < toy->search.n_prompt)
                toy->n_prompt_rows++;
}

static void run(struct toy *toy, const struct search_plan *plan, size_t n_prompt) {
        int32_t prompt[PROMPT_CONTEXT];
        bool is_over = false;

        for (size_t i = 0; i < n_prompt; i++)
                prompt[i] = START;
        toy->n_steps = toy->n_prompt_rows = toy->n_blocks_most = 0;
        search_start(&toy->search, plan, prompt, n_prompt, toy->pool);
        while (!is_over) {
                struct decoder_row rows[DECODER_ROWS_MAX];
                struct sequence *sequences[DECODER_ROWS_MAX];
                size_t n = search_rows(&toy->search, rows, sequences, DECODER_ROWS_MAX);

                assert_true(n > 0);
                for (size_t i = 0; i < n; i++)
                        feed(toy, sequences[i], &rows[i]);
                for (size_t i = 0; i < n; i++) {
                        float logits[N];

                        for (size_t k = 0; k < N; k++)
                                logits[k] = logf(toy->probabilities[rows[i].token][k]);
                        search_on_row(&toy->search, &rules, sequences[i], &rows[i], logits);
                }
                is_over = search_on_step(&toy->search, &rules, toy->pool);
                if (toy->n_blocks_most < kv_pool_used(toy->pool))
                        toy->n_blocks_most = kv_pool_used(toy->pool);
                toy->n_steps++;
        }
}

static void check_best(const struct toy *toy, const int32_t *tokens, size_t n,
                       float probability) {
        assert_int_equal(toy->search.best.n, n);
        assert_memory_equal(toy->search.best.tokens, tokens, n * sizeof(*tokens));
        assert_float_equal(expf(toy->search.best.sum_logprob), probability, 1e-5);
}

// The likely beginning leads nowhere, the less likely one to a sure end.
static void make_garden_path(struct toy *toy) {
        allow(toy, START, 0, 0.6f);
        allow(toy, START, 1, 0.4f);
        allow(toy, 0, 2, 0.5f);
        allow(toy, 0, 3, 0.5f);
        allow(toy, 2, EOT, 1);
        allow(toy, 3, EOT, 1);
        allow(toy, 1, 2, 0.9f);
        allow(toy, 1, 3, 0.1f);
}

static void test_greedy_takes_the_likeliest_each_time(void **state) {
        struct toy *toy = *state;

        make_garden_path(toy);
        run(toy, &(struct search_plan){.width = 1, .length_penalty = 1, .n_text_max = 9}, 3);
        check_best(toy, (int32_t[]){0, 2}, 2, 0.3f);
        assert_int_equal(toy->n_steps, 3);
}

static void test_beams_find_what_greedy_misses(void **state) {
        struct toy *toy = *state;

        make_garden_path(toy);
        run(toy,
            &(struct search_plan){.width = 2,
                                  .is_beam = true,
                                  .patience = 1,
                                  .length_penalty = 1,
                                  .n_text_max = 9},
            3);
        check_best(toy, (int32_t[]){1, 2}, 2, 0.36f);
}

// The best of all texts that begin with n tokens, by enumeration.
static void enumerate(const struct toy *toy, const struct search_plan *plan, int32_t *tokens,
                      size_t n, float sum, struct search_text *ret) {
        const float *next = toy->probabilities[n > 0 ? tokens[n - 1] : START];

        for (int32_t token = 0; token < N; token++) {
                struct search_text text = {.n = token == EOT ? n : n + 1,
                                           .sum_logprob = sum + logf(next[token])};

                if (next[token] <= 0)
                        continue;
                tokens[n] = token;
                if (token != EOT && text.n < plan->n_text_max) {
                        enumerate(toy, plan, tokens, n + 1, text.sum_logprob, ret);
                        continue;
                }
                text.score = text.sum_logprob /
                             powf((float)(text.n > 0 ? text.n : 1), plan->length_penalty);
                if (text.score > ret->score)
                        *ret = text;
        }
}

// Some words and the end in any order.
static void make_random_language(struct toy *toy, uint32_t seed, int32_t n_words) {
        memset(toy->probabilities, 0, sizeof(toy->probabilities));
        for (int32_t last = 0; last < N; last++)
                for (int32_t next = 0; next <= EOT; next++) {
                        seed = seed * 1664525u + 1013904223u;
                        if (next < n_words || next == EOT)
                                toy->probabilities[last][next] = 0.05f + (float)(seed >> 28);
                }
        for (int32_t last = 0; last < N; last++) {
                float sum = 0;

                for (int32_t next = 0; next < N; next++)
                        sum += toy->probabilities[last][next];
                for (int32_t next = 0; next < N; next++)
                        toy->probabilities[last][next] /= sum;
        }
}

static void test_wide_beams_find_the_best_of_all_texts(void **state) {
        struct toy *toy = *state;
        static const float penalties[] = {0.5f, 1, 2};

        for (uint32_t seed = 0; seed < 60; seed++) {
                struct search_text best = {.score = -INFINITY};
                struct search_plan plan = {.width = DECODE_WIDTH_MAX,
                                           .is_beam = true,
                                           .patience = 100,
                                           .length_penalty = penalties[seed % 3],
                                           .n_text_max = 4};
                int32_t tokens[8];

                make_random_language(toy, seed, 2);
                enumerate(toy, &plan, tokens, 0, 0, &best);
                run(toy, &plan, 1);
                assert_int_equal(toy->search.best.n, best.n);
                assert_float_equal(toy->search.best.score, best.score, 1e-4);
        }
}

// A sure word at first, then each word may be the last, or lead to itself.
static void make_chain(struct toy *toy) {
        allow(toy, START, 0, 1);
        allow(toy, 0, 0, 0.6f);
        allow(toy, 0, EOT, 0.4f);
}

static void test_patience_waits_for_more_texts(void **state) {
        struct toy *toy = *state;
        struct search_plan plan = {.width = 2,
                                   .is_beam = true,
                                   .patience = 1,
                                   .length_penalty = 1,
                                   .n_text_max = 20};
        size_t n_steps;

        make_chain(toy);
        run(toy, &plan, 1);
        assert_int_equal(toy->search.n_ended, 2);
        n_steps = toy->n_steps;
        plan.patience = 2.4f;  // five texts
        run(toy, &plan, 1);
        assert_int_equal(toy->search.n_ended, 5);
        assert_int_equal(toy->n_steps, n_steps + 3);
}

static void test_without_penalty_the_best_beam_ends_it(void **state) {
        struct toy *toy = *state;
        struct search_plan plan = {
                .width = 3, .is_beam = true, .patience = 1, .n_text_max = 20};

        make_chain(toy);
        allow(toy, 0, 0, 0.3f);
        allow(toy, 0, EOT, 0.7f);
        run(toy, &plan, 1);
        check_best(toy, (int32_t[]){0}, 1, 0.7f);
        assert_int_equal(toy->search.n_ended, 1);
}

static void test_length_penalty_likes_long_texts(void **state) {
        struct toy *toy = *state;
        struct search_plan plan = {.width = 2,
                                   .is_beam = true,
                                   .patience = 9,
                                   .length_penalty = 3,
                                   .n_text_max = 5};

        make_chain(toy);
        run(toy, &plan, 1);
        assert_int_equal(toy->search.best.n, 5);
        plan.length_penalty = 0.1f;
        run(toy, &plan, 1);
        assert_int_equal(toy->search.best.n, 1);
}

static void test_samples_share_one_prompt(void **state) {
        struct toy *toy = *state;
        struct search_plan plan = {
                .width = 5, .temperature = 1, .length_penalty = 1, .n_text_max = 30, .seed = 7};

        make_random_language(toy, 1, 4);
        run(toy, &plan, 70);
        assert_int_equal(toy->n_prompt_rows, 70);
        assert_int_equal(toy->search.n_ended, 5);
        for (size_t i = 0; i < 5; i++) {
                const struct sequence *sample = &toy->search.sequences[i];
                float score = sample->sum_logprob / (float)(sample->n_tokens - 70);

                assert_true(score <= toy->search.best.score + 1e-6f);
                for (size_t k = 0; k < i; k++)
                        assert_memory_not_equal(sample->tokens, toy->search.sequences[k].tokens,
                                                sizeof(sample->tokens));
        }

        // The next search with it feeds what is left of the last page only.
        run(toy, &plan, 70);
        assert_int_equal(toy->n_prompt_rows, 70 - 64);
        search_forget(&toy->search, toy->pool);
        assert_int_equal(kv_pool_used(toy->pool), 0);
}

static void test_beams_keep_to_their_pages(void **state) {
        struct toy *toy = *state;

        for (size_t n_prompt = 1; n_prompt <= 224; n_prompt += 31) {
                make_random_language(toy, (uint32_t)n_prompt, 4);
                for (size_t i = 0; i < N; i++)
                        toy->probabilities[i][EOT] = 0;
                search_forget(&toy->search, toy->pool);
                run(toy,
                    &(struct search_plan){.width = 5,
                                          .is_beam = true,
                                          .patience = 1,
                                          .length_penalty = 1,
                                          .n_text_max = 224},
                    n_prompt);
                assert_int_equal(toy->search.best.n, 224);
                assert_int_equal(toy->search.n_ended, 5);
                assert_in_range(toy->n_blocks_most, 8, search_blocks(5));
        }
}

// The likeliest text is 0 1 2 3 0 1 2 3 ..., as long as may be.
static void make_cycle(struct toy *toy) {
        allow(toy, START, 0, 1);
        for (int32_t word = 0; word < WORDS; word++) {
                allow(toy, word, (word + 1) % WORDS, 0.8f);
                allow(toy, word, word, 0.2f);
        }
}

static void test_a_draft_changes_nothing_but_the_number_of_steps(void **state) {
        struct toy *toy = *state;
        static const int32_t right[] = {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3},
                             middle[] = {0, 1, 2, 2, 2, 3, 0}, none[] = {3, 2, 1},
                             ends[] = {0, 1, EOT, 0};
        static const struct {
                const int32_t *draft;
                size_t n, n_steps;  // without: 9, the prompt's with the first word, and eight
        } cases[] = {
                {right, 0, 9},  {right, 1, 8},  {right, 8, 1},      {right, 9, 1},
                {right, 16, 1}, {middle, 7, 6}, {none, 3, 9},       {ends, 4, 7},
                {right, 4, 5},  {middle, 3, 6}, {middle + 2, 1, 9},
        };
        struct search_plan plan = {.width = 1, .length_penalty = 1, .n_text_max = 9};

        make_cycle(toy);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                plan.draft = cases[i].draft;
                plan.n_draft = cases[i].n;
                search_forget(&toy->search, toy->pool);
                run(toy, &plan, 40);
                check_best(toy, right, 9, powf(0.8f, 8));
                assert_int_equal(toy->n_steps, cases[i].n_steps);
        }
}

static void test_a_prompt_alone_is_fed_once(void **state) {
        struct toy *toy = *state;
        struct decoder_row rows[DECODER_ROWS_MAX];
        struct sequence *sequences[DECODER_ROWS_MAX];

        // As for the language: what follows is not asked.
        search_start(&toy->search, &(struct search_plan){.width = 1}, (int32_t[]){START}, 1,
                     toy->pool);
        assert_int_equal(search_rows(&toy->search, rows, sequences, DECODER_ROWS_MAX), 1);
        assert_true(rows[0].wants_logits);
}

static void test_where_nothing_may_follow_the_text_ends(void **state) {
        struct toy *toy = *state;
        struct search_plan plan = {
                .width = 1, .patience = 1, .length_penalty = 1, .n_text_max = 9};

        allow(toy, START, 0, 1);
        run(toy, &plan, 1);
        check_best(toy, (int32_t[]){0}, 1, 1);
        plan.width = 3;
        plan.is_beam = true;
        run(toy, &plan, 1);
        check_best(toy, (int32_t[]){0}, 1, 1);
}

#define SEARCH_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                SEARCH_TEST(test_greedy_takes_the_likeliest_each_time),
                SEARCH_TEST(test_beams_find_what_greedy_misses),
                SEARCH_TEST(test_wide_beams_find_the_best_of_all_texts),
                SEARCH_TEST(test_patience_waits_for_more_texts),
                SEARCH_TEST(test_without_penalty_the_best_beam_ends_it),
                SEARCH_TEST(test_length_penalty_likes_long_texts),
                SEARCH_TEST(test_samples_share_one_prompt),
                SEARCH_TEST(test_beams_keep_to_their_pages),
                SEARCH_TEST(test_a_draft_changes_nothing_but_the_number_of_steps),
                SEARCH_TEST(test_a_prompt_alone_is_fed_once),
                SEARCH_TEST(test_where_nothing_may_follow_the_text_ends),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
