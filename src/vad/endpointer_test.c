#include "vad/endpointer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "util/mem.h"

#define CHUNKS(seconds) ((int)((seconds)*31.25))

static const struct segmenter_config config = {
        .threshold = 0.5f,
        .threshold_low = 0.35f,
        .pause = 9600,
        .padding = 4800,
        .speech_min = 1600,
        .window_min = INT64_C(12) * 16000,
        .window_max = INT64_C(28) * 16000,
};

struct feeder {
        struct endpointer *endpointer;
        int64_t position;
};

static void feed(struct feeder *feeder, int chunks, float probability) {
        for (int i = 0; i < chunks; i++) {
                endpointer_add(feeder->endpointer,
                               (struct chunk){feeder->position, feeder->position + VAD_CHUNK,
                                              probability, probability * 0.01f});
                feeder->position += VAD_CHUNK;
        }
}

static int setup(void **state) {
        struct feeder *feeder = xnew(struct feeder);

        feeder->endpointer = endpointer_new(&config);
        *state = feeder;
        return 0;
}

static int teardown(void **state) {
        struct feeder *feeder = *state;

        endpointer_free(feeder->endpointer);
        free(feeder);
        return 0;
}

static void the_first_windows_may_be_shorter(void **state) {
        struct segmenter_config early = config;
        CLEANUP(endpointer_freep) struct endpointer *endpointer = NULL;
        struct window window;

        (void)state;
        early.window_early = INT64_C(10) * 16000;
        endpointer = endpointer_new(&early);
        feed(&(struct feeder){.endpointer = endpointer}, CHUNKS(80), 0.9f);
        for (int i = 0; i < SEGMENTER_EARLY; i++) {
                assert_true(endpointer_next(endpointer, &window));
                assert_in_range(window.end - window.begin, early.window_early * 3 / 4,
                                early.window_early);
        }
        assert_true(endpointer_next(endpointer, &window));
        assert_in_range(window.end - window.begin, early.window_early + 1, early.window_max);
}

static void a_pause_closes_a_padded_window(void **state) {
        struct feeder *feeder = *state;
        struct endpointer *endpointer = feeder->endpointer;
        struct window window;

        feed(feeder, 100, 0.1f);
        feed(feeder, 50, 0.9f);
        feed(feeder, 18, 0.1f);
        assert_false(endpointer_next(endpointer, &window));
        assert_true(endpointer_open_window(endpointer, feeder->position, &window));
        assert_false(window.is_closed);
        assert_int_equal(window.begin, 100 * VAD_CHUNK - 4800);
        feed(feeder, 1, 0.1f);
        assert_true(endpointer_next(endpointer, &window));
        assert_true(window.is_closed);
        assert_false(window.is_cut);
        assert_int_equal(window.begin, 100 * VAD_CHUNK - 4800);
        assert_int_equal(window.speech_end, 150 * VAD_CHUNK);
        assert_int_equal(window.end, 150 * VAD_CHUNK + 4800);
        assert_true(window.speech_samples == 50 * VAD_CHUNK);
        assert_false(endpointer_open_window(endpointer, feeder->position, &window));
        assert_false(endpointer_next(endpointer, &window));
}

static void between_the_thresholds_speech_goes_on_and_silence_too(void **state) {
        struct feeder *feeder = *state;
        struct endpointer *endpointer = feeder->endpointer;
        struct window window;

        feed(feeder, 100, 0.4f);
        assert_false(endpointer_is_open(endpointer));
        feed(feeder, 10, 0.9f);
        feed(feeder, 100, 0.4f);
        assert_true(endpointer_is_open(endpointer));
        feed(feeder, 1, 0.1f);
        feed(feeder, 18, 0.4f);
        assert_true(endpointer_next(endpointer, &window));
        assert_int_equal(window.speech_end, 210 * VAD_CHUNK);
}

// So much of the window's [begin, end) is speech, give or take a step at each side.
static void assert_speech(const struct window *window, int64_t begin, int64_t end,
                          int64_t expected) {
        int64_t found =
                activity_within(&window->speech, begin - window->begin, end - window->begin);

        assert_true(llabs(found - expected) <= 2 * ACTIVITY_STEP);
}

static void a_window_tells_which_of_it_is_speech(void **state) {
        struct feeder *feeder = *state;
        struct endpointer *endpointer = feeder->endpointer;
        struct window window;

        feed(feeder, 100, 0.1f);
        feed(feeder, 50, 0.9f);
        feed(feeder, 10, 0.1f);
        feed(feeder, 50, 0.9f);
        assert_true(endpointer_open_window(endpointer, feeder->position, &window));
        assert_speech(&window, window.begin, window.end, 100 * VAD_CHUNK);
        feed(feeder, 30, 0.1f);
        assert_true(endpointer_next(endpointer, &window));
        assert_speech(&window, window.begin, window.end, 100 * VAD_CHUNK);
        assert_speech(&window, 0, 150 * VAD_CHUNK, 50 * VAD_CHUNK);
        assert_speech(&window, 150 * VAD_CHUNK, 160 * VAD_CHUNK, 0);
        // The next one has only its own.
        feed(feeder, 20, 0.9f);
        feed(feeder, 30, 0.1f);
        assert_true(endpointer_next(endpointer, &window));
        assert_speech(&window, window.begin, window.end, 20 * VAD_CHUNK);
}

static void short_bursts_leave_no_trace(void **state) {
        struct feeder *feeder = *state;
        struct endpointer *endpointer = feeder->endpointer;
        struct window window;

        feed(feeder, 10, 0.1f);
        feed(feeder, 3, 0.9f);
        assert_true(endpointer_is_open(endpointer));
        assert_false(endpointer_open_window(endpointer, feeder->position, &window));
        feed(feeder, 30, 0.1f);
        assert_false(endpointer_is_open(endpointer));
        assert_false(endpointer_next(endpointer, &window));
        feed(feeder, 4, 0.9f);
        assert_true(endpointer_open_window(endpointer, feeder->position, &window));
        assert_int_equal(window.begin, 43 * VAD_CHUNK - 4800);
        feed(feeder, 30, 0.1f);
        assert_true(endpointer_next(endpointer, &window));
}

static void a_long_window_is_cut_at_its_weak_pause(void **state) {
        struct feeder *feeder = *state;
        struct endpointer *endpointer = feeder->endpointer;
        const int middle = CHUNKS(18) + 6;
        struct window first;
        struct window second;

        feed(feeder, CHUNKS(5), 0.9f);
        feed(feeder, 15, 0.05f);  // a better pause, but before window_min
        feed(feeder, CHUNKS(18) - CHUNKS(5) - 15, 0.9f);
        feed(feeder, 12, 0.1f);
        feed(feeder, CHUNKS(15), 0.9f);
        assert_true(endpointer_next(endpointer, &first));
        assert_true(first.is_cut);
        assert_in_range(first.end, INT64_C(512) * (middle - 2), INT64_C(512) * (middle + 2));
        assert_int_equal(first.speech_end, CHUNKS(18) * VAD_CHUNK);
        assert_true(first.speech_samples == (float)(CHUNKS(18) - 15) * VAD_CHUNK);
        assert_speech(&first, 0, first.end, (CHUNKS(18) - 15) * VAD_CHUNK);
        assert_true(endpointer_open_window(endpointer, feeder->position, &second));
        assert_in_range(second.begin, first.end, first.end + INT64_C(2) * VAD_CHUNK);
        feed(feeder, 30, 0.0f);
        assert_true(endpointer_next(endpointer, &second));
        assert_false(second.is_cut);
        assert_true(second.speech_samples == (float)CHUNKS(15) * VAD_CHUNK);
        assert_speech(&second, second.begin, second.end, CHUNKS(15) * VAD_CHUNK);
}

static void who_never_pauses_is_cut_where_the_level_drops(void **state) {
        struct endpointer *endpointer = ((struct feeder *)*state)->endpointer;
        struct window first;
        struct window second;

        for (int i = 0; i < CHUNKS(40); i++) {
                const bool is_quiet = i >= CHUNKS(20) && i < CHUNKS(20) + 4;

                endpointer_add(endpointer, (struct chunk){(int64_t)i * VAD_CHUNK,
                                                          (int64_t)(i + 1) * VAD_CHUNK, 0.95f,
                                                          is_quiet ? 1e-5f : 1e-2f});
        }
        assert_true(endpointer_next(endpointer, &first));
        assert_in_range(first.end, CHUNKS(20) * VAD_CHUNK, (CHUNKS(20) + 4) * VAD_CHUNK);
        assert_true(
                endpointer_open_window(endpointer, (int64_t)CHUNKS(40) * VAD_CHUNK, &second));
        assert_int_equal(second.begin, first.end);
}

static void close_ends_at_the_sound_there_is(void **state) {
        struct feeder *feeder = *state;
        struct endpointer *endpointer = feeder->endpointer;
        struct window window;

        feed(feeder, 20, 0.9f);
        endpointer_close(endpointer, feeder->position);
        endpointer_close(endpointer, feeder->position);
        assert_true(endpointer_next(endpointer, &window));
        assert_int_equal(window.begin, 0);
        assert_int_equal(window.end, feeder->position);
        assert_false(endpointer_next(endpointer, &window));
        feed(feeder, 20, 0.9f);
        assert_true(endpointer_open_window(endpointer, feeder->position, &window));
        assert_int_equal(window.begin, 20 * VAD_CHUNK);
}

static void reset_forgets_windows_and_padding(void **state) {
        struct feeder *feeder = *state;
        struct endpointer *endpointer = feeder->endpointer;
        struct window window;

        feed(feeder, 20, 0.9f);
        feed(feeder, 30, 0.0f);
        feed(feeder, 20, 0.9f);
        endpointer_reset(endpointer, feeder->position);
        assert_false(endpointer_next(endpointer, &window));
        assert_false(endpointer_is_open(endpointer));
        assert_int_equal(endpointer_oldest_needed(endpointer, feeder->position),
                         feeder->position);
        feed(feeder, 20, 0.9f);
        endpointer_close(endpointer, feeder->position);
        assert_true(endpointer_next(endpointer, &window));
        assert_int_equal(window.begin, 70 * VAD_CHUNK);
}

static void an_undrained_queue_keeps_the_newest(void **state) {
        struct feeder *feeder = *state;
        struct endpointer *endpointer = feeder->endpointer;
        struct window window;
        int count = 0;

        for (int i = 0; i < ENDPOINTER_QUEUE_MAX + 10; i++) {
                feed(feeder, 10, 0.9f);
                feed(feeder, 20, 0.0f);
        }
        assert_true(endpointer_next(endpointer, &window));
        assert_int_equal(window.speech_end, (10 * 30 + 10) * VAD_CHUNK);
        while (endpointer_next(endpointer, &window))
                count++;
        assert_int_equal(count, ENDPOINTER_QUEUE_MAX - 1);
}

static uint32_t random_next(uint32_t *seed) {
        *seed = *seed * 1664525u + 1013904223u;
        return *seed >> 8;
}

static float random_unit(uint32_t *seed) {
        return (float)random_next(seed) * 0x1p-24f;
}

// What holds for all windows, whatever the probabilities.
struct bounds {
        int64_t last_end;
        int64_t needed;  // the oldest position that the endpointer said it may still begin at
};

static void assert_window(const struct window *window, struct bounds *bounds, int64_t position,
                          const struct segmenter_config *c) {
        assert_true(window->begin >= bounds->last_end);
        assert_true(window->begin >= bounds->needed);
        assert_true(window->end > window->begin);
        assert_true(window->end <= position);
        assert_true(window->end - window->begin <= c->window_max);
        assert_true(window->speech_end <= window->end);
        assert_true(window->speech_end > window->begin);
        assert_true(window->speech_samples <= (float)(window->end - window->begin));
        assert_true(window->speech_samples >= (float)c->speech_min);
}

static void random_run(uint32_t seed) {
        struct segmenter_config c = config;
        struct endpointer *endpointer;
        struct bounds bounds = {0};
        struct window window;
        int64_t position = 0;
        float mean = 0;

        c.padding = random_next(&seed) % 9600;
        c.pause = 1 + random_next(&seed) % 48000;
        c.window_max = 16 * VAD_CHUNK + random_next(&seed) % (30 * 16000);
        c.window_min = random_next(&seed) % (uint32_t)c.window_max;
        endpointer = endpointer_new(&c);
        for (int i = 0; i < 3000; i++) {
                const uint32_t what = random_next(&seed) % 500;
                int64_t n = VAD_CHUNK;

                if (random_next(&seed) % 20 == 0)
                        mean = random_unit(&seed) * 1.6f - 0.3f;
                if (what == 1) {
                        endpointer_reset(endpointer, position);
                } else if (what == 2) {
                        n = 1 + random_next(&seed) % VAD_CHUNK;
                }
                endpointer_add(endpointer, (struct chunk){position, position + n,
                                                          mean + 0.3f * random_unit(&seed),
                                                          random_unit(&seed)});
                position += n;
                if (what == 2)
                        endpointer_close(endpointer, position);
                if (what > 250) {
                        while (endpointer_next(endpointer, &window)) {
                                assert_window(&window, &bounds, position, &c);
                                bounds.last_end = window.end;
                        }
                }
                if (endpointer_open_window(endpointer, position, &window))
                        assert_window(&window, &bounds, position, &c);
                assert_true(endpointer_oldest_needed(endpointer, position) <= position);
                assert_true(endpointer_oldest_needed(endpointer, position) >= bounds.needed);
                bounds.needed = endpointer_oldest_needed(endpointer, position);
        }
        endpointer_free(endpointer);
}

static void random_probabilities_keep_all_promises(void **state) {
        (void)state;
        for (uint32_t seed = 1; seed <= 200; seed++)
                random_run(seed * 7919);
}

#define ENDPOINTER_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                ENDPOINTER_TEST(a_pause_closes_a_padded_window),
                cmocka_unit_test(the_first_windows_may_be_shorter),
                ENDPOINTER_TEST(between_the_thresholds_speech_goes_on_and_silence_too),
                ENDPOINTER_TEST(a_window_tells_which_of_it_is_speech),
                ENDPOINTER_TEST(short_bursts_leave_no_trace),
                ENDPOINTER_TEST(a_long_window_is_cut_at_its_weak_pause),
                ENDPOINTER_TEST(who_never_pauses_is_cut_where_the_level_drops),
                ENDPOINTER_TEST(close_ends_at_the_sound_there_is),
                ENDPOINTER_TEST(reset_forgets_windows_and_padding),
                ENDPOINTER_TEST(an_undrained_queue_keeps_the_newest),
                cmocka_unit_test(random_probabilities_keep_all_promises),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
