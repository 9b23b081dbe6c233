// Tones of many rates come out as the same tones, as long as they went in, however they are
// cut; what has no room in our rate does not come out as anything else.
#include "audio/resampler.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/pcm.h"
#include "util/mem.h"

#define SECONDS 2

struct heard {
        float samples[(SECONDS + 1) * AUDIO_RATE];
        size_t n;
};

static void on_samples(void *context, const float *samples, size_t n) {
        struct heard *heard = context;

        assert_true(heard->n + n <= sizeof(heard->samples) / sizeof(heard->samples[0]));
        memcpy(heard->samples + heard->n, samples, n * sizeof(*samples));
        heard->n += n;
}

// SECONDS of a tone, pushed in pieces of `piece` samples.
static struct heard *tone_hear(unsigned rate, double hertz, size_t piece) {
        struct heard *heard = xnew(struct heard);
        CLEANUP(resampler_freep) struct resampler *resampler = resampler_new(rate);
        size_t n = (size_t)SECONDS * rate;
        float *tone = xcalloc(n, sizeof(float));

        for (size_t i = 0; i < n; i++)
                tone[i] = (float)(0.5 * sin(2 * M_PI * hertz * (double)i / rate));
        for (size_t i = 0; i < n; i += piece)
                resampler_push(resampler, tone + i, piece < n - i ? piece : n - i, on_samples,
                               heard);
        free(tone);
        return heard;
}

// The largest difference from that tone at our rate, but for the beginning, where it is cut on.
static double error_of(const struct heard *heard, double hertz, double loudness) {
        double most = 0;

        for (size_t i = 200; i < heard->n; i++) {
                double wanted = loudness * sin(2 * M_PI * hertz * (double)i / AUDIO_RATE);
                double error = fabs((double)heard->samples[i] - wanted);

                most = error > most ? error : most;
        }
        return most;
}

static const unsigned rates[] = {8000,  11025, 12000, 16000, 22050,
                                 24000, 32000, 44100, 48000, 9973};

static void a_tone_stays_the_tone_it_was(void **state) {
        static const double tones[] = {100, 440, 1000, 3000};

        (void)state;
        for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
                for (size_t j = 0; j < sizeof(tones) / sizeof(tones[0]); j++) {
                        struct heard *heard = tone_hear(rates[i], tones[j], 1000);

                        // 60 dB below it.
                        assert_true(error_of(heard, tones[j], 0.5) < 0.0005);
                        // All but the last few milliseconds.
                        assert_in_range(heard->n, (SECONDS - 0.01) * AUDIO_RATE,
                                        SECONDS * AUDIO_RATE);
                        free(heard);
                }
        }
}

static void what_has_no_room_is_not_heard(void **state) {
        static const double tones[] = {9500, 12000, 20000};

        (void)state;
        for (size_t j = 0; j < sizeof(tones) / sizeof(tones[0]); j++) {
                struct heard *heard = tone_hear(48000, tones[j], 1000);

                assert_true(error_of(heard, 0, 0) < 0.0005);
                free(heard);
        }
}

static void it_is_the_same_however_it_is_cut(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
                struct heard *whole = tone_hear(rates[i], 440, SIZE_MAX / 2);
                struct heard *cut = tone_hear(rates[i], 440, 7);

                assert_int_equal(whole->n, cut->n);
                assert_memory_equal(whole->samples, cut->samples,
                                    whole->n * sizeof(whole->samples[0]));
                free(whole);
                free(cut);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_tone_stays_the_tone_it_was),
                cmocka_unit_test(what_has_no_room_is_not_heard),
                cmocka_unit_test(it_is_the_same_however_it_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
