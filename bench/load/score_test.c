// What a reader saw, second by second, and the figures that must come of it.
#include "load/score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "load/corpus_rig.h"

#define START (100 * NSEC_PER_SEC)  // of the talker's clock

// Two utterances: words end at seconds 1 to 4, and 6 to 8.
struct fixture {
        struct corpus *corpus;
        struct schedule schedule;
        struct utterance utterances[2];
        struct screen *screen;
        struct score score;
};

static int setup(void **state) {
        struct fixture *fixture = xnew(struct fixture);

        fixture->corpus = xnew(struct corpus);
        corpus_add(fixture->corpus, "a.wav", "IT IS A TEST", 0.1F);
        corpus_add(fixture->corpus, "b.wav", "OF THIS BENCH", 0.2F);
        fixture->utterances[0] = (struct utterance){&fixture->corpus->recordings[0], 0};
        fixture->utterances[1] =
                (struct utterance){&fixture->corpus->recordings[1], 5 * AUDIO_RATE};
        fixture->schedule = (struct schedule){fixture->utterances, 2, 8 * AUDIO_RATE};
        fixture->score.end_pause = 0.6;
        fixture->screen = screen_new(fixture->corpus->vocabulary);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;

        score_deinit(&fixture->score);
        screen_free(fixture->screen);
        corpus_close(fixture->corpus);
        free(fixture);
        return 0;
}

// What is to be read from that second on.
struct sight {
        double second;
        const char *final_text, *tail;
};

static void show(struct fixture *fixture, const struct sight *sights, size_t n) {
        for (size_t i = 0; i < n; i++)
                screen_show(fixture->screen, START + (nsec_t)(sights[i].second * NSEC_PER_SEC),
                            sights[i].final_text, sights[i].tail);
}

#define SHOW(fixture, ...)                                   \
        show((fixture), (const struct sight[]){__VA_ARGS__}, \
             sizeof((const struct sight[]){__VA_ARGS__}) / sizeof(struct sight))

static void add(struct fixture *fixture, FILE *transcripts) {
        struct score_session session = {
                .corpus = fixture->corpus,
                .schedule = &fixture->schedule,
                .started = START,
                .screen = fixture->screen,
                .talker = 7,
        };

        screen_finish(fixture->screen);
        score_add(&fixture->score, &session, transcripts);
}

// The first of the delays are these.
static void expect_delays(const struct distribution *distribution, const double *values,
                          size_t n) {
        assert_true(n <= distribution->n);
        for (size_t i = 0; i < n; i++)
                if (fabs(distribution->values[i] - values[i]) > 1e-6)
                        fail_msg("value %zu is %g, not %g", i, distribution->values[i],
                                 values[i]);
}

#define EXPECT_DELAYS(distribution, ...)                              \
        expect_delays(&(distribution), (const double[]){__VA_ARGS__}, \
                      sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

static void delays_are_those_of_the_words(void **state) {
        struct fixture *fixture = *state;

        SHOW(fixture, {1.5, "", "it"}, {2.5, "", "it was"}, {3.5, "", "it is a"},
             {4.5, "", "it is a test"}, {5, " It is a test.", ""}, {7.5, "", "of this"},
             {9, " Of this bench.", ""});
        add(fixture, NULL);
        assert_int_equal(fixture->score.word_delay.n, 7);
        // "it" is there from its first update on, "is" was "was" at first, and "bench" comes
        // when it is final.
        EXPECT_DELAYS(fixture->score.word_delay, 0.5, 1.5, 0.5, 0.5, 1.5, 0.5, 1);
        EXPECT_DELAYS(fixture->score.last_word_delay, 0.5, 1);
        EXPECT_DELAYS(fixture->score.final_delay, 1, 1);
        EXPECT_DELAYS(fixture->score.decision_delay, 0.4, 0.4);
        assert_true(fabs(distribution_mean(&fixture->score.word_delay) - 6.0 / 7) < 1e-6);
        assert_int_equal(fixture->score.n_errors, 0);
        assert_int_equal(fixture->score.n_lost, 0);
        assert_int_equal(fixture->score.n_words, 7);
        assert_int_equal(fixture->score.n_utterances, 2);
}

static void a_word_that_goes_away_was_not_there(void **state) {
        struct fixture *fixture = *state;

        SHOW(fixture, {1.5, "", "it is"}, {2, "", ""}, {3, "", "it is"},
             {5, "it is a test", ""}, {9, "of this bench", ""});
        add(fixture, NULL);
        EXPECT_DELAYS(fixture->score.word_delay, 2, 1);
}

static void what_is_missing_is_lost(void **state) {
        struct fixture *fixture = *state;

        SHOW(fixture, {5, "it is the", ""});  // a substitution, a deletion
        add(fixture, NULL);
        assert_int_equal(fixture->score.n_errors, 5);
        assert_int_equal(fixture->score.n_wanted, 7);
        assert_int_equal(fixture->score.n_lost, 4);
        assert_int_equal(fixture->score.n_missing, 1);
        assert_int_equal(fixture->score.word_delay.n, 2);
        // The last word that came stands for the utterance, whose end stays its own.
        EXPECT_DELAYS(fixture->score.last_word_delay, 1);
        assert_int_equal(fixture->score.final_delay.n, 1);
}

static void loss_is_against_the_offline_decode(void **state) {
        struct fixture *fixture = *state;
        struct corpus *corpus = fixture->corpus;

        // Offline, "a" was not heard and "bench" was heard as "bunch": neither can be lost
        // live.
        corpus->has_offline = true;
        vocabulary_split(corpus->vocabulary, "it is test", 0, &corpus->recordings[0].offline);
        vocabulary_split(corpus->vocabulary, "of this bunch", 0,
                         &corpus->recordings[1].offline);
        SHOW(fixture, {5, "it is test", ""}, {9, "of bunch", ""});
        add(fixture, NULL);
        assert_int_equal(fixture->score.n_wanted, 6);
        assert_int_equal(fixture->score.n_lost, 1);
        assert_int_equal(fixture->score.n_errors, 3);
}

static void a_tail_that_never_became_final_counts_as_text(void **state) {
        struct fixture *fixture = *state;

        SHOW(fixture, {5, "it is a test", ""}, {8.5, "", "of this bench"});
        add(fixture, NULL);
        assert_int_equal(fixture->score.n_errors, 0);
        assert_int_equal(fixture->score.n_never_final, 1);
        EXPECT_DELAYS(fixture->score.last_word_delay, 1, 0.5);
        assert_int_equal(fixture->score.final_delay.n, 1);
}

static void nobody_heard_anything(void **state) {
        struct fixture *fixture = *state;

        add(fixture, NULL);
        assert_int_equal(fixture->score.n_lost, 7);
        assert_int_equal(fixture->score.n_missing, 2);
        assert_int_equal(fixture->score.word_delay.n, 0);
        assert_true(isnan(distribution_mean(&fixture->score.word_delay)));
}

static void texts_are_cut_where_utterances_begin(void **state) {
        struct fixture *fixture = *state;
        char *text = NULL, *second;
        size_t n = 0;
        FILE *file = open_memstream(&text, &n);
        json_t *object;

        SHOW(fixture, {9, " It is a (great) test.", "Of this bench-mark!"});
        add(fixture, file);
        assert_int_equal(fclose(file), 0);
        second = strchr(text, '\n');
        assert_non_null(second);
        object = json_loadb(text, (size_t)(second - text), 0, NULL);
        assert_string_equal(json_string_value(json_object_get(object, "live")),
                            "It is a (great) test.");
        assert_int_equal(json_integer_value(json_object_get(object, "talker")), 7);
        assert_true(json_real_value(json_object_get(object, "spoken")) == 104);
        assert_true(json_real_value(json_object_get(object, "final_delay")) == 5);
        json_decref(object);
        object = json_loads(second + 1, 0, NULL);
        assert_string_equal(json_string_value(json_object_get(object, "live")),
                            "Of this bench-mark!");
        assert_string_equal(json_string_value(json_object_get(object, "file")), "b.wav");
        assert_true(json_real_value(json_object_get(object, "begin")) == 5);
        assert_true(json_real_value(json_object_get(object, "last_word_delay")) == 1);
        assert_true(json_is_null(json_object_get(object, "final_delay")));
        json_decref(object);
        free(text);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        const struct CMUnitTest tests[] = {
                TEST(delays_are_those_of_the_words),
                TEST(a_word_that_goes_away_was_not_there),
                TEST(what_is_missing_is_lost),
                TEST(loss_is_against_the_offline_decode),
                TEST(a_tail_that_never_became_final_counts_as_text),
                TEST(nobody_heard_anything),
                TEST(texts_are_cut_where_utterances_begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
