#include "whisper/cpu/vectors_avx512.h"

#include <math.h>

#define LANES   16
#define AT_ONCE 4  // vectors that are compared together, so that none waits for the one before

TARGET_AVX512 float vector_max_avx512(const float *x, size_t n) {
        const __m512 none = _mm512_set1_ps(-INFINITY);
        __m512 largest[AT_ONCE] = {none, none, none, none};
        size_t i = 0;

        for (; i + (size_t)AT_ONCE * LANES <= n; i += (size_t)AT_ONCE * LANES) {
                UNROLL
                for (size_t k = 0; k < AT_ONCE; k++)
                        largest[k] =
                                _mm512_max_ps(largest[k], _mm512_loadu_ps(x + i + k * LANES));
        }
        for (; i < n; i += LANES)
                largest[0] = _mm512_max_ps(
                        largest[0], _mm512_mask_loadu_ps(none, mask_avx512(n - i), x + i));
        return _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(largest[0], largest[1]),
                                                  _mm512_max_ps(largest[2], largest[3])));
}

TARGET_AVX512 float vector_sum_exp_avx512(const float *x, size_t n, float shift) {
        __m512 sum = _mm512_setzero_ps();

        for (size_t i = 0; i < n; i += LANES) {
                __mmask16 mask = mask_avx512(n - i);
                __m512 part = _mm512_maskz_loadu_ps(mask, x + i);

                sum = _mm512_mask_add_ps(
                        sum, mask, sum, exp_avx512(_mm512_sub_ps(part, _mm512_set1_ps(shift))));
        }
        return _mm512_reduce_add_ps(sum);
}

TARGET_AVX512 size_t vector_argmax_avx512(const float *x, size_t n) {
        __m512 wanted = _mm512_set1_ps(vector_max_avx512(x, n));

        for (size_t i = 0; i < n; i += LANES) {
                __mmask16 mask = mask_avx512(n - i);
                __mmask16 found = _mm512_mask_cmp_ps_mask(
                        mask, _mm512_maskz_loadu_ps(mask, x + i), wanted, _CMP_EQ_OQ);

                if (found)
                        return i + (size_t)__builtin_ctz(found);
        }
        return 0;
}

TARGET_AVX512 void vector_score_avx512(const struct wide_stretch *keys, const float *query,
                                       size_t width, float *scores) {
        for (size_t i = 0; i < keys->n; i++) {
                const float *key = keys->x + i * keys->stride;
                __m512 sum = _mm512_mul_ps(_mm512_loadu_ps(query), _mm512_loadu_ps(key));

                for (size_t d = 16; d < width; d += 16)
                        sum = _mm512_fmadd_ps(_mm512_loadu_ps(query + d),
                                              _mm512_loadu_ps(key + d), sum);
                scores[i] = _mm512_reduce_add_ps(sum);
        }
}

TARGET_AVX512 void vector_collect_avx512(const struct wide_stretch *values, const float *scores,
                                         size_t width, float *ret) {
        for (size_t d = 0; d < width; d += 16) {
                __m512 sum = _mm512_loadu_ps(ret + d);

                for (size_t i = 0; i < values->n; i++)
                        sum = _mm512_fmadd_ps(
                                _mm512_set1_ps(scores[i]),
                                _mm512_loadu_ps(values->x + i * values->stride + d), sum);
                _mm512_storeu_ps(ret + d, sum);
        }
}
