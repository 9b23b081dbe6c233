#include "audio/activity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void what_was_added_is_speech(void **state) {
        struct activity activity = {0};

        (void)state;
        activity_add(&activity, AUDIO_RATE, 3 * AUDIO_RATE);
        activity_add(&activity, 2 * AUDIO_RATE, 4 * AUDIO_RATE);
        assert_int_equal(activity_within(&activity, 0, 30 * AUDIO_RATE), 3 * AUDIO_RATE);
        assert_int_equal(activity_within(&activity, 0, 2 * AUDIO_RATE), AUDIO_RATE);
        assert_int_equal(activity_within(&activity, 4 * AUDIO_RATE, 30 * AUDIO_RATE), 0);
}

static void chunks_side_by_side_leave_no_gap(void **state) {
        struct activity activity = {0};

        (void)state;
        for (int64_t at = 100; at < 100 + 512 * 100; at += 512)
                activity_add(&activity, at, at + 512);
        assert_int_equal(activity_within(&activity, 0, 30 * AUDIO_RATE), 512 * 100);
}

static void what_lies_outside_does_not_count(void **state) {
        struct activity activity = {0};

        (void)state;
        activity_add(&activity, -AUDIO_RATE, AUDIO_RATE);
        activity_add(&activity, 30 * AUDIO_RATE, 300 * (int64_t)AUDIO_RATE);
        assert_int_equal(activity_within(&activity, -AUDIO_RATE, AUDIO_RATE), AUDIO_RATE);
        assert_int_equal(activity_within(&activity, 0, 300 * (int64_t)AUDIO_RATE),
                         (ACTIVITY_STEPS - 29 * 50) * ACTIVITY_STEP);
}

static void a_later_begin_moves_it(void **state) {
        struct activity activity = {0}, rest;

        (void)state;
        activity_add(&activity, AUDIO_RATE, 3 * AUDIO_RATE);
        rest = activity_from(&activity, 2 * AUDIO_RATE);
        assert_int_equal(activity_within(&rest, 0, AUDIO_RATE), AUDIO_RATE);
        assert_int_equal(activity_within(&rest, 0, 30 * AUDIO_RATE), AUDIO_RATE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_added_is_speech),
                cmocka_unit_test(chunks_side_by_side_leave_no_gap),
                cmocka_unit_test(what_lies_outside_does_not_count),
                cmocka_unit_test(a_later_begin_moves_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
