#include <libavutil/channel_layout.h>
#include <libavutil/samplefmt.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "media/samples.h"

#define CHANNELS 3
#define N        50

// Channel c's sample i is (i - 25) / 32 + c / 128.
static float expected(size_t i, unsigned channel) {
        return ((float)i - 25) / 32 + (float)channel / 128;
}

static void sample_write(uint8_t *ret, enum AVSampleFormat format, float value) {
        const uint8_t u8 = (uint8_t)lrintf(value * 128 + 128);
        const int16_t s16 = (int16_t)lrintf(value * 32768);
        const int32_t s32 = (int32_t)lrint((double)value * 2147483648.0);
        const int64_t s64 = (int64_t)llrint((double)value * 9223372036854775808.0);
        const double dbl = value;

        switch (av_get_packed_sample_fmt(format)) {
        case AV_SAMPLE_FMT_U8:
                memcpy(ret, &u8, sizeof(u8));
                break;
        case AV_SAMPLE_FMT_S16:
                memcpy(ret, &s16, sizeof(s16));
                break;
        case AV_SAMPLE_FMT_S32:
                memcpy(ret, &s32, sizeof(s32));
                break;
        case AV_SAMPLE_FMT_S64:
                memcpy(ret, &s64, sizeof(s64));
                break;
        case AV_SAMPLE_FMT_FLT:
                memcpy(ret, &value, sizeof(value));
                break;
        default:
                memcpy(ret, &dbl, sizeof(dbl));
        }
}

static AVFrame *frame_new(enum AVSampleFormat format) {
        AVFrame *frame = av_frame_alloc();

        frame->format = format;
        frame->nb_samples = N;
        frame->sample_rate = 16000;
        av_channel_layout_default(&frame->ch_layout, CHANNELS);
        assert_int_equal(av_frame_get_buffer(frame, 0), 0);
        return frame;
}

static uint8_t *sample_place(const AVFrame *frame, size_t i, unsigned channel) {
        size_t size = (size_t)av_get_bytes_per_sample(frame->format);

        if (av_sample_fmt_is_planar(frame->format))
                return frame->extended_data[channel] + i * size;
        return frame->extended_data[0] + (i * CHANNELS + channel) * size;
}

static void every_format_is_read(void **state) {
        (void)state;
        for (enum AVSampleFormat format = 0; format < AV_SAMPLE_FMT_NB; format++) {
                AVFrame *frame = frame_new(format);
                float read[2 * N];

                for (size_t i = 0; i < N; i++)
                        for (unsigned c = 0; c < CHANNELS; c++)
                                sample_write(sample_place(frame, i, c), format, expected(i, c));
                for (unsigned c = 0; c < CHANNELS; c++) {
                        media_samples_read(frame, c, 5, N - 5, read, 2);
                        for (size_t i = 5; i < N; i++)
                                assert_true(fabsf(read[2 * (i - 5)] - expected(i, c)) < 1e-6F);
                }
                av_frame_free(&frame);
        }
}

static void no_sample_is_infinite(void **state) {
        AVFrame *frame = frame_new(AV_SAMPLE_FMT_FLTP);
        const float values[] = {NAN, INFINITY, -INFINITY, 3e38F};
        float read[4];

        (void)state;
        memcpy(frame->extended_data[0], values, sizeof(values));
        media_samples_read(frame, 0, 0, 4, read, 1);
        for (size_t i = 0; i < 4; i++)
                assert_true(fabsf(read[i]) <= 1e4F);
        assert_true(read[0] == 0);
        av_frame_free(&frame);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_format_is_read),
                cmocka_unit_test(no_sample_is_infinite),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
