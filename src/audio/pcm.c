#include "audio/pcm.h"

#include <endian.h>
#include <string.h>

// An IEEE 754 single with all exponent bits set is an infinity or a NaN.
#define EXPONENT_MASK UINT32_C(0x7f800000)

size_t pcm_sample_size(enum pcm_format format) {
        switch (format) {
        case PCM_S16:
                return 2;
        case PCM_F32:
                return 4;
        case PCM_U8:
                return 1;
        }
        return 0;
}

static void pcm_from_s16(const uint8_t *restrict bytes, size_t n, float *restrict ret) {
        for (size_t i = 0; i < n; i++) {
                uint16_t sample;

                memcpy(&sample, bytes + 2 * i, sizeof(sample));
                ret[i] = (float)(int16_t)le16toh(sample) / 32768.0f;
        }
}

static void pcm_from_u8(const uint8_t *restrict bytes, size_t n, float *restrict ret) {
        for (size_t i = 0; i < n; i++)
                ret[i] = (float)((int)bytes[i] - 128) / 128.0f;
}

static size_t pcm_from_f32(const uint8_t *restrict bytes, size_t n, float *restrict ret) {
        size_t not_finite = 0;

        for (size_t i = 0; i < n; i++) {
                uint32_t bits;
                float sample;

                memcpy(&bits, bytes + 4 * i, sizeof(bits));
                bits = le32toh(bits);
                // Judged by its bits, so that no compiler flag can assume the NaN away.
                if ((bits & EXPONENT_MASK) == EXPONENT_MASK) {
                        bits = 0;
                        not_finite++;
                }
                memcpy(&sample, &bits, sizeof(sample));
                sample = sample > 1.0f ? 1.0f : sample;
                ret[i] = sample < -1.0f ? -1.0f : sample;
        }
        return not_finite;
}

size_t pcm_to_float(enum pcm_format format, const uint8_t *bytes, size_t n, float *ret) {
        switch (format) {
        case PCM_S16:
                pcm_from_s16(bytes, n, ret);
                return 0;
        case PCM_F32:
                return pcm_from_f32(bytes, n, ret);
        case PCM_U8:
                pcm_from_u8(bytes, n, ret);
                return 0;
        }
        return 0;
}
