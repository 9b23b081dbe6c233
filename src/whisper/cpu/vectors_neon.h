#pragma once
// Vectors, inside, for aarch64: what the functions of eight floats ask of AVX2 and FMA, by
// Intel's names, made of two of NEON's vectors. So they are written once (decision 58):
// whatever is not said here is as Intel has it, to the same bits.
//
// Differences: of a number and something that is none, the larger and the smaller are the
// number; what is too large for a whole number becomes the largest, with its sign; mulhrs of
// the two least words saturates; extract_epi16 knows lane 0 only, and is -1 of any other.
// Nothing depends on these. Only what is used is here.
//
// Threads: any; no state.

#include <string.h>

#include "whisper/cpu/neon_floats.h"
#include "whisper/cpu/neon_integers.h"

// --- Narrower and wider ----------------------------------------------------------------------

INLINE_NEON __m128i _mm_packs_epi32(__m128i a, __m128i b) {
        return NEON_LANES(vqmovn_high_s32(vqmovn_s32(a), b));
}

INLINE_NEON __m128i neon_pack_unsigned(__m128i a, __m128i b) {
        return NEON_ULANES(vqmovun_high_s32(vqmovun_s32(a), b));
}

INLINE_NEON __m128i _mm_packs_epi16(__m128i a, __m128i b) {
        return vreinterpretq_s32_s8(vqmovn_high_s16(vqmovn_s16(NEON_WORDS(a)), NEON_WORDS(b)));
}

INLINE_NEON __m128i _mm_packus_epi16(__m128i a, __m128i b) {
        return vreinterpretq_s32_u8(
                vqmovun_high_s16(vqmovun_s16(NEON_WORDS(a)), NEON_WORDS(b)));
}

NEON_TWO(__m256i, _mm256_packs_epi32, NEON_AS, NEON_AS, _mm_packs_epi32)
NEON_TWO(__m256i, _mm256_packus_epi32, NEON_AS, NEON_AS, neon_pack_unsigned)
NEON_TWO(__m256i, _mm256_packus_epi16, NEON_AS, NEON_AS, _mm_packus_epi16)

// The only order there is, 0xd8: the middle quarters change places.
INLINE_NEON __m256i _mm256_permute4x64_epi64(__m256i x, int order) {
        int64x2_t low = vreinterpretq_s64_s32(x.low), high = vreinterpretq_s64_s32(x.high);

        (void)order;
        return (__m256i){vreinterpretq_s32_s64(vzip1q_s64(low, high)),
                         vreinterpretq_s32_s64(vzip2q_s64(low, high))};
}

INLINE_NEON __m256i _mm256_permutevar8x32_epi32(__m256i x, __m256i order) {
        const uint8x16x2_t bytes = {
                {vreinterpretq_u8_s32(x.low), vreinterpretq_u8_s32(x.high)}};
        const int32x4_t first = vdupq_n_s32(0x04040404), all = vdupq_n_s32(0x03020100);
        int32x4_t low = vmlaq_s32(all, order.low, first);
        int32x4_t high = vmlaq_s32(all, order.high, first);

        return (__m256i){vreinterpretq_s32_u8(vqtbl2q_u8(bytes, vreinterpretq_u8_s32(low))),
                         vreinterpretq_s32_u8(vqtbl2q_u8(bytes, vreinterpretq_u8_s32(high)))};
}

INLINE_NEON __m256i _mm256_cvtepu16_epi32(__m128i x) {
        uint16x8_t words = NEON_UWORDS(x);

        return (__m256i){vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words))),
                         vreinterpretq_s32_u32(vmovl_high_u16(words))};
}

INLINE_NEON __m256i _mm256_cvtepi8_epi16(__m128i x) {
        int8x16_t bytes = vreinterpretq_s8_s32(x);

        return (__m256i){NEON_LANES(vmovl_s8(vget_low_s8(bytes))),
                         NEON_LANES(vmovl_high_s8(bytes))};
}

INLINE_NEON __m256 _mm256_cvtepi32_ps(__m256i x) {
        return (__m256){vcvtq_f32_s32(x.low), vcvtq_f32_s32(x.high)};
}

// To the nearest, of two the even one.
INLINE_NEON __m256i _mm256_cvtps_epi32(__m256 x) {
        return (__m256i){vcvtnq_s32_f32(x.low), vcvtnq_s32_f32(x.high)};
}

INLINE_NEON __m256i _mm256_castps_si256(__m256 x) {
        return (__m256i){NEON_BITS(x.low), NEON_BITS(x.high)};
}

INLINE_NEON __m256 _mm256_castsi256_ps(__m256i x) {
        return (__m256){NEON_FLOATS(x.low), NEON_FLOATS(x.high)};
}

INLINE_NEON __m256 _mm256_cvtph_ps(__m128i x) {
        float16x8_t halves = vreinterpretq_f16_s32(x);

        return (__m256){vcvt_f32_f16(vget_low_f16(halves)), vcvt_high_f32_f16(halves)};
}

INLINE_NEON __m128i _mm256_cvtps_ph(__m256 x, int how) {
        (void)how;
        return vreinterpretq_s32_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.low), x.high));
}

INLINE_NEON uint16_t _cvtss_sh(float x, int how) {
        __fp16 half = (__fp16)x;
        uint16_t ret;

        (void)how;
        memcpy(&ret, &half, sizeof(ret));
        return ret;
}

INLINE_NEON float _cvtsh_ss(uint16_t x) {
        __fp16 half;

        memcpy(&half, &x, sizeof(half));
        return (float)half;
}

// --- Some lanes ------------------------------------------------------------------------------

INLINE_NEON int neon_is_whole(__m256i mask) {
        return vmaxvq_s32(vmaxq_s32(mask.low, mask.high)) < 0;
}

// The lanes that the mask has, and zeros; nothing else is read.
INLINE_NEON __m256 _mm256_maskload_ps(const float *x, __m256i mask) {
        float lanes[8] = {0};
        int32_t is[8];

        if (neon_is_whole(mask))
                return _mm256_loadu_ps(x);
        _mm256_storeu_si256((__m256i *)(void *)is, mask);
        for (int i = 0; i < 8; i++)
                if (is[i] < 0)
                        lanes[i] = x[i];
        return _mm256_loadu_ps(lanes);
}

INLINE_NEON void _mm256_maskstore_ps(float *ret, __m256i mask, __m256 x) {
        float lanes[8];
        int32_t is[8];

        _mm256_storeu_si256((__m256i *)(void *)is, mask);
        _mm256_storeu_ps(lanes, x);
        for (int i = 0; i < 8; i++)
                if (is[i] < 0)
                        ret[i] = lanes[i];
}
