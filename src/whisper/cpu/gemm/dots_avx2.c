#include "whisper/cpu/gemm/dots_avx2.h"

#include <math.h>
#include <stdlib.h>

// Factors whose products with one lane's bytes meet in sixteen bits: of two groups one after
// the other the first halves, and the second ones.
#define SET         4
#define GROUP_PAIR  8  // factors of both
#define SET_BEGIN_2 2  // where the second set of them begins

static size_t place_in_set(size_t i) {
        return i / 2 * 4 + i % 2;
}

// The set behind the one that begins at `first`.
static size_t next_set(size_t first) {
        return first + (first % GROUP_PAIR == 0 ? SET_BEGIN_2 : GROUP_PAIR - SET_BEGIN_2);
}

float dots_unit_avx2(const float *weights, size_t n) {
        float most = 0;

        for (size_t first = 0; first < n; first = next_set(first)) {
                float above = 0, below = 0;

                for (size_t i = 0; i < SET && first + place_in_set(i) < n; i++) {
                        float weight = weights[first + place_in_set(i)];

                        above += fmaxf(weight, 0);
                        below -= fminf(weight, 0);
                }
                most = fmaxf(most, fmaxf(above, below));
        }
        return most / (AVX2_FACTOR_SUM - 1);
}

// The factor of this sign that is farthest from zero, or NULL when their sum fits.
static int8_t *find_excess(int8_t *factors, size_t n, int sign) {
        int8_t *ret = NULL;
        int sum = 0;

        for (size_t i = 0; i < SET && place_in_set(i) < n; i++) {
                int8_t *factor = factors + place_in_set(i);

                if (*factor * sign <= 0)
                        continue;
                sum += *factor * sign;
                if (!ret || *factor * sign > *ret * sign)
                        ret = factor;
        }
        return sum > AVX2_FACTOR_SUM ? ret : NULL;
}

void dots_fit_avx2(int8_t *factors, size_t n) {
        for (size_t first = 0; first < n; first = next_set(first)) {
                for (int sign = -1; sign <= 1; sign += 2) {
                        int8_t *excess = find_excess(factors + first, n - first, sign);

                        while (excess) {
                                *excess = (int8_t)(*excess - sign);
                                excess = find_excess(factors + first, n - first, sign);
                        }
                }
        }
}
