#include "audio/pcm.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void sample_sizes(void **state) {
        (void)state;
        assert_int_equal(pcm_sample_size(PCM_S16), 2);
        assert_int_equal(pcm_sample_size(PCM_F32), 4);
        assert_int_equal(pcm_sample_size(PCM_U8), 1);
        assert_int_equal(pcm_sample_size(PCM_S24), 3);
        assert_int_equal(pcm_sample_size(PCM_S32), 4);
        assert_int_equal(pcm_sample_size(PCM_MULAW), 1);
        assert_int_equal(pcm_sample_size(PCM_ALAW), 1);
}

static void s16_is_divided_by_32768_little_endian_and_unaligned(void **state) {
        // One byte in front, so that the samples lie on odd addresses.
        const uint8_t bytes[] = {0xff, 0x00, 0x00, 0x01, 0x00, 0x00, 0x80,
                                 0xff, 0x7f, 0xff, 0xff, 0x00, 0x40};
        const float expected[] = {0.0f,          1.0f / 32768, -1.0f, 32767.0f / 32768,
                                  -1.0f / 32768, 0.5f};
        float samples[6];

        (void)state;
        assert_int_equal(pcm_to_float(PCM_S16, bytes + 1, 6, samples), 0);
        for (size_t i = 0; i < 6; i++)
                assert_true(samples[i] == expected[i]);
}

static void u8_is_centred_on_128(void **state) {
        const uint8_t bytes[] = {0, 64, 128, 192, 255};
        const float expected[] = {-1.0f, -0.5f, 0.0f, 0.5f, 127.0f / 128};
        float samples[5];

        (void)state;
        assert_int_equal(pcm_to_float(PCM_U8, bytes, 5, samples), 0);
        for (size_t i = 0; i < 5; i++)
                assert_true(samples[i] == expected[i]);
}

static void wide_samples_are_little_endian_and_unaligned(void **state) {
        const uint8_t s24[] = {0xff, 0,    0,    0x80, 0xff, 0xff, 0x7f,
                               0xff, 0xff, 0xff, 0,    0,    0x40};
        const uint8_t s32[] = {0xff, 0,    0,    0,    0x80, 0xff, 0xff, 0xff, 0x7f,
                               0,    0xff, 0xff, 0xff, 0,    0,    0,    0xc0};
        const float expected24[] = {-1.0f, 8388607.0f / 8388608, -1.0f / 8388608, 0.5f};
        const float expected32[] = {-1.0f, 1.0f, -256.0f / 2147483648.0f, -0.5f};
        float samples[4];

        (void)state;
        pcm_to_float(PCM_S24, s24 + 1, 4, samples);
        assert_memory_equal(samples, expected24, sizeof(samples));
        pcm_to_float(PCM_S32, s32 + 1, 4, samples);
        assert_memory_equal(samples, expected32, sizeof(samples));
}

// The values that G.711 lists, of 16 bits.
static void g711_is_expanded_as_it_says(void **state) {
        const uint8_t mulaw[] = {0xff, 0x7f, 0x00, 0x80, 0xfe, 0xef, 0xf0, 0x0f, 0x55};
        const int expected_mulaw[] = {0, 0, -32124, 32124, 8, 132, 120, -16764, -716};
        const uint8_t alaw[] = {0xd5, 0x55, 0x2a, 0xaa, 0xd4, 0xc5, 0x80, 0x0f};
        const int expected_alaw[] = {8, -8, -32256, 32256, 24, 264, 5504, -6784};
        float samples[9];

        (void)state;
        pcm_to_float(PCM_MULAW, mulaw, 9, samples);
        for (size_t i = 0; i < 9; i++)
                assert_float_equal(samples[i] * 32768, expected_mulaw[i], 0);
        pcm_to_float(PCM_ALAW, alaw, 8, samples);
        for (size_t i = 0; i < 8; i++)
                assert_float_equal(samples[i] * 32768, expected_alaw[i], 0);
}

static void formats_have_names(void **state) {
        static const char *const names[] = {"s16", "f32", "u8", "s32", "s24", "mulaw", "alaw"};
        enum pcm_format format;

        (void)state;
        for (unsigned i = 0; i < 7; i++) {
                assert_true(pcm_format_of(names[i], &format));
                assert_int_equal(format, i);
        }
        assert_false(pcm_format_of("S16", &format));
        assert_false(pcm_format_of("", &format));
}

static void f32_is_cleaned_clipped_and_counted(void **state) {
        const float in[] = {0.25f, -1.0f, 1.5f, -3e38f, NAN, INFINITY, -INFINITY, -NAN, 1e-40f};
        const float expected[] = {0.25f, -1.0f, 1.0f, -1.0f, 0.0f, 0.0f, 0.0f, 0.0f, 1e-40f};
        uint8_t bytes[sizeof(in) + 1];
        float samples[9];

        (void)state;
        memcpy(bytes + 1, in, sizeof(in));
        assert_int_equal(pcm_to_float(PCM_F32, bytes + 1, 9, samples), 4);
        for (size_t i = 0; i < 9; i++)
                assert_true(samples[i] == expected[i]);
}

static void nothing_gives_nothing(void **state) {
        (void)state;
        assert_int_equal(pcm_to_float(PCM_S16, NULL, 0, NULL), 0);
        assert_int_equal(pcm_to_float(PCM_F32, NULL, 0, NULL), 0);
        assert_int_equal(pcm_to_float(PCM_U8, NULL, 0, NULL), 0);
}

static void one_sample_may_be_none(void **state) {
        float samples[3] = {1, -1, 0};

        (void)state;
        assert_true(pcm_is_finite(samples, 0));
        assert_true(pcm_is_finite(samples, 3));
        samples[2] = NAN;
        assert_false(pcm_is_finite(samples, 3));
        samples[2] = -INFINITY;
        assert_false(pcm_is_finite(samples, 3));
        assert_true(pcm_is_finite(samples, 2));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sample_sizes),
                cmocka_unit_test(s16_is_divided_by_32768_little_endian_and_unaligned),
                cmocka_unit_test(u8_is_centred_on_128),
                cmocka_unit_test(wide_samples_are_little_endian_and_unaligned),
                cmocka_unit_test(g711_is_expanded_as_it_says),
                cmocka_unit_test(formats_have_names),
                cmocka_unit_test(f32_is_cleaned_clipped_and_counted),
                cmocka_unit_test(nothing_gives_nothing),
                cmocka_unit_test(one_sample_may_be_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
