/* Elements: the number formats in model files, into float.
 *
 * The block formats are ggml's: 32 values share one f16 scale `d` (and, in the _1 kinds, one
 * f16 minimum `m`). Values 0..15 sit in the low halves of the 16 bytes, 16..31 in the high
 * ones; a fifth bit, where there is one, comes from a 32-bit mask in front of them.
 *
 *      q4_0  d, 16 bytes           (q - 8) d        q4_1  d, m, 16 bytes           q d + m
 *      q5_0  d, mask, 16 bytes     (q - 16) d       q5_1  d, m, mask, 16 bytes     q d + m
 *      q8_0  d, 32 signed bytes    q d
 */
#include "whisper/weights/formats.h"

#include <string.h>

#define BLOCK 32

static uint16_t load_u16(const uint8_t *bytes) {
        uint16_t value;

        memcpy(&value, bytes, sizeof(value));
        return value;
}

static uint32_t load_u32(const uint8_t *bytes) {
        uint32_t value;

        memcpy(&value, bytes, sizeof(value));
        return value;
}

static float float_from_bits(uint32_t bits) {
        float value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

// IEEE half precision. Moving its exponent and mantissa into a float's place leaves the
// exponent 112 too small; multiplying by 2^112 mends that for subnormals, too. All ones in the
// exponent mean infinity or NaN in either format.
static float float_from_half(uint16_t half) {
        uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
        uint32_t sign = (uint32_t)(half & 0x8000) << 16;
        uint32_t special = (half & 0x7c00) == 0x7c00 ? 0x7f800000 : 0;
        float scaled = float_from_bits(magnitude) * 0x1p112F;
        uint32_t bits;

        memcpy(&bits, &scaled, sizeof(bits));
        return float_from_bits(bits | sign | special);
}

static size_t block_bytes(enum element_type type) {
        switch (type) {
        case ELEMENT_Q4_0:
                return 2 + 16;
        case ELEMENT_Q4_1:
                return 4 + 16;
        case ELEMENT_Q5_0:
                return 2 + 4 + 16;
        case ELEMENT_Q5_1:
                return 4 + 4 + 16;
        case ELEMENT_Q8_0:
                return 2 + 32;
        default:
                return 0;
        }
}

int64_t element_bytes(enum element_type type, int64_t n, int64_t row) {
        switch (type) {
        case ELEMENT_NONE:
                return 0;
        case ELEMENT_F32:
                return n * 4;
        case ELEMENT_F16:
        case ELEMENT_BF16:
        case ELEMENT_I16:
                return n * 2;
        case ELEMENT_I8:
                return n;
        default:
                return row % BLOCK ? -1 : n / BLOCK * (int64_t)block_bytes(type);
        }
}

// 4 or 5 bit values: `offset` is what the symmetric kinds subtract, `has_mask` the fifth bit.
static void nibbles_to_float(const uint8_t *block, bool has_minimum, bool has_mask,
                             float *ret) {
        float scale = float_from_half(load_u16(block));
        float minimum = has_minimum ? float_from_half(load_u16(block + 2)) : 0;
        int offset = has_minimum ? 0 : has_mask ? 16 : 8;
        const uint8_t *values = block + (has_minimum ? 4 : 2);
        uint32_t mask = 0;

        if (has_mask) {
                mask = load_u32(values);
                values += 4;
        }
        for (int i = 0; i < BLOCK / 2; i++) {
                int low = (values[i] & 15) | (int)(mask >> i & 1) << 4;
                int high = values[i] >> 4 | (int)(mask >> (i + BLOCK / 2) & 1) << 4;

                ret[i] = (float)(low - offset) * scale + minimum;
                ret[i + BLOCK / 2] = (float)(high - offset) * scale + minimum;
        }
}

static void block_to_float(enum element_type type, const uint8_t *block, float *ret) {
        float scale;

        if (type != ELEMENT_Q8_0) {
                nibbles_to_float(block, type == ELEMENT_Q4_1 || type == ELEMENT_Q5_1,
                                 type == ELEMENT_Q5_0 || type == ELEMENT_Q5_1, ret);
                return;
        }
        scale = float_from_half(load_u16(block));
        for (int i = 0; i < BLOCK; i++)
                ret[i] = (float)(int8_t)block[2 + i] * scale;
}

// CTranslate2's integers: value / scale, one scale for each row or for all.
static void integers_to_float(const struct weights_tensor *tensor, float *ret, int64_t n) {
        int64_t row = n / tensor->shape[0];

        for (int64_t r = 0; r < tensor->shape[0]; r++) {
                const uint8_t *at =
                        tensor->scales + (tensor->has_row_scales ? (size_t)r * 4 : 0);
                float scale = float_from_bits(load_u32(at));

                for (int64_t i = r * row; i < (r + 1) * row; i++)
                        ret[i] = (tensor->type == ELEMENT_I8
                                          ? (float)(int8_t)tensor->bytes[i]
                                          : (float)(int16_t)load_u16(tensor->bytes + 2 * i)) /
                                 scale;
        }
}

void elements_to_float(const struct weights_tensor *tensor, float *ret, int64_t n) {
        switch (tensor->type) {
        case ELEMENT_NONE:
                memset(ret, 0, (size_t)n * sizeof(*ret));
                return;
        case ELEMENT_F32:
                memcpy(ret, tensor->bytes, (size_t)n * sizeof(*ret));
                return;
        case ELEMENT_F16:
                for (int64_t i = 0; i < n; i++)
                        ret[i] = float_from_half(load_u16(tensor->bytes + 2 * i));
                return;
        case ELEMENT_BF16:
                for (int64_t i = 0; i < n; i++)
                        ret[i] = float_from_bits((uint32_t)load_u16(tensor->bytes + 2 * i)
                                                 << 16);
                return;
        case ELEMENT_I8:
        case ELEMENT_I16:
                integers_to_float(tensor, ret, n);
                return;
        default:
                for (int64_t i = 0; i < n; i += BLOCK)
                        block_to_float(tensor->type,
                                       tensor->bytes +
                                               (size_t)(i / BLOCK) * block_bytes(tensor->type),
                                       ret + i);
        }
}
