#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/sound_rig.h"
#include "media/speech.h"
#include "util/mem.h"

#define RATE    16000
#define SECONDS 10
#define N       (SECONDS * RATE)

static bool is_heard(const int16_t *samples, size_t n, double gain) {
        struct media_speech speech;

        media_speech_init(&speech);
        for (size_t i = 0; i < n; i++) {
                int16_t sample = (int16_t)lrint(gain * samples[i]);

                media_speech_feed(&speech, &sample, 1);
        }
        return media_speech_is_heard(&speech);
}

static double noise(void) {
        return 2.0 * rand() / RAND_MAX - 1;
}

// Silence, hum, hiss, a tone that begins, one that beats slowly, two clicks.
static void what_does_not_rise_and_fall_is_no_speech(void **state) {
        int16_t *samples = xcalloc(N, sizeof(*samples));

        (void)state;
        assert_false(is_heard(samples, N, 1));
        for (size_t i = 0; i < N; i++)
                samples[i] = (int16_t)(3000 * sin(2 * M_PI * 50 * (double)i / RATE));
        assert_false(is_heard(samples, N, 1));
        memset(samples, 0, N / 2 * sizeof(*samples));
        assert_false(is_heard(samples, N, 1));
        for (size_t i = 0; i < N; i++)
                samples[i] = (int16_t)(2000 * noise());
        assert_false(is_heard(samples, N, 1));
        for (size_t i = 0; i < N; i++)
                samples[i] = (int16_t)(2000 * noise() * sin(M_PI * 0.3 * (double)i / RATE));
        assert_false(is_heard(samples, N, 1));
        memset(samples, 0, N * sizeof(*samples));
        for (size_t i = 0; i < 100; i++)
                samples[N / 2 + i] = samples[N / 4 + i] = (int16_t)(20000 * noise());
        assert_false(is_heard(samples, N, 1));
        free(samples);
}

static void speech_is(void **state) {
        static const char *const names[] = {"misc/jfk.flac", "misc/sonnet1.mp3",
                                            "faults/quiet-then-loud.opus",
                                            "faults/french-five.opus"};

        (void)state;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                struct sound sound = rig_need_sound(names[i]);
                int16_t *samples = xcalloc(N, sizeof(*samples));

                for (size_t k = 0; k < N && k < sound.n; k++)
                        samples[k] = (int16_t)lrintf(fminf(sound.samples[k], 0.999F) * 32767);
                assert_true(is_heard(samples, N, 1));
                assert_true(is_heard(samples, N, 0.25));
                free(samples);
                free(sound.samples);
        }
}

// Bursts like syllables: four a second, in noise 20 dB below.
static void bursts_like_syllables_are(void **state) {
        int16_t *samples = xcalloc(N, sizeof(*samples));

        (void)state;
        for (size_t i = 0; i < N; i++)
                samples[i] = (int16_t)((i / (RATE / 8) % 2 ? 3000 : 300) * noise());
        assert_true(is_heard(samples, 2 * RATE, 1));
        free(samples);
}

static void the_level_is_that_of_all(void **state) {
        struct media_speech speech;
        int16_t samples[MEDIA_SPEECH_FRAME];

        (void)state;
        media_speech_init(&speech);
        assert_true(isnan(media_speech_level(&speech)));
        memset(samples, 0, sizeof(samples));
        media_speech_feed(&speech, samples, MEDIA_SPEECH_FRAME);
        assert_true(media_speech_level(&speech) == -90);
        for (size_t i = 0; i < MEDIA_SPEECH_FRAME; i++)
                samples[i] = i % 2 ? 16384 : -16384;
        media_speech_feed(&speech, samples, MEDIA_SPEECH_FRAME);
        assert_true(fabs(media_speech_level(&speech) - -9.03) < 0.01);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_does_not_rise_and_fall_is_no_speech),
                cmocka_unit_test(speech_is),
                cmocka_unit_test(bursts_like_syllables_are),
                cmocka_unit_test(the_level_is_that_of_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
