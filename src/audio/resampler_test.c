// Tones of many rates come out as the same tones, exactly as long as they went in, however they
// are cut; what has no room in our rate does not come out as anything else. In decibels.
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

#define SECONDS 1
#define LOUD    0.5

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
                tone[i] = (float)(LOUD * sin(2 * M_PI * hertz * (double)i / rate));
        for (size_t i = 0; i < n; i += piece)
                resampler_push(resampler, tone + i, piece < n - i ? piece : n - i, on_samples,
                               heard);
        resampler_finish(resampler, on_samples, heard);
        free(tone);
        return heard;
}

static double decibels(double ratio) {
        return 20 * log10(ratio + 1e-12);
}

// How loud the tone is of what was heard, and all else there is, both against what went in. In
// the same place of the sound: a tone that came late would be quieter, and the rest louder. The
// beginning and the end, where it is cut on and off, are left out.
static void tone_measure(const struct heard *heard, double hertz, double *ret_tone,
                         double *ret_rest) {
        const size_t begin = AUDIO_RATE / 4, end = (SECONDS * 4 - 1) * AUDIO_RATE / 4;
        double power = 0, likeness = 0, rest = 0, part;

        for (size_t i = begin; i < end; i++) {
                double wanted = LOUD * sin(2 * M_PI * hertz * (double)i / AUDIO_RATE);

                power += wanted * wanted;
                likeness += wanted * (double)heard->samples[i];
        }
        part = likeness / power;
        for (size_t i = begin; i < end; i++) {
                double wanted = LOUD * sin(2 * M_PI * hertz * (double)i / AUDIO_RATE);
                double other = (double)heard->samples[i] - part * wanted;

                rest += other * other;
        }
        *ret_tone = decibels(part);
        *ret_rest = decibels(sqrt(rest / power));
}

static const unsigned rates[] = {8000,  9973,  11025, 12000, 16000, 22050,
                                 24000, 32000, 44100, 48000, 96000, 192000};

#define RATES (sizeof(rates) / sizeof(rates[0]))

// Hz that both rates have room for.
static double room_of(unsigned rate) {
        return (rate < AUDIO_RATE ? rate : AUDIO_RATE) / 2.0;
}

// From the lowest to 0.9 of what there is room for.
static void a_tone_stays_the_tone_it_was(void **state) {
        (void)state;
        for (size_t i = 0; i < RATES; i++) {
                for (int step = 1; step <= 18; step++) {
                        double hertz = room_of(rates[i]) * step / 20, tone, rest;
                        struct heard *heard = tone_hear(rates[i], hertz, 1000);

                        tone_measure(heard, hertz, &tone, &rest);
                        if (fabs(tone) > 0.1 || rest > -100)
                                fail_msg("%u Hz: a tone of %.0f Hz: %.3f dB, rest %.0f dB",
                                         rates[i], hertz, tone, rest);
                        free(heard);
                }
        }
}

// Of all that is above 8 kHz and a slope of a twelfth of it.
static void what_has_no_room_is_not_heard(void **state) {
        (void)state;
        for (size_t i = 0; i < RATES; i++) {
                for (double hertz = 8650; hertz < rates[i] / 2.0; hertz *= 1.07) {
                        struct heard *heard = tone_hear(rates[i], hertz, 1000);
                        double power = 0;

                        // Cut on and off it is more than a tone.
                        for (size_t j = AUDIO_RATE / 4; j < AUDIO_RATE * 3 / 4; j++)
                                power += pow((double)heard->samples[j], 2);
                        power = decibels(sqrt(power / (AUDIO_RATE / 2.0)) / (LOUD * M_SQRT1_2));
                        if (power > -100)
                                fail_msg("%u Hz: a tone of %.0f Hz: %.0f dB", rates[i], hertz,
                                         power);
                        free(heard);
                }
        }
}

static void it_is_the_same_however_it_is_cut(void **state) {
        (void)state;
        for (size_t i = 0; i < RATES; i++) {
                struct heard *whole = tone_hear(rates[i], 440, SIZE_MAX / 2);
                struct heard *cut = tone_hear(rates[i], 440, 7);

                assert_int_equal(whole->n, SECONDS * AUDIO_RATE);
                assert_int_equal(whole->n, cut->n);
                assert_memory_equal(whole->samples, cut->samples,
                                    whole->n * sizeof(whole->samples[0]));
                free(whole);
                free(cut);
        }
}

// What is said is heard soon, and is not longer or shorter after an hour: owed are never more
// samples than after a second.
static void little_is_held_back(void **state) {
        (void)state;
        for (size_t i = 0; i < RATES; i++) {
                struct resampler *resampler = resampler_new(rates[i]);
                struct heard *heard = xnew(struct heard);
                float *silence = xcalloc(rates[i], sizeof(float));
                int64_t n_in = 0, n_out = 0;
                double most = rates[i] < AUDIO_RATE ? 0.052 : rates[i] <= 48000 ? 0.026 : 0.037;

                for (int piece = 0; piece < 3000; piece++) {
                        double owed;

                        resampler_push(resampler, silence, rates[i] / 50, on_samples, heard);
                        n_in += rates[i] / 50;
                        n_out += (int64_t)heard->n;
                        heard->n = 0;
                        owed = (double)n_in / rates[i] - pcm_seconds(n_out);
                        if (owed > most || owed < 0)
                                fail_msg("%u Hz: %.4f s are owed", rates[i], owed);
                }
                resampler_free(resampler);
                free(silence);
                free(heard);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_tone_stays_the_tone_it_was),
                cmocka_unit_test(what_has_no_room_is_not_heard),
                cmocka_unit_test(it_is_the_same_however_it_is_cut),
                cmocka_unit_test(little_is_held_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
