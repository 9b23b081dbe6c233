#pragma once
// Vectors by NEON, inside: the types of vectors_neon.h, and how a function of both halves is
// made of one of NEON's.
//
// Threads: any; no state.

#include <arm_neon.h>
#include <stdint.h>

#define INLINE_NEON static inline __attribute__((always_inline))

// NOLINTBEGIN(bugprone-reserved-identifier): the names are Intel's
typedef struct {
        float32x4_t low, high;
} __m256;
typedef struct {
        int32x4_t low, high;
} __m256i;
typedef float32x4_t __m128;
typedef int32x4_t __m128i;
// NOLINTEND(bugprone-reserved-identifier)

enum {
        _CMP_EQ_OQ,
        _CMP_LT_OQ,
        _CMP_GT_OQ,
};
enum {
        _MM_FROUND_TO_NEAREST_INT = 0,  // the only way there is
        _MM_FROUND_NO_EXC = 8,
};

// A function of one, two or three vectors that does the same with both halves, which are seen
// as what `in` makes of them.
#define NEON_AS(x) (x)
#define NEON_TWO(type, name, in, out, operation)                       \
        INLINE_NEON type name(type a, type b) {                        \
                return (type){out(operation(in(a.low), in(b.low))),    \
                              out(operation(in(a.high), in(b.high)))}; \
        }

#define NEON_BITS(x)   vreinterpretq_s32_f32(x)
#define NEON_FLOATS(x) vreinterpretq_f32_s32(x)
#define NEON_WORDS(x)  vreinterpretq_s16_s32(x)
#define NEON_LANES(x)  vreinterpretq_s32_s16(x)
#define NEON_UWORDS(x) vreinterpretq_u16_s32(x)
#define NEON_ULANES(x) vreinterpretq_s32_u16(x)
