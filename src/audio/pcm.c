#include "audio/pcm.h"

#include <endian.h>
#include <math.h>
#include <string.h>

// An IEEE 754 single with all exponent bits set is an infinity or a NaN.
#define EXPONENT_MASK UINT32_C(0x7f800000)

size_t pcm_sample_size(enum pcm_format format) {
        static const uint8_t sizes[] = {
                [PCM_S16] = 2, [PCM_F32] = 4,   [PCM_U8] = 1,   [PCM_S32] = 4,
                [PCM_S24] = 3, [PCM_MULAW] = 1, [PCM_ALAW] = 1,
        };

        return sizes[format];
}

bool pcm_format_of(const char *name, enum pcm_format *ret) {
        static const struct {
                const char *name;
                enum pcm_format format;
        } formats[] = {{"s16", PCM_S16},  {"s24", PCM_S24}, {"s32", PCM_S32},
                       {"f32", PCM_F32},  {"u8", PCM_U8},   {"mulaw", PCM_MULAW},
                       {"alaw", PCM_ALAW}};

        for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
                if (strcmp(formats[i].name, name) == 0) {
                        *ret = formats[i].format;
                        return true;
                }
        return false;
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

static void pcm_from_s24(const uint8_t *restrict bytes, size_t n, float *restrict ret) {
        for (size_t i = 0; i < n; i++) {
                const uint8_t *at = bytes + 3 * i;
                uint32_t sample =
                        (uint32_t)at[0] << 8 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 24;

                ret[i] = (float)(int32_t)sample / 2147483648.0f;
        }
}

static void pcm_from_s32(const uint8_t *restrict bytes, size_t n, float *restrict ret) {
        for (size_t i = 0; i < n; i++) {
                uint32_t sample;

                memcpy(&sample, bytes + 4 * i, sizeof(sample));
                ret[i] = (float)(int32_t)le32toh(sample) / 2147483648.0f;
        }
}

// A sign, three bits that say which eighth of the loudness it is, each twice as coarse as the
// one before, and four bits that say where in it: of 14 bits in mu-law, whose eighths begin at
// -33, and of 13 in A-law, whose first two are equal.
static void pcm_from_mulaw(const uint8_t *restrict bytes, size_t n, float *restrict ret) {
        for (size_t i = 0; i < n; i++) {
                unsigned code = ~(unsigned)bytes[i] & 0xff;
                int size = (int)((((code & 0xf) << 1) + 33) << (code >> 4 & 7)) - 33;

                ret[i] = (float)(code & 0x80 ? -size : size) / 8192.0f;
        }
}

static void pcm_from_alaw(const uint8_t *restrict bytes, size_t n, float *restrict ret) {
        for (size_t i = 0; i < n; i++) {
                unsigned code = bytes[i] ^ 0x55u, eighth = code >> 4 & 7;
                unsigned place = ((code & 0xf) << 1) + (eighth ? 33 : 1);
                int size = (int)(place << (eighth ? eighth - 1 : 0));

                ret[i] = (float)(code & 0x80 ? size : -size) / 4096.0f;
        }
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
        case PCM_S24:
                pcm_from_s24(bytes, n, ret);
                return 0;
        case PCM_S32:
                pcm_from_s32(bytes, n, ret);
                return 0;
        case PCM_MULAW:
                pcm_from_mulaw(bytes, n, ret);
                return 0;
        case PCM_ALAW:
                pcm_from_alaw(bytes, n, ret);
                return 0;
        }
        return 0;
}

bool pcm_is_finite(const float *samples, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (!isfinite(samples[i]))
                        return false;
        return true;
}
