#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "media/timeline.h"

#define SECOND ((int64_t)MEDIA_TIMELINE_RATE)
#define FRAME  (SECOND / 50)

// Place a second of sound in frames; returns the first step that is not nothing.
static struct media_step second_place(struct media_timeline *timeline, int64_t stamp,
                                      int64_t *position) {
        struct media_step first = {0};

        for (int64_t i = 0; i < SECOND; i += FRAME) {
                struct media_step step = media_timeline_place(timeline, stamp + i, *position);

                if (i == 0)
                        first = step;
                else
                        assert_true(!step.silence && !step.jump && !step.left_out);
                *position += step.silence + FRAME;
        }
        return first;
}

static void a_late_start_is_silence(void **state) {
        struct media_timeline timeline;
        int64_t position = 0;

        (void)state;
        media_timeline_init(&timeline, false, 7 * SECOND);
        assert_int_equal(second_place(&timeline, 12 * SECOND, &position).silence, 5 * SECOND);
        assert_int_equal(position, 6 * SECOND);
}

static void a_live_source_begins_when_it_begins(void **state) {
        struct media_timeline timeline;
        int64_t position = 0;

        (void)state;
        media_timeline_init(&timeline, true, MEDIA_TIMELINE_NONE);
        second_place(&timeline, 12345 * SECOND, &position);
        assert_int_equal(position, SECOND);
}

static void gaps_are_silence_up_to_a_limit(void **state) {
        static const struct {
                bool is_live;
                int64_t gap;
                struct media_step step;
        } cases[] = {
                {false, 60 * SECOND, {.silence = 60 * SECOND}},
                {false, 3600 * SECOND, {.silence = 3600 * SECOND}},
                {false, 3601 * SECOND, {.left_out = 3601 * SECOND}},
                {true, 10 * SECOND, {.silence = 10 * SECOND}},
                {true, 11 * SECOND, {.jump = 11 * SECOND}},
                {true, -11 * SECOND, {.jump = -11 * SECOND}},
                {true, -9 * SECOND, {0}},
                {false, -100 * SECOND, {0}},
        };

        (void)state;
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                struct media_timeline timeline;
                int64_t position = 0;
                struct media_step step;

                media_timeline_init(&timeline, cases[i].is_live, 200 * SECOND);
                second_place(&timeline, 200 * SECOND, &position);
                step = second_place(&timeline, 201 * SECOND + cases[i].gap, &position);
                assert_int_equal(step.silence, cases[i].step.silence);
                assert_int_equal(step.jump, cases[i].step.jump);
                assert_int_equal(step.left_out, cases[i].step.left_out);
                assert_int_equal(position, 2 * SECOND + cases[i].step.silence);
                // All is well on the clock as it is now.
                step = second_place(&timeline, 202 * SECOND + cases[i].gap, &position);
                assert_int_equal(step.silence + step.jump + step.left_out, 0);
        }
}

// Stamps that come and go by some 90 ms, as those of arrival: no silence.
static void jitter_is_ignored(void **state) {
        struct media_timeline timeline;

        (void)state;
        media_timeline_init(&timeline, true, MEDIA_TIMELINE_NONE);
        for (int64_t i = 0; i < 1000; i++) {
                int64_t jitter = i * 7919 % 1440;
                struct media_step step =
                        media_timeline_place(&timeline, i * FRAME + jitter, i * FRAME);

                assert_true(!step.silence && !step.jump);
        }
}

// Worse jitter puts in silence once, not again and again.
static void rough_stamps_do_not_stretch_the_sound(void **state) {
        struct media_timeline timeline;
        int64_t position = 0;

        (void)state;
        media_timeline_init(&timeline, true, MEDIA_TIMELINE_NONE);
        for (int64_t i = 0; i < 1000; i++) {
                int64_t jitter = i * 7919 % 6400;

                position +=
                        media_timeline_place(&timeline, i * FRAME + jitter, position).silence;
                position += FRAME;
        }
        assert_in_range(position, 1000 * FRAME, 1000 * FRAME + 6400);
}

static void nonsense_is_no_stamp(void **state) {
        static const int64_t stamps[] = {MEDIA_TIMELINE_NONE, INT64_MAX, INT64_MIN + 1,
                                         INT64_MAX / 2};

        (void)state;
        for (size_t i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
                struct media_timeline timeline;
                struct media_step step;

                media_timeline_init(&timeline, false, stamps[i]);
                step = media_timeline_place(&timeline, stamps[i], 0);
                assert_int_equal(step.silence + step.jump + step.left_out, 0);
                step = media_timeline_place(&timeline, 55 * SECOND, 3 * SECOND);
                assert_int_equal(step.silence + step.jump + step.left_out, 0);
        }
}

// What is read again goes on by count, and its late start is silence again.
static void a_new_clock_begins_where_the_old_one_ended(void **state) {
        struct media_timeline timeline;
        int64_t position = 0;

        (void)state;
        media_timeline_init(&timeline, false, 0);
        second_place(&timeline, 2 * SECOND, &position);
        media_timeline_restart(&timeline, 0, position);
        second_place(&timeline, 2 * SECOND, &position);
        assert_int_equal(position, 6 * SECOND);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_late_start_is_silence),
                cmocka_unit_test(a_live_source_begins_when_it_begins),
                cmocka_unit_test(gaps_are_silence_up_to_a_limit),
                cmocka_unit_test(jitter_is_ignored),
                cmocka_unit_test(rough_stamps_do_not_stretch_the_sound),
                cmocka_unit_test(nonsense_is_no_stamp),
                cmocka_unit_test(a_new_clock_begins_where_the_old_one_ended),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
