#pragma once
// Vectors by NEON, inside: whole numbers (vectors_neon.h).
//
// Threads: any; no state.

#include "whisper/cpu/neon_types.h"

INLINE_NEON __m256i _mm256_setzero_si256(void) {
        return (__m256i){vdupq_n_s32(0), vdupq_n_s32(0)};
}

INLINE_NEON __m256i _mm256_set1_epi32(int x) {
        return (__m256i){vdupq_n_s32(x), vdupq_n_s32(x)};
}

INLINE_NEON __m256i _mm256_set1_epi16(short x) {
        return (__m256i){NEON_LANES(vdupq_n_s16(x)), NEON_LANES(vdupq_n_s16(x))};
}

INLINE_NEON __m256i _mm256_set1_epi8(char x) {
        int32x4_t bytes = vreinterpretq_s32_s8(vdupq_n_s8((int8_t)x));

        return (__m256i){bytes, bytes};
}

INLINE_NEON __m256i _mm256_setr_epi32(int a, int b, int c, int d, int e, int f, int g, int h) {
        return (__m256i){(int32x4_t){a, b, c, d}, (int32x4_t){e, f, g, h}};
}

// Bytes, since what is there may be of any type.
INLINE_NEON __m128i _mm_loadu_si128(const __m128i *x) {
        return vreinterpretq_s32_u8(vld1q_u8((const uint8_t *)(const void *)x));
}

INLINE_NEON void _mm_storeu_si128(__m128i *ret, __m128i x) {
        vst1q_u8((uint8_t *)(void *)ret, vreinterpretq_u8_s32(x));
}

INLINE_NEON void _mm_storel_epi64(__m128i *ret, __m128i x) {
        vst1_u8((uint8_t *)(void *)ret, vget_low_u8(vreinterpretq_u8_s32(x)));
}

INLINE_NEON __m256i _mm256_loadu_si256(const __m256i *x) {
        const uint8_t *bytes = (const void *)x;

        return (__m256i){vreinterpretq_s32_u8(vld1q_u8(bytes)),
                         vreinterpretq_s32_u8(vld1q_u8(bytes + 16))};
}

INLINE_NEON void _mm256_storeu_si256(__m256i *ret, __m256i x) {
        uint8_t *bytes = (void *)ret;

        vst1q_u8(bytes, vreinterpretq_u8_s32(x.low));
        vst1q_u8(bytes + 16, vreinterpretq_u8_s32(x.high));
}

NEON_TWO(__m256i, _mm256_add_epi32, NEON_AS, NEON_AS, vaddq_s32)
NEON_TWO(__m256i, _mm256_sub_epi32, NEON_AS, NEON_AS, vsubq_s32)
NEON_TWO(__m256i, _mm256_mullo_epi32, NEON_AS, NEON_AS, vmulq_s32)
NEON_TWO(__m256i, _mm256_max_epi32, NEON_AS, NEON_AS, vmaxq_s32)
NEON_TWO(__m256i, _mm256_min_epi32, NEON_AS, NEON_AS, vminq_s32)
NEON_TWO(__m256i, _mm256_and_si256, NEON_AS, NEON_AS, vandq_s32)
NEON_TWO(__m256i, _mm256_or_si256, NEON_AS, NEON_AS, vorrq_s32)
NEON_TWO(__m256i, _mm256_add_epi16, NEON_WORDS, NEON_LANES, vaddq_s16)
NEON_TWO(__m256i, _mm256_sub_epi16, NEON_WORDS, NEON_LANES, vsubq_s16)
NEON_TWO(__m256i, _mm256_max_epi16, NEON_WORDS, NEON_LANES, vmaxq_s16)
NEON_TWO(__m256i, _mm256_mulhrs_epi16, NEON_WORDS, NEON_LANES, vqrdmulhq_s16)
NEON_TWO(__m256i, _mm256_avg_epu16, NEON_UWORDS, NEON_ULANES, vrhaddq_u16)

INLINE_NEON __m256i _mm256_andnot_si256(__m256i a, __m256i b) {
        return (__m256i){vbicq_s32(b.low, a.low), vbicq_s32(b.high, a.high)};
}

INLINE_NEON __m256i _mm256_cmpgt_epi32(__m256i a, __m256i b) {
        return (__m256i){vreinterpretq_s32_u32(vcgtq_s32(a.low, b.low)),
                         vreinterpretq_s32_u32(vcgtq_s32(a.high, b.high))};
}

INLINE_NEON __m256i _mm256_slli_epi32(__m256i x, int n) {
        return (__m256i){x.low << n, x.high << n};
}

INLINE_NEON __m256i _mm256_srai_epi32(__m256i x, int n) {
        return (__m256i){x.low >> n, x.high >> n};
}

INLINE_NEON __m256i _mm256_srli_epi32(__m256i x, int n) {
        return (__m256i){vreinterpretq_s32_u32(vreinterpretq_u32_s32(x.low) >> n),
                         vreinterpretq_s32_u32(vreinterpretq_u32_s32(x.high) >> n)};
}

INLINE_NEON __m256i _mm256_slli_epi16(__m256i x, int n) {
        return (__m256i){NEON_ULANES(NEON_UWORDS(x.low) << n),
                         NEON_ULANES(NEON_UWORDS(x.high) << n)};
}

INLINE_NEON __m256i _mm256_srli_epi16(__m256i x, int n) {
        return (__m256i){NEON_ULANES(NEON_UWORDS(x.low) >> n),
                         NEON_ULANES(NEON_UWORDS(x.high) >> n)};
}

// NEON looks at a byte of each count, so that larger ones have to be made its largest.
INLINE_NEON int32x4_t neon_shift_down(int32x4_t x, int32x4_t counts) {
        uint32x4_t bits = vminq_u32(vreinterpretq_u32_s32(counts), vdupq_n_u32(32));

        return vreinterpretq_s32_u32(
                vshlq_u32(vreinterpretq_u32_s32(x), vnegq_s32(vreinterpretq_s32_u32(bits))));
}

INLINE_NEON __m256i _mm256_srlv_epi32(__m256i x, __m256i counts) {
        return (__m256i){neon_shift_down(x.low, counts.low),
                         neon_shift_down(x.high, counts.high)};
}

// The upper halves of the products of words without a sign.
INLINE_NEON int32x4_t neon_multiply_upper(int32x4_t a, int32x4_t b) {
        uint16x8_t x = NEON_UWORDS(a), y = NEON_UWORDS(b);
        uint32x4_t low = vmull_u16(vget_low_u16(x), vget_low_u16(y));
        uint32x4_t high = vmull_high_u16(x, y);

        return NEON_ULANES(vuzp2q_u16(vreinterpretq_u16_u32(low), vreinterpretq_u16_u32(high)));
}

NEON_TWO(__m256i, _mm256_mulhi_epu16, NEON_AS, NEON_AS, neon_multiply_upper)

// The dot products of each lane's two words.
INLINE_NEON int32x4_t neon_dot_words(int32x4_t a, int32x4_t b) {
        int16x8_t x = NEON_WORDS(a), y = NEON_WORDS(b);

        return vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(y)), vmull_high_s16(x, y));
}

NEON_TWO(__m256i, _mm256_madd_epi16, NEON_AS, NEON_AS, neon_dot_words)

INLINE_NEON int _mm256_testz_si256(__m256i a, __m256i b) {
        int32x4_t both = vorrq_s32(vandq_s32(a.low, b.low), vandq_s32(a.high, b.high));

        return vmaxvq_u32(vreinterpretq_u32_s32(both)) == 0;
}

INLINE_NEON __m128i _mm256_castsi256_si128(__m256i x) {
        return x.low;
}

INLINE_NEON __m128i _mm256_extracti128_si256(__m256i x, int half) {
        return half ? x.high : x.low;
}

INLINE_NEON int _mm256_extract_epi16(__m256i x, int lane) {
        return lane == 0 ? vgetq_lane_u16(NEON_UWORDS(x.low), 0) : -1;
}

INLINE_NEON int _mm_cvtsi128_si32(__m128i x) {
        return vgetq_lane_s32(x, 0);
}

INLINE_NEON __m128i _mm_set1_epi16(short x) {
        return NEON_LANES(vdupq_n_s16(x));
}

INLINE_NEON __m128i _mm_xor_si128(__m128i a, __m128i b) {
        return veorq_s32(a, b);
}

INLINE_NEON __m128i _mm_max_epi16(__m128i a, __m128i b) {
        return NEON_LANES(vmaxq_s16(NEON_WORDS(a), NEON_WORDS(b)));
}

// The least of eight words without a sign, in the first of them; whose it is, is not told.
INLINE_NEON __m128i _mm_minpos_epu16(__m128i x) {
        return vdupq_n_s32(vminvq_u16(NEON_UWORDS(x)));
}
