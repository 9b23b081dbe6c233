// Sound that is float32, and sound that only says so.
#include "audio/plausibility.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define SECONDS   3
#define N_SAMPLES ((size_t)SECONDS * AUDIO_RATE)

static float samples[N_SAMPLES];
static int16_t words[2 * N_SAMPLES];

// A voice's hum with breaks, `peak` at its loudest.
static double hum(size_t i, double peak) {
        double t = (double)i / AUDIO_RATE;

        return i / 1000 % 4 == 3 ? 0 : peak * sin(880 * t) * (0.6 + 0.4 * sin(7 * t));
}

// How often it was called implausible, fed in pieces as they come.
static unsigned judge(const void *bytes, size_t n) {
        struct plausibility plausibility = {0};
        unsigned n_told = 0;

        for (size_t i = 0; i < n; i += 1600)
                n_told += plausibility_add(&plausibility,
                                           (const uint8_t *)bytes + i * sizeof(float),
                                           n - i < 1600 ? n - i : 1600);
        return n_told;
}

static void float32_sound_is_plausible(void **state) {
        static const double peaks[] = {0, 1e-6, 1e-3, 0.1, 0.9, 1, 1.5};

        (void)state;
        for (size_t i = 0; i < sizeof(peaks) / sizeof(peaks[0]); i++) {
                for (size_t j = 0; j < N_SAMPLES; j++)
                        samples[j] = (float)hum(j, peaks[i]);
                assert_int_equal(judge(samples, N_SAMPLES), 0);
        }
        // Clipped hard: a square wave at full scale.
        for (size_t j = 0; j < N_SAMPLES; j++)
                samples[j] = j / 40 % 2 ? 1 : -1;
        assert_int_equal(judge(samples, N_SAMPLES), 0);
        // Fainter than int16 can tell, and fainter than 32 bits can.
        for (size_t j = 0; j < N_SAMPLES; j++)
                samples[j] = (float)hum(j, 1e-12);
        assert_int_equal(judge(samples, N_SAMPLES), 0);
}

static void unscaled_int16_is_told_once(void **state) {
        static const double peaks[] = {20, 300, 5000, 32000};

        (void)state;
        for (size_t i = 0; i < sizeof(peaks) / sizeof(peaks[0]); i++) {
                for (size_t j = 0; j < N_SAMPLES; j++)
                        samples[j] = (float)round(hum(j, peaks[i]));
                assert_int_equal(judge(samples, N_SAMPLES), 1);
        }
}

static void bytes_of_int16_are_told_once(void **state) {
        static const double peaks[] = {20, 300, 5000, 32000};

        (void)state;
        for (size_t i = 0; i < sizeof(peaks) / sizeof(peaks[0]); i++) {
                for (size_t j = 0; j < 2 * N_SAMPLES; j++)
                        words[j] = (int16_t)round(hum(j, peaks[i]));
                assert_int_equal(judge(words, N_SAMPLES), 1);
        }
}

static void not_a_number_is_told_once(void **state) {
        (void)state;
        for (size_t j = 0; j < N_SAMPLES; j++)
                samples[j] = j % 2 ? NAN : (float)INFINITY;
        assert_int_equal(judge(samples, N_SAMPLES), 1);
}

// Silence first, however long, changes nothing; a good beginning acquits.
static void only_the_first_sound_is_judged(void **state) {
        struct plausibility plausibility = {0};

        (void)state;
        memset(samples, 0, sizeof(samples));
        for (int i = 0; i < 100; i++)
                assert_false(
                        plausibility_add(&plausibility, (const uint8_t *)samples, N_SAMPLES));
        assert_int_equal(plausibility.n_pieces, 0);
        for (size_t j = 0; j < N_SAMPLES; j++)
                samples[j] = 0.25f;
        for (int i = 0; i < 4; i++)
                assert_false(
                        plausibility_add(&plausibility, (const uint8_t *)samples, N_SAMPLES));
        assert_int_equal(plausibility.n_pieces, PLAUSIBILITY_PIECES);
        for (size_t j = 0; j < N_SAMPLES; j++)
                samples[j] = 1000;
        assert_false(plausibility_add(&plausibility, (const uint8_t *)samples, N_SAMPLES));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(float32_sound_is_plausible),
                cmocka_unit_test(unscaled_int16_is_told_once),
                cmocka_unit_test(bytes_of_int16_are_told_once),
                cmocka_unit_test(not_a_number_is_told_once),
                cmocka_unit_test(only_the_first_sound_is_judged),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
