// Allowances for budgets, and the pot that they come out of.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "whisper/fallback.h"
#include "whisper/tokenizer_rig.h"

// --- Attempts -----------------------------------------------------------------------------

// A text whose bytes are its tokens, as a search leaves it.
static void attempt_make(struct attempt *ret, const char *text, bool is_cut) {
        static const struct audio_context context;
        struct tokenizer *tokenizer = rig_tokenizer_of_bytes();
        struct search_text searched = {.n = strlen(text), .is_cut = is_cut};

        for (size_t i = 0; i < searched.n; i++)
                searched.tokens[i] = (unsigned char)text[i];
        attempt_init(ret, &searched, tokenizer, &context, 0);
        tokenizer_free(tokenizer);
}

// The text that is left of a text whose room ended within a character.
static void assert_left(const char *text, bool is_cut, size_t n) {
        struct attempt attempt;

        attempt_make(&attempt, text, is_cut);
        assert_int_equal(attempt.n, n);
        assert_int_equal(attempt.is_cut, is_cut);
}

static void test_no_broken_character_is_told(void **state) {
        (void)state;
        assert_left("\xe4\xb8\xad\xe5\x9b", true, 3);
        assert_left("\xe4\xb8\xad\xe5", true, 3);
        assert_left("\xe4\xb8\xad\xe5\x9b\xbd", true, 6);
        assert_left(" na\xc3", true, 3);
        assert_left("\xf0\x9f\x98", true, 0);
        // What the model means to be the end is its own.
        assert_left("\xe4\xb8\xad\xe5\x9b", false, 5);
}

// How good the attempts are that a window is given, and which one stands in the end.
struct attempt_row {
        float logprob, ratio;
};

struct fallback_case {
        struct attempt_row rows[3];  // one after the other; zeros: no more
        float no_speech_prob;
        unsigned n_made;  // attempts until one stands, or there are no more
        bool stands;
        unsigned best;  // which one it is after fallback_settle()
};

static const struct fallback_case fallback_cases[] = {
        {{{-0.3f, 1.5f}}, 0, 1, true, 0},
        // Improbable texts: the likeliest stands.
        {{{-1.2f, 1.5f}, {-1.1f, 1.5f}, {-1.3f, 1.5f}}, 0, 3, false, 1},
        {{{-1.2f, 1.5f}, {-0.9f, 1.5f}, {-0.1f, 1.5f}}, 0, 2, true, 1},
        // One that repeats itself loses to any that does not.
        {{{-0.1f, 3.0f}, {-1.5f, 1.5f}, {-0.2f, 3.0f}}, 0, 3, false, 1},
        {{{-0.3f, 3.0f}, {-0.1f, 3.0f}, {-0.2f, 3.0f}}, 0, 3, false, 1},
        // What stands is the best, however probable another one is.
        {{{-0.1f, 3.0f}, {-0.9f, 1.5f}}, 0, 2, true, 1},
        // Silence: nothing better is to be had.
        {{{-1.2f, 1.5f}, {-0.1f, 1.5f}}, 0.7f, 1, true, 0},
        {{{-0.5f, 3.0f}, {-0.4f, 1.5f}}, 0.7f, 2, true, 1},
};

static void check_fallback(const struct fallback_case *expected) {
        const struct decode_options options = decode_options_default();
        struct fallback fallback = {.has_best = false};
        bool stands = false;
        size_t n = 0;

        while (!stands && n < 3 && expected->rows[n].ratio > 0) {
                struct attempt attempt = {.avg_logprob = expected->rows[n].logprob,
                                          .compression_ratio = expected->rows[n].ratio,
                                          .n = n};

                stands = fallback_accept(&fallback, &attempt, &options,
                                         expected->no_speech_prob);
                n++;
        }
        assert_int_equal(n, expected->n_made);
        assert_int_equal(stands, expected->stands);
        if (!stands)
                fallback_settle(&fallback);
        assert_int_equal(fallback.best.n, expected->best);
}

static void test_the_best_text_stands(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(fallback_cases) / sizeof(fallback_cases[0]); i++)
                check_fallback(&fallback_cases[i]);
}

static void test_context_comes_before_temperatures(void **state) {
        const struct decode_options options = decode_options_default();
        struct fallback fallback = {.temperature_index = 0};

        (void)state;
        assert_int_equal(fallback_next(&fallback, &options, false), FALLBACK_FULL_CONTEXT);
        assert_int_equal(fallback_next(&fallback, &options, true), FALLBACK_TEMPERATURE);
        fallback.temperature_index = options.n_temperatures - 1;
        assert_int_equal(fallback_next(&fallback, &options, false), FALLBACK_FULL_CONTEXT);
        assert_int_equal(fallback_next(&fallback, &options, true), FALLBACK_END);
}

// --- The budget ---------------------------------------------------------------------------

static void test_the_pot_is_shared_and_fills_with_work(void **state) {
        struct job job = {.rank = JOB_RANK_FINAL};
        struct fallback_pot pot;
        struct fallback_budget budgets[4] = {
                {.pot = &pot}, {.pot = &pot}, {.pot = &pot}, {.pot = &pot}};

        (void)state;
        fallback_pot_fill(&pot);
        assert_true(fallback_budget_begin(&budgets[0], &job));
        assert_true(fallback_budget_begin(&budgets[1], &job));
        assert_false(fallback_budget_begin(&budgets[2], &job));
        // A job has one allowance, however many attempts it makes of it.
        assert_true(fallback_budget_begin(&budgets[0], &job));
        for (size_t i = 0; i < 4 * (size_t)FALLBACK_ALLOWANCE - 1; i++)
                fallback_pot_earn(&pot, 1);
        assert_false(fallback_budget_begin(&budgets[2], &job));
        fallback_pot_earn(&pot, 1);
        assert_true(fallback_budget_begin(&budgets[2], &job));
        // What a job leaves over is there for the next.
        fallback_budget_charge(&budgets[0], &job, 0);
        fallback_budget_end(&budgets[0]);
        assert_true(fallback_budget_begin(&budgets[3], &job));
        fallback_budget_charge(&budgets[1], &job, 1);
        fallback_budget_end(&budgets[1]);
        budgets[0].pot = &pot;
        assert_false(fallback_budget_begin(&budgets[0], &job));
}

static void test_an_allowance_ends(void **state) {
        struct job job = {.rank = JOB_RANK_FINAL};
        struct fallback_pot pot;
        struct fallback_budget budget = {.pot = &pot};

        (void)state;
        fallback_pot_fill(&pot);
        fallback_budget_charge(&budget, &job, SIZE_MAX);  // of the first attempt: free
        assert_false(fallback_budget_is_over(&budget, &job));
        assert_true(fallback_budget_begin(&budget, &job));
        fallback_budget_charge(&budget, &job, FALLBACK_ALLOWANCE - 1);
        assert_false(fallback_budget_is_over(&budget, &job));
        fallback_budget_charge(&budget, &job, 30);
        assert_true(fallback_budget_is_over(&budget, &job));
        assert_false(fallback_budget_begin(&budget, &job));
        fallback_pot_fill(&pot);
        assert_false(fallback_budget_begin(&budget, &job));
}

// A pass at a pause may become the final one.
static void test_a_speculative_pass_is_tried_again_as_a_final(void **state) {
        struct job job = {.rank = JOB_RANK_SPECULATIVE};
        struct fallback_pot pot;
        struct fallback_budget budget = {.pot = &pot};

        (void)state;
        fallback_pot_fill(&pot);
        assert_true(fallback_budget_begin(&budget, &job));
        fallback_budget_charge(&budget, &job, FALLBACK_ALLOWANCE);
        assert_true(fallback_budget_is_over(&budget, &job));
        assert_false(fallback_budget_begin(&budget, &job));
}

static void test_who_waits_decides(void **state) {
        struct job partial = {.rank = JOB_RANK_PARTIAL}, later = {.rank = JOB_RANK_BACKGROUND};
        struct job final = {.rank = JOB_RANK_FINAL};
        struct fallback_pot pot;
        struct fallback_budget none = {.pot = &pot}, free = {.pot = &pot}, some = {.pot = &pot};

        (void)state;
        fallback_pot_fill(&pot);
        assert_false(fallback_budget_begin(&none, &partial));
        assert_true(fallback_budget_begin(&free, &later));
        fallback_budget_charge(&free, &later, SIZE_MAX);
        assert_false(fallback_budget_is_over(&free, &later));
        assert_true(fallback_budget_begin(&some, &final));
        some.is_overdue = true;
        assert_true(fallback_budget_is_over(&some, &final));
        assert_false(fallback_budget_begin(&some, &final));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_no_broken_character_is_told),
                cmocka_unit_test(test_the_best_text_stands),
                cmocka_unit_test(test_context_comes_before_temperatures),
                cmocka_unit_test(test_the_pot_is_shared_and_fills_with_work),
                cmocka_unit_test(test_an_allowance_ends),
                cmocka_unit_test(test_a_speculative_pass_is_tried_again_as_a_final),
                cmocka_unit_test(test_who_waits_decides),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
