// Who says what when; and percentiles.
#include "load/schedule.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "load/corpus_rig.h"
#include "load/distribution.h"

#define RECORDINGS 20

static int setup(void **state) {
        struct corpus *corpus = xnew(struct corpus);

        for (int i = 0; i < RECORDINGS; i++) {
                char name[8];

                snprintf(name, sizeof(name), "%d", i);
                corpus_add(corpus, name, i % 2 ? "one two three" : "one two",
                           (float)(i + 1) / 100);
        }
        *state = corpus;
        return 0;
}

static int teardown(void **state) {
        corpus_close(*state);
        return 0;
}

static void utterances_follow_each_other_with_pauses(void **state) {
        struct schedule_config config = {.seconds = 300, .pause_seconds = 1, .talker = 3};
        CLEANUP(schedule_freep) struct schedule *schedule = schedule_new(*state, &config);
        unsigned n_said[RECORDINGS] = {0};
        int64_t end = 0;

        assert_true(schedule->n > 2 * RECORDINGS);
        for (size_t i = 0; i < schedule->n; i++) {
                const struct utterance *utterance = &schedule->utterances[i];
                int64_t pause = utterance->begin - end;

                if (i == 0)
                        assert_int_equal(utterance->begin, 0);
                else
                        assert_in_range(pause, AUDIO_RATE * 3 / 4, AUDIO_RATE * 5 / 4);
                assert_true(utterance->begin < 300 * AUDIO_RATE);
                end = utterance->begin + utterance->recording->n_samples;
                // Everything is said once before anything is said again.
                n_said[strtol(utterance->recording->name, NULL, 10)]++;
                for (int j = 0; j < RECORDINGS; j++)
                        assert_true(n_said[j] >= i / RECORDINGS &&
                                    n_said[j] <= i / RECORDINGS + 1);
        }
        assert_int_equal(schedule->end, end);
        assert_true(schedule->end + AUDIO_RATE * 5 / 4 >= 300 * AUDIO_RATE);
}

static void talkers_differ_and_repeat_themselves(void **state) {
        struct schedule_config config = {.seconds = 60, .pause_seconds = 1};
        CLEANUP(schedule_freep) struct schedule *first = schedule_new(*state, &config);
        CLEANUP(schedule_freep) struct schedule *again = schedule_new(*state, &config);

        assert_int_equal(first->n, again->n);
        assert_memory_equal(first->utterances, again->utterances,
                            first->n * sizeof(*first->utterances));
        for (config.talker = 1; config.talker < 100; config.talker++) {
                CLEANUP(schedule_freep) struct schedule *other = schedule_new(*state, &config);

                assert_true(other->n != first->n ||
                            memcmp(first->utterances, other->utterances,
                                   first->n * sizeof(*first->utterances)) != 0);
        }
}

static void a_share_of_the_time_is_talked(void **state) {
        struct schedule_config config = {.seconds = 20000, .talking_share = 0.05};
        double talked = 0, all = 0;

        for (config.talker = 0; config.talker < 10; config.talker++) {
                CLEANUP(schedule_freep)
                struct schedule *schedule = schedule_new(*state, &config);

                for (size_t i = 0; i < schedule->n; i++)
                        talked += (double)schedule->utterances[i].recording->n_samples;
                all += (double)schedule->end;
        }
        assert_true(fabs(talked / all - 0.05) < 0.002);
}

static void sound_is_read_in_any_pieces(void **state) {
        struct schedule_config config = {.seconds = 12, .pause_seconds = 1, .talker = 5};
        CLEANUP(schedule_freep) struct schedule *schedule = schedule_new(*state, &config);
        size_t n = (size_t)schedule->end + 5000;
        CLEANUP(floats_freep) float *whole = xcalloc(n, sizeof(float));
        CLEANUP(floats_freep) float *pieces = xcalloc(n, sizeof(float));

        schedule_read(schedule, 0, n, whole);
        for (size_t i = 0; i < schedule->n; i++) {
                const struct utterance *utterance = &schedule->utterances[i];
                const float level = utterance->recording->samples[0];
                int64_t end = utterance->begin + utterance->recording->n_samples;

                assert_true(whole[utterance->begin] == level);
                assert_true(utterance->begin == 0 || whole[utterance->begin - 1] == 0);
                assert_true(whole[end - 1] == level && whole[end] == 0);
        }
        for (size_t at = 0, step = 1; at < n; at += step, step = step % 1700 + 400) {
                if (step > n - at)
                        step = n - at;
                schedule_read(schedule, (int64_t)at, step, pieces + at);
        }
        assert_memory_equal(whole, pieces, n * sizeof(float));
}

static void percentiles_lie_between_values(void **state) {
        struct distribution distribution = {0};

        (void)state;
        assert_true(isnan(distribution_quantile(&distribution, 0.5)));
        distribution_add(&distribution, 4);
        assert_true(distribution_quantile(&distribution, 0.95) == 4);
        distribution_add(&distribution, -1);
        assert_true(distribution_quantile(&distribution, 0.5) == 1.5);
        // 0, 1, ... 100 in a mixed order: percentile p is p.
        distribution_deinit(&distribution);
        for (int i = 0; i <= 100; i++)
                distribution_add(&distribution, i * 37 % 101);
        assert_true(distribution_quantile(&distribution, 0) == 0);
        assert_true(fabs(distribution_quantile(&distribution, 0.95) - 95) < 1e-9);
        assert_true(fabs(distribution_quantile(&distribution, 0.505) - 50.5) < 1e-9);
        assert_true(distribution_quantile(&distribution, 1) == 100);
        distribution_deinit(&distribution);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(utterances_follow_each_other_with_pauses),
                cmocka_unit_test(talkers_differ_and_repeat_themselves),
                cmocka_unit_test(a_share_of_the_time_is_talked),
                cmocka_unit_test(sound_is_read_in_any_pieces),
                cmocka_unit_test(percentiles_lie_between_values),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}
