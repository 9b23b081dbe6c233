#pragma once
// Vectors by NEON, inside: floats (vectors_neon.h).
//
// Threads: any; no state.

#include "whisper/cpu/neon_types.h"

INLINE_NEON __m256 _mm256_set1_ps(float x) {
        return (__m256){vdupq_n_f32(x), vdupq_n_f32(x)};
}

INLINE_NEON __m256 _mm256_setzero_ps(void) {
        return _mm256_set1_ps(0);
}

INLINE_NEON __m256 _mm256_setr_ps(float a, float b, float c, float d, float e, float f, float g,
                                  float h) {
        return (__m256){(float32x4_t){a, b, c, d}, (float32x4_t){e, f, g, h}};
}

INLINE_NEON __m256 _mm256_loadu_ps(const float *x) {
        return (__m256){vld1q_f32(x), vld1q_f32(x + 4)};
}

INLINE_NEON __m256 _mm256_broadcast_ss(const float *x) {
        return (__m256){vld1q_dup_f32(x), vld1q_dup_f32(x)};
}

INLINE_NEON void _mm256_storeu_ps(float *ret, __m256 x) {
        vst1q_f32(ret, x.low);
        vst1q_f32(ret + 4, x.high);
}

NEON_TWO(__m256, _mm256_add_ps, NEON_AS, NEON_AS, vaddq_f32)
NEON_TWO(__m256, _mm256_sub_ps, NEON_AS, NEON_AS, vsubq_f32)
NEON_TWO(__m256, _mm256_mul_ps, NEON_AS, NEON_AS, vmulq_f32)
NEON_TWO(__m256, _mm256_div_ps, NEON_AS, NEON_AS, vdivq_f32)
NEON_TWO(__m256, _mm256_max_ps, NEON_AS, NEON_AS, vmaxnmq_f32)
NEON_TWO(__m256, _mm256_min_ps, NEON_AS, NEON_AS, vminnmq_f32)
NEON_TWO(__m256, _mm256_and_ps, NEON_BITS, NEON_FLOATS, vandq_s32)
NEON_TWO(__m256, _mm256_or_ps, NEON_BITS, NEON_FLOATS, vorrq_s32)
NEON_TWO(__m256, _mm256_xor_ps, NEON_BITS, NEON_FLOATS, veorq_s32)

INLINE_NEON __m256 _mm256_andnot_ps(__m256 a, __m256 b) {
        return (__m256){NEON_FLOATS(vbicq_s32(NEON_BITS(b.low), NEON_BITS(a.low))),
                        NEON_FLOATS(vbicq_s32(NEON_BITS(b.high), NEON_BITS(a.high)))};
}

// a * b + c
INLINE_NEON __m256 _mm256_fmadd_ps(__m256 a, __m256 b, __m256 c) {
        return (__m256){vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}

// a * b - c
INLINE_NEON __m256 _mm256_fmsub_ps(__m256 a, __m256 b, __m256 c) {
        return (__m256){vfmaq_f32(vnegq_f32(c.low), a.low, b.low),
                        vfmaq_f32(vnegq_f32(c.high), a.high, b.high)};
}

// c - a * b
INLINE_NEON __m256 _mm256_fnmadd_ps(__m256 a, __m256 b, __m256 c) {
        return (__m256){vfmsq_f32(c.low, a.low, b.low), vfmsq_f32(c.high, a.high, b.high)};
}

INLINE_NEON __m256 _mm256_round_ps(__m256 x, int how) {
        (void)how;
        return (__m256){vrndnq_f32(x.low), vrndnq_f32(x.high)};
}

INLINE_NEON float32x4_t neon_compare(float32x4_t a, float32x4_t b, int how) {
        uint32x4_t is = how == _CMP_EQ_OQ   ? vceqq_f32(a, b)
                        : how == _CMP_LT_OQ ? vcltq_f32(a, b)
                                            : vcgtq_f32(a, b);

        return vreinterpretq_f32_u32(is);
}

// One of the three above; all of a lane's bits say so.
INLINE_NEON __m256 _mm256_cmp_ps(__m256 a, __m256 b, int how) {
        return (__m256){neon_compare(a.low, b.low, how), neon_compare(a.high, b.high, how)};
}

// b where the mask is, of all bits of a lane or none; else a.
INLINE_NEON __m256 _mm256_blendv_ps(__m256 a, __m256 b, __m256 mask) {
        return (__m256){vbslq_f32(vreinterpretq_u32_f32(mask.low), b.low, a.low),
                        vbslq_f32(vreinterpretq_u32_f32(mask.high), b.high, a.high)};
}

INLINE_NEON int neon_signs(float32x4_t x) {
        const int32x4_t places = {0, 1, 2, 3};

        return (int)vaddvq_u32(vshlq_u32(vshrq_n_u32(vreinterpretq_u32_f32(x), 31), places));
}

INLINE_NEON int _mm256_movemask_ps(__m256 x) {
        return neon_signs(x.low) | neon_signs(x.high) << 4;
}

INLINE_NEON __m128 _mm256_castps256_ps128(__m256 x) {
        return x.low;
}

INLINE_NEON __m128 _mm256_extractf128_ps(__m256 x, int half) {
        return half ? x.high : x.low;
}

INLINE_NEON float _mm256_cvtss_f32(__m256 x) {
        return vgetq_lane_f32(x.low, 0);
}

INLINE_NEON __m128 _mm_add_ps(__m128 a, __m128 b) {
        return vaddq_f32(a, b);
}

INLINE_NEON __m128 _mm_max_ps(__m128 a, __m128 b) {
        return vmaxnmq_f32(a, b);
}

// Of these two only the first lane is used.
INLINE_NEON __m128 _mm_add_ss(__m128 a, __m128 b) {
        return vaddq_f32(a, b);
}

INLINE_NEON __m128 _mm_max_ss(__m128 a, __m128 b) {
        return vmaxnmq_f32(a, b);
}

INLINE_NEON __m128 _mm_movehl_ps(__m128 a, __m128 b) {
        return vcombine_f32(vget_high_f32(b), vget_high_f32(a));
}

INLINE_NEON __m128 _mm_movehdup_ps(__m128 x) {
        return vtrn2q_f32(x, x);
}

INLINE_NEON float _mm_cvtss_f32(__m128 x) {
        return vgetq_lane_f32(x, 0);
}
