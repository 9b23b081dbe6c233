#include "whisper/cpu/gemm/dots_avx2.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

// Factors whose products with one lane's bytes meet in sixteen bits: of two groups one after
// the other the first halves, and the second ones.
#define SET         4
#define GROUP_PAIR  8  // factors of both
#define SET_BEGIN_2 2  // where the second set of them begins

static size_t place_in_set(size_t i) {
        return i / 2 * 4 + i % 2;
}

// The sums of both sets of a pair of groups, each in some lane.
INLINE_AVX2 __m128 sum_sets(__m256 x) {
        __m128 ret = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));

        return _mm_add_ps(ret, _mm_movehdup_ps(ret));
}

// The larger of what the sets' weights above zero make, and what those below do.
INLINE_AVX2 __m128 measure_sets(__m256 weights) {
        const __m256 none = _mm256_setzero_ps();

        return _mm_max_ps(sum_sets(_mm256_max_ps(weights, none)),
                          sum_sets(_mm256_max_ps(_mm256_sub_ps(none, weights), none)));
}

TARGET_AVX2 float dots_unit_avx2(const float *weights, size_t n) {
        __m128 most = _mm_setzero_ps();
        float lanes[4];
        size_t i = 0;

        for (; i + GROUP_PAIR <= n; i += GROUP_PAIR)
                most = _mm_max_ps(most, measure_sets(_mm256_loadu_ps(weights + i)));
        if (i < n) {
                float rest[GROUP_PAIR] = {0};

                memcpy(rest, weights + i, (n - i) * sizeof(*rest));
                most = _mm_max_ps(most, measure_sets(_mm256_loadu_ps(rest)));
        }
        _mm_storeu_ps(lanes, most);
        return fmaxf(lanes[0], lanes[2]) / (AVX2_FACTOR_SUM - 1);
}

// The factor of this sign that is farthest from zero, or NULL when their sum fits.
static int8_t *find_excess(int8_t *factors, int sign) {
        int8_t *ret = NULL;
        int sum = 0;

        for (size_t i = 0; i < SET; i++) {
                int8_t *factor = factors + place_in_set(i);

                if (*factor * sign <= 0)
                        continue;
                sum += *factor * sign;
                if (!ret || *factor * sign > *ret * sign)
                        ret = factor;
        }
        return sum > AVX2_FACTOR_SUM ? ret : NULL;
}

static void fit_set(int8_t *factors) {
        for (int sign = -1; sign <= 1; sign += 2) {
                int8_t *excess = find_excess(factors, sign);

                while (excess) {
                        *excess = (int8_t)(*excess - sign);
                        excess = find_excess(factors, sign);
                }
        }
}

TARGET_AVX2 static void fit_pair(int8_t *factors) {
        __m256 floats = _mm256_cvtepi32_ps(
                _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)factors)));

        if (_mm_movemask_ps(_mm_cmp_ps(measure_sets(floats), _mm_set1_ps(AVX2_FACTOR_SUM),
                                       _CMP_GT_OQ)) == 0)
                return;
        fit_set(factors);
        fit_set(factors + SET_BEGIN_2);
}

void dots_fit_avx2(int8_t *factors, size_t n) {
        int8_t rest[GROUP_PAIR] = {0};
        size_t i = 0;

        for (; i + GROUP_PAIR <= n; i += GROUP_PAIR)
                fit_pair(factors + i);
        memcpy(rest, factors + i, n - i);
        fit_pair(rest);
        memcpy(factors + i, rest, n - i);
}
