#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "audio/level.h"

static float samples[3 * AUDIO_RATE];

static void sine_make(double amplitude) {
        for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++)
                samples[i] = (float)(amplitude * sin(2 * M_PI * 440 * (double)i / AUDIO_RATE));
}

static void check_reading(const struct level *level, double rms, double peak) {
        struct level_reading reading = level_read(level);

        if (fabs(reading.rms - rms) > 0.05 || fabs(reading.peak - peak) > 0.05)
                fail_msg("%f and %f instead of %f and %f", reading.rms, reading.peak, rms,
                         peak);
}

static void before_any_sound_there_is_none(void **state) {
        struct level level = {0};

        (void)state;
        assert_true(isnan(level_read(&level).rms) && isnan(level_read(&level).peak));
        level_feed(&level, samples, 0);
        assert_true(isnan(level_read(&level).rms));
}

static void a_sine_has_its_level_however_it_is_cut(void **state) {
        static const size_t pieces[] = {1, 160, 1600, 4096, AUDIO_RATE};

        (void)state;
        sine_make(0.5);
        for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
                struct level level = {0};

                for (size_t at = 0; at + pieces[i] <= 2 * AUDIO_RATE; at += pieces[i])
                        level_feed(&level, samples + at, pieces[i]);
                check_reading(&level, -9.03, -6.02);
        }
}

static void a_piece_of_sound_has_a_level(void **state) {
        struct level level = {0};

        (void)state;
        sine_make(1);
        level_feed(&level, samples, LEVEL_STEP);
        check_reading(&level, -3.01, 0);
}

static void what_is_older_than_a_second_is_forgotten(void **state) {
        static const float silence[2 * AUDIO_RATE];
        struct level level = {0};

        (void)state;
        sine_make(1);
        level_feed(&level, samples, AUDIO_RATE);
        check_reading(&level, -3.01, 0);
        level_feed(&level, silence, AUDIO_RATE / 2);
        check_reading(&level, -6.02, 0);
        level_feed(&level, silence, AUDIO_RATE);
        check_reading(&level, LEVEL_FLOOR, LEVEL_FLOOR);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(before_any_sound_there_is_none),
                cmocka_unit_test(a_sine_has_its_level_however_it_is_cut),
                cmocka_unit_test(a_piece_of_sound_has_a_level),
                cmocka_unit_test(what_is_older_than_a_second_is_forgotten),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
