#include "media/samples.h"

#include <libavutil/samplefmt.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

// Beyond what anybody means, and far below what overflows when 64 are added up.
#define SAMPLE_MAX 1e4F

static float finite_float(double value) {
        return isfinite(value) ? (float)fmax(fmin(value, SAMPLE_MAX), -SAMPLE_MAX) : 0;
}

// Planes and samples begin anywhere: they are read byte by byte.
#define DEFINE_READER(name, type, expression)                                            \
        static void name##_read(const uint8_t *bytes, size_t step, size_t n, float *ret, \
                                size_t stride) {                                         \
                for (size_t i = 0; i < n; i++) {                                         \
                        type value;                                                      \
                                                                                         \
                        memcpy(&value, bytes + i * step, sizeof(value));                 \
                        ret[i * stride] = (expression);                                  \
                }                                                                        \
        }

DEFINE_READER(u8, uint8_t, (float)(value - 128) / 128)
DEFINE_READER(s16, int16_t, (float)value / 32768)
DEFINE_READER(s32, int32_t, (float)value / 2147483648.0F)
DEFINE_READER(s64, int64_t, (float)value / 9223372036854775808.0F)
DEFINE_READER(flt, float, finite_float(value))
DEFINE_READER(dbl, double, finite_float(value))

void media_samples_read(const AVFrame *frame, unsigned channel, size_t first, size_t n,
                        float *ret, size_t stride) {
        enum AVSampleFormat format = frame->format;
        size_t size = (size_t)av_get_bytes_per_sample(format);
        bool is_planar = av_sample_fmt_is_planar(format) != 0;
        size_t step = is_planar ? size : size * (size_t)frame->ch_layout.nb_channels;
        const uint8_t *bytes = is_planar ? frame->extended_data[channel]
                                         : frame->extended_data[0] + size * channel;

        bytes += first * step;
        switch (av_get_packed_sample_fmt(format)) {
        case AV_SAMPLE_FMT_U8:
                u8_read(bytes, step, n, ret, stride);
                break;
        case AV_SAMPLE_FMT_S16:
                s16_read(bytes, step, n, ret, stride);
                break;
        case AV_SAMPLE_FMT_S32:
                s32_read(bytes, step, n, ret, stride);
                break;
        case AV_SAMPLE_FMT_S64:
                s64_read(bytes, step, n, ret, stride);
                break;
        case AV_SAMPLE_FMT_FLT:
                flt_read(bytes, step, n, ret, stride);
                break;
        case AV_SAMPLE_FMT_DBL:
                dbl_read(bytes, step, n, ret, stride);
                break;
        default:
                for (size_t i = 0; i < n; i++)
                        ret[i * stride] = 0;
        }
}
