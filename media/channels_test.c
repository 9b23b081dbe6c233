#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/channels.h"
#include "media/records.h"
#include "util/mem.h"

#define RATE 8000
#define N    (2 * RATE)

struct sound {
        unsigned n_channels;
        float *planes[MEDIA_CHANNELS_MAX];
        float *mixed;
        size_t n_mixed;
};

static void sound_init(struct sound *sound, unsigned n_channels) {
        *sound = (struct sound){.n_channels = n_channels};
        for (unsigned c = 0; c < n_channels; c++)
                sound->planes[c] = xcalloc(N, sizeof(float));
        sound->mixed = xcalloc(2 * N, sizeof(float));
}

static void sound_deinit(struct sound *sound) {
        for (unsigned c = 0; c < sound->n_channels; c++)
                free(sound->planes[c]);
        free(sound->mixed);
}

static float sine(size_t i, double frequency) {
        return (float)(0.5 * sin(2 * M_PI * frequency * (double)i / RATE));
}

// In pieces of at most `most` samples.
static void mix(struct sound *sound, size_t most) {
        struct media_channels *channels = media_channels_new(sound->n_channels, RATE);

        sound->n_mixed = 0;
        for (size_t i = 0, part; i < N; i += part) {
                const float *planes[MEDIA_CHANNELS_MAX];

                part = most < N - i ? most : N - i;
                for (unsigned c = 0; c < sound->n_channels; c++)
                        planes[c] = sound->planes[c] + i;
                sound->n_mixed += media_channels_feed(channels, planes, part,
                                                      sound->mixed + sound->n_mixed);
        }
        sound->n_mixed += media_channels_flush(channels, sound->mixed + sound->n_mixed);
        media_channels_free(channels);
        assert_int_equal(sound->n_mixed, N);
}

static void assert_like(const float *samples, const float *expected, size_t n) {
        for (size_t i = 0; i < n; i++)
                assert_true(fabsf(samples[i] - expected[i]) < 1e-5F);
}

static void the_same_in_all_stays_as_it_is(void **state) {
        static const unsigned numbers[] = {1, 2, 6, 9, 64};

        (void)state;
        for (size_t k = 0; k < sizeof(numbers) / sizeof(numbers[0]); k++) {
                struct sound sound;

                sound_init(&sound, numbers[k]);
                for (unsigned c = 0; c < numbers[k]; c++)
                        for (size_t i = 0; i < N; i++)
                                sound.planes[c][i] = sine(i, 200);
                mix(&sound, 1000);
                assert_like(sound.mixed, sound.planes[0], N);
                sound_deinit(&sound);
        }
}

static void opposed_phases_do_not_cancel(void **state) {
        struct sound sound;

        (void)state;
        sound_init(&sound, 2);
        for (size_t i = 0; i < N; i++) {
                sound.planes[0][i] = sine(i, 200);
                sound.planes[1][i] = -sine(i, 200);
        }
        mix(&sound, N);
        assert_like(sound.mixed, sound.planes[0], N);
        sound_deinit(&sound);
}

static void silent_channels_take_nothing_away(void **state) {
        struct sound sound;

        (void)state;
        sound_init(&sound, 6);
        for (size_t i = 0; i < N; i++) {
                sound.planes[3][i] = sine(i, 200);
                sound.planes[5][i] = 5e-5F * sine(i, 300);  // the last bit's noise
        }
        mix(&sound, 333);
        assert_like(sound.mixed, sound.planes[3], N);
        sound_deinit(&sound);
}

// Two voices at once: both are heard.
static void different_sounds_are_averaged(void **state) {
        struct sound sound;

        (void)state;
        sound_init(&sound, 2);
        for (size_t i = 0; i < N; i++) {
                sound.planes[0][i] = sine(i, 200);
                sound.planes[1][i] = sine(i, 333);
        }
        mix(&sound, N);
        for (size_t i = RATE / 4; i < N; i++)
                assert_true(fabsf(sound.mixed[i] - (sine(i, 200) + sine(i, 333)) / 2) < 1e-5F);
        sound_deinit(&sound);
}

static double power(const float *samples, size_t n) {
        double energy = 0;

        for (size_t i = 0; i < n; i++)
                energy += (double)samples[i] * samples[i];
        return energy / (double)n;
}

// The one on the left stops, the one on the right begins: a beginning must not be lost. And
// nothing clicks: a sine of 200 Hz moves by at most 0.08 from sample to sample.
static void who_begins_to_talk_is_heard_at_once(void **state) {
        struct sound sound;

        (void)state;
        sound_init(&sound, 2);
        for (size_t i = 0; i < N; i++) {
                sound.planes[0][i] = i < N / 2 ? sine(i, 200) : 0.001F * sine(i, 200);
                sound.planes[1][i] = i < N / 2 ? 0.001F * sine(i, 200) : sine(i, 200);
        }
        mix(&sound, 160);
        assert_true(power(sound.mixed + RATE / 4, RATE / 4) > 0.99 * 0.125);
        assert_true(power(sound.mixed + N / 2 + RATE / 50, RATE / 20) > 0.9 * 0.125);
        assert_true(power(sound.mixed + N - RATE / 4, RATE / 4) > 0.99 * 0.125);
        for (size_t i = 1; i < N; i++)
                assert_true(fabsf(sound.mixed[i] - sound.mixed[i - 1]) < 0.2F);
        sound_deinit(&sound);
}

static void how_it_is_cut_plays_no_role(void **state) {
        struct sound sound;
        CLEANUP(floats_freep) float *whole = xcalloc(N, sizeof(float));

        (void)state;
        srand(1);
        sound_init(&sound, 3);
        for (size_t i = 0; i < N; i++)
                for (unsigned c = 0; c < 3; c++)
                        sound.planes[c][i] = (float)rand() / (float)RAND_MAX *
                                             sine(i, 0.7 + 0.3 * c) * (c == 1 ? -1.0F : 1.0F);
        mix(&sound, N);
        memcpy(whole, sound.mixed, N * sizeof(float));
        for (size_t most = 1; most < 300; most += 37) {
                mix(&sound, most);
                assert_memory_equal(sound.mixed, whole, N * sizeof(float));
        }
        sound_deinit(&sound);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_in_all_stays_as_it_is),
                cmocka_unit_test(opposed_phases_do_not_cancel),
                cmocka_unit_test(silent_channels_take_nothing_away),
                cmocka_unit_test(different_sounds_are_averaged),
                cmocka_unit_test(who_begins_to_talk_is_heard_at_once),
                cmocka_unit_test(how_it_is_cut_plays_no_role),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
