// Sound of all shapes becomes the same samples, wherever its bytes are cut.
#include "pipeline/feed.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "audio/resampler.h"
#include "util/mem.h"

#define HEARD_MAX (3 * AUDIO_RATE)

struct heard {
        float samples[HEARD_MAX];
        size_t n;
};

static void on_samples(void *context, const float *samples, size_t n) {
        struct heard *heard = context;

        assert_true(heard->n + n <= HEARD_MAX);
        memcpy(heard->samples + heard->n, samples, n * sizeof(*samples));
        heard->n += n;
}

// What is heard of these bytes, pushed in pieces.
static struct heard *hear(const struct request *request, const void *bytes, size_t n,
                          size_t piece) {
        struct heard *heard = xnew(struct heard);
        struct feed feed;

        assert_int_equal(feed_init(&feed, request, NULL), 0);
        for (size_t i = 0; i < n; i += piece)
                assert_false(feed_push(&feed, (const uint8_t *)bytes + i,
                                       piece < n - i ? piece : n - i, on_samples, heard));
        feed_finish(&feed, on_samples, heard);
        feed_deinit(&feed);
        return heard;
}

static void samples_may_be_cut_anywhere(void **state) {
        static const struct request requests[] = {
                {.format = PCM_S16},
                {.format = PCM_F32, .channels = 2},
                {.format = PCM_S24, .channels = 3, .rate = 44100},
                {.format = PCM_S32, .channels = 8, .channel = 8},
                {.format = PCM_MULAW, .rate = 8000},
                {.format = PCM_ALAW, .rate = 96000, .channels = 2, .channel = 1},
        };
        static const size_t pieces[] = {1, 2, 3, 7, 31, 33, 1000, 19999};
        // Not a whole number of most frames; every fourth byte such that no float32 is odd.
        uint8_t bytes[19999];

        (void)state;
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = i % 4 == 3 ? 0x3e : (uint8_t)(i * 7919 >> 3);
        for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
                struct heard *whole = hear(&requests[i], bytes, sizeof(bytes), SIZE_MAX / 2);

                assert_true(whole->n > 500);
                for (size_t j = 0; j < sizeof(pieces) / sizeof(pieces[0]); j++) {
                        struct heard *cut = hear(&requests[i], bytes, sizeof(bytes), pieces[j]);

                        assert_int_equal(cut->n, whole->n);
                        assert_memory_equal(cut->samples, whole->samples,
                                            whole->n * sizeof(float));
                        free(cut);
                }
                free(whole);
        }
}

static void channels_are_mixed_or_kept_apart(void **state) {
        const float frames[] = {0.5f, 0.25f, 0, -0.5f, 0.25f, -0.25f};
        const float mixed[] = {0.25f, -0.5f / 3};
        const float second[] = {0.25f, 0.25f};
        struct request request = {.format = PCM_F32, .channels = 3};
        struct heard *heard = hear(&request, frames, sizeof(frames), 5);

        (void)state;
        assert_int_equal(heard->n, 2);
        assert_memory_equal(heard->samples, mixed, sizeof(mixed));
        free(heard);
        request.channel = 2;
        heard = hear(&request, frames, sizeof(frames), 5);
        assert_int_equal(heard->n, 2);
        assert_memory_equal(heard->samples, second, sizeof(second));
        free(heard);
}

static void a_second_of_any_rate_is_a_second(void **state) {
        static const unsigned rates[] = {8000, 11025, 16000, 44100, 48000, 96000, 192000};

        (void)state;
        for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
                const struct request request = {.format = PCM_S16, .rate = rates[i]};
                int16_t *sound = xcalloc(rates[i], sizeof(*sound));
                struct heard *heard = hear(&request, sound, sizeof(*sound) * rates[i], 640);

                assert_int_equal(heard->n, AUDIO_RATE);
                free(heard);
                free(sound);
        }
}

// What is flushed in between costs no sample, and none is heard twice.
static void sound_goes_on_after_a_flush(void **state) {
        const struct request request = {.format = PCM_S16, .rate = 8000};
        struct heard *heard = xnew(struct heard);
        int16_t *sound = xcalloc(8000, sizeof(*sound));
        struct feed feed;

        (void)state;
        assert_int_equal(feed_init(&feed, &request, NULL), 0);
        for (int i = 1; i <= 2; i++) {
                feed_push(&feed, (const uint8_t *)sound, 8000, on_samples, heard);
                feed_finish(&feed, on_samples, heard);
                assert_int_equal(heard->n, i * AUDIO_RATE / 2);
        }
        feed_deinit(&feed);
        free(sound);
        free(heard);
}

static void expect_refusal(const struct request *request, const char *words) {
        struct error error;
        struct feed feed;

        assert_int_equal(feed_init(&feed, request, &error), -EINVAL);
        assert_string_equal(error.text, words);
        assert_null(feed.resampler);
}

static void what_nobody_sends_is_refused(void **state) {
        (void)state;
        expect_refusal(&(struct request){.rate = 7999},
                       "the sound's rate is 7999 Hz: 8000 to 192000 are understood");
        expect_refusal(&(struct request){.rate = 1000000000},
                       "the sound's rate is 1000000000 Hz: 8000 to 192000 are understood");
        expect_refusal(&(struct request){.channels = 9},
                       "the sound has 9 channels: at most 8 are understood");
        expect_refusal(&(struct request){.channels = 2, .channel = 3},
                       "channel 3 is asked for, of 2");
}

static void what_is_no_sound_is_told_once(void **state) {
        const struct request request = {.format = PCM_F32};
        struct heard *heard = xnew(struct heard);
        struct feed feed;
        float beyond[1000];
        int n_told = 0;

        (void)state;
        for (size_t i = 0; i < 1000; i++)
                beyond[i] = 3000;
        assert_int_equal(feed_init(&feed, &request, NULL), 0);
        for (size_t i = 0; i < HEARD_MAX / 1000; i++)
                n_told += feed_push(&feed, (const uint8_t *)beyond, sizeof(beyond), on_samples,
                                    heard);
        assert_int_equal(n_told, 1);
        feed_deinit(&feed);
        free(heard);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(samples_may_be_cut_anywhere),
                cmocka_unit_test(channels_are_mixed_or_kept_apart),
                cmocka_unit_test(a_second_of_any_rate_is_a_second),
                cmocka_unit_test(sound_goes_on_after_a_flush),
                cmocka_unit_test(what_nobody_sends_is_refused),
                cmocka_unit_test(what_is_no_sound_is_told_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
