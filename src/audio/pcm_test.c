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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sample_sizes),
                cmocka_unit_test(s16_is_divided_by_32768_little_endian_and_unaligned),
                cmocka_unit_test(u8_is_centred_on_128),
                cmocka_unit_test(f32_is_cleaned_clipped_and_counted),
                cmocka_unit_test(nothing_gives_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
