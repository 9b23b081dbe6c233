#include "whisper/cpu/vectors.h"

#include <math.h>
#include <stdbool.h>

#include "whisper/cpu/cpu.h"
#include "whisper/cpu/vectors_avx2.h"
#include "whisper/cpu/wide.h"

#define WIDTH 8  // floats in a vector

bool vectors_are_supported(void) {
        return cpu_is_served();
}

// Vectors that sums run over together, so that no addition waits for the one before it.
#define AT_ONCE 4

// The sum of (x[i] - shift) to the first power, or to the second.
INLINE_AVX2 float sum_powers(const float *x, size_t n, float shift, const bool is_squared) {
        __m256 sums[AT_ONCE];
        size_t i = 0;
        float ret;

        UNROLL
        for (size_t k = 0; k < AT_ONCE; k++)
                sums[k] = _mm256_setzero_ps();
        for (; i + AT_ONCE * WIDTH <= n; i += AT_ONCE * WIDTH) {
                UNROLL
                for (size_t k = 0; k < AT_ONCE; k++) {
                        __m256 d = _mm256_sub_ps(_mm256_loadu_ps(x + i + k * WIDTH),
                                                 _mm256_set1_ps(shift));

                        sums[k] = is_squared ? _mm256_fmadd_ps(d, d, sums[k])
                                             : _mm256_add_ps(d, sums[k]);
                }
        }
        ret = sum_avx2(_mm256_add_ps(_mm256_add_ps(sums[0], sums[1]),
                                     _mm256_add_ps(sums[2], sums[3])));
        for (; i < n; i++)
                ret += is_squared ? (x[i] - shift) * (x[i] - shift) : x[i] - shift;
        return ret;
}

TARGET_AVX2 void vector_normalize(const float *x, const float *weight, const float *bias,
                                  size_t n, float *ret) {
        size_t whole = n - n % WIDTH;
        float mean = sum_powers(x, n, 0, false) / (float)n;
        float variance = sum_powers(x, n, mean, true) / (float)n;
        float scale = 1.0f / sqrtf(variance + 1e-5f);

        for (size_t i = 0; i < whole; i += WIDTH) {
                __m256 d = _mm256_sub_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(mean));

                d = _mm256_mul_ps(d, _mm256_set1_ps(scale));
                d = _mm256_fmadd_ps(d, _mm256_loadu_ps(weight + i), _mm256_loadu_ps(bias + i));
                _mm256_storeu_ps(ret + i, d);
        }
        for (size_t i = whole; i < n; i++)
                ret[i] = (x[i] - mean) * scale * weight[i] + bias[i];
}

TARGET_AVX2 static float max_of(const float *x, size_t n) {
        // Four at a time, so that no comparison waits for the one before it.
        __m256 largest[4];
        size_t whole = n - n % (4 * WIDTH);
        float ret;

        for (size_t k = 0; k < 4; k++)
                largest[k] = _mm256_set1_ps(-INFINITY);
        for (size_t i = 0; i < whole; i += 4 * WIDTH) {
                largest[0] = _mm256_max_ps(largest[0], _mm256_loadu_ps(x + i));
                largest[1] = _mm256_max_ps(largest[1], _mm256_loadu_ps(x + i + WIDTH));
                largest[2] = _mm256_max_ps(largest[2], _mm256_loadu_ps(x + i + 2 * WIDTH));
                largest[3] = _mm256_max_ps(largest[3], _mm256_loadu_ps(x + i + 3 * WIDTH));
        }
        ret = max_avx2(_mm256_max_ps(_mm256_max_ps(largest[0], largest[1]),
                                     _mm256_max_ps(largest[2], largest[3])));
        for (size_t i = whole; i < n; i++)
                ret = x[i] > ret ? x[i] : ret;
        return ret;
}

float vector_max(const float *x, size_t n) {
        const struct wide_kernels *wide = wide_kernels();

        return wide ? wide->max(x, n) : max_of(x, n);
}

TARGET_AVX2 void vector_softmax(float *x, size_t n) {
        float largest = max_of(x, n), total;
        size_t whole = n - n % WIDTH;
        __m256 sum = _mm256_setzero_ps(), scale;

        for (size_t i = 0; i < whole; i += WIDTH) {
                __m256 e = exp_avx2(
                        _mm256_sub_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(largest)));

                _mm256_storeu_ps(x + i, e);
                sum = _mm256_add_ps(sum, e);
        }
        total = sum_avx2(sum);
        for (size_t i = whole; i < n; i++) {
                x[i] = expf(x[i] - largest);
                total += x[i];
        }

        scale = _mm256_set1_ps(1.0f / total);
        for (size_t i = 0; i < whole; i += WIDTH)
                _mm256_storeu_ps(x + i, _mm256_mul_ps(_mm256_loadu_ps(x + i), scale));
        for (size_t i = whole; i < n; i++)
                x[i] /= total;
}

TARGET_AVX2 static float sum_exp(const float *x, size_t n, float shift) {
        size_t whole = n - n % WIDTH;
        __m256 sum = _mm256_setzero_ps();
        float total;

        for (size_t i = 0; i < whole; i += WIDTH)
                sum = _mm256_add_ps(sum, exp_avx2(_mm256_sub_ps(_mm256_loadu_ps(x + i),
                                                                _mm256_set1_ps(shift))));
        total = sum_avx2(sum);
        for (size_t i = whole; i < n; i++)
                total += expf(x[i] - shift);
        return total;
}

float vector_sum_exp(const float *x, size_t n, float shift) {
        const struct wide_kernels *wide = wide_kernels();

        return wide ? wide->sum_exp(x, n, shift) : sum_exp(x, n, shift);
}

float vector_log_sum_exp(const float *x, size_t n) {
        float largest = vector_max(x, n);

        if (largest == -INFINITY)
                return -INFINITY;
        return largest + logf(vector_sum_exp(x, n, largest));
}

TARGET_AVX2 static size_t argmax(const float *x, size_t n) {
        float largest = max_of(x, n);
        __m256 wanted = _mm256_set1_ps(largest);
        size_t i = 0;

        // Past the vectors that do not have it.
        while (i + WIDTH <= n && _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(x + i),
                                                                  wanted, _CMP_EQ_OQ)) == 0)
                i += WIDTH;
        for (; i < n; i++)
                if (x[i] == largest)
                        return i;
        return 0;
}

size_t vector_argmax(const float *x, size_t n) {
        const struct wide_kernels *wide = wide_kernels();

        return wide ? wide->argmax(x, n) : argmax(x, n);
}

TARGET_AVX2 float vector_dot(const float *a, const float *b, size_t n) {
        __m256 sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
        size_t whole = n - n % (2 * WIDTH);
        float ret;

        for (size_t i = 0; i < whole; i += 2 * WIDTH) {
                sum[0] =
                        _mm256_fmadd_ps(_mm256_loadu_ps(a + i), _mm256_loadu_ps(b + i), sum[0]);
                sum[1] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i + WIDTH),
                                         _mm256_loadu_ps(b + i + WIDTH), sum[1]);
        }
        ret = sum_avx2(_mm256_add_ps(sum[0], sum[1]));
        for (size_t i = whole; i < n; i++)
                ret += a[i] * b[i];
        return ret;
}

TARGET_AVX2 void vector_add_scaled(float *y, const float *x, float scale, size_t n) {
        size_t whole = n - n % WIDTH;

        for (size_t i = 0; i < whole; i += WIDTH)
                _mm256_storeu_ps(y + i,
                                 _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_set1_ps(scale),
                                                 _mm256_loadu_ps(y + i)));
        for (size_t i = whole; i < n; i++)
                y[i] += scale * x[i];
}

TARGET_AVX2 void vector_add(float *y, const float *x, size_t n) {
        size_t whole = n - n % WIDTH;

        for (size_t i = 0; i < whole; i += WIDTH)
                _mm256_storeu_ps(y + i,
                                 _mm256_add_ps(_mm256_loadu_ps(y + i), _mm256_loadu_ps(x + i)));
        for (size_t i = whole; i < n; i++)
                y[i] += x[i];
}

TARGET_AVX2 void vector_to_half(const float *x, size_t n, uint16_t *ret) {
        size_t whole = n - n % WIDTH;

        for (size_t i = 0; i < whole; i += WIDTH)
                _mm_storeu_si128(
                        (__m128i *)(ret + i),
                        _mm256_cvtps_ph(_mm256_loadu_ps(x + i), _MM_FROUND_TO_NEAREST_INT));
        for (size_t i = whole; i < n; i++)
                ret[i] = (uint16_t)_cvtss_sh(x[i], _MM_FROUND_TO_NEAREST_INT);
}

TARGET_AVX2 bool vector_is_half(const float *x, size_t n) {
        for (size_t i = 0; i < n; i++) {
                float back = _cvtsh_ss(_cvtss_sh(x[i], _MM_FROUND_TO_NEAREST_INT));

                if (back != x[i])
                        return false;
        }
        return true;
}
