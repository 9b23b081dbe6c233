#include <stdint.h>
#include <string.h>

#include "whisper/cpu/cross_int8_parts.h"
#include "whisper/cpu/vectors.h"
#include "whisper/cpu/vectors_avx512.h"

/* Keys lie in blocks of 16, a block as [WIDTH / 4][16 keys][4]: a vector of it has four
 * channels of 16 keys. Values lie in lines of four keys, [WIDTH][4]: a vector of it has 16
 * channels of four keys. Keys are unsigned (128 is zero) since queries have a sign, values
 * are signed since weights have none. */

#define WIDTH     CROSS_INT8_WIDTH
#define LANES     CROSS_INT8_KEYS  // floats of a vector, keys of a block
#define VECTORS   (WIDTH / LANES)
#define GROUPS    (WIDTH / 4)
#define BLOCK     CROSS_INT8_BLOCK
#define LINE      CROSS_INT8_LINE
#define KEY_ZERO  128
#define QUERY_MAX CROSS_INT8_QUERY_MAX
#define ONE       CROSS_INT8_ONE

// --- Packing ------------------------------------------------------------------------------

// The mean of the keys, for each channel.
TARGET_VNNI static void find_mean(const float *keys, size_t stride, size_t n, float *ret) {
        __m512 share = _mm512_set1_ps(1.0f / (float)n);

        for (size_t v = 0; v < WIDTH; v += LANES) {
                __m512 sum = _mm512_setzero_ps();

                for (size_t k = 0; k < n; k++)
                        sum = _mm512_add_ps(sum, _mm512_loadu_ps(keys + k * stride + v));
                _mm512_storeu_ps(ret + v, _mm512_mul_ps(sum, share));
        }
}

// One key as a row of bytes. Returns its scale.
TARGET_VNNI static float pack_key(const float *key, const float *mean, uint8_t *ret) {
        __m512 parts[VECTORS], largest = _mm512_setzero_ps(), inverse;
        float scale;

        UNROLL
        for (size_t v = 0; v < VECTORS; v++) {
                parts[v] = _mm512_sub_ps(_mm512_loadu_ps(key + v * LANES),
                                         _mm512_loadu_ps(mean + v * LANES));
                largest = _mm512_max_ps(largest, _mm512_abs_ps(parts[v]));
        }
        scale = _mm512_reduce_max_ps(largest) / 127;
        inverse = _mm512_set1_ps(scale > 0 ? 1 / scale : 0);
        UNROLL
        for (size_t v = 0; v < VECTORS; v++) {
                __m512i whole = _mm512_cvtps_epi32(_mm512_mul_ps(parts[v], inverse));

                whole = _mm512_add_epi32(whole, _mm512_set1_epi32(KEY_ZERO));
                _mm_storeu_si128((__m128i *)(ret + v * LANES), _mm512_cvtepi32_epi8(whole));
        }
        return scale;
}

static void pack_keys(const struct cross_int8_parts *parts, const float *keys, size_t stride,
                      size_t n) {
        float mean[WIDTH];

        find_mean(keys, stride, n, mean);
        for (size_t first = 0; first < n; first += LANES) {
                uint8_t rows[LANES][WIDTH] = {0}, *to = parts->keys + first * WIDTH;

                for (size_t k = 0; k < LANES; k++)
                        parts->key_scales[first + k] =
                                first + k < n
                                        ? pack_key(keys + (first + k) * stride, mean, rows[k])
                                        : 0;
                for (size_t group = 0; group < GROUPS; group++)
                        for (size_t k = 0; k < LANES; k++)
                                memcpy(to + (group * LANES + k) * 4, rows[k] + group * 4, 4);
        }
}

// Scale and middle of 16 channels. Returns the scales' inverses.
TARGET_VNNI static __m512 scale_channels(const float *values, size_t stride, size_t n,
                                         float *ret_scales, float *ret_middles) {
        __m512 least = _mm512_loadu_ps(values), most = least, scale;

        for (size_t k = 1; k < n; k++) {
                __m512 value = _mm512_loadu_ps(values + k * stride);

                least = _mm512_min_ps(least, value);
                most = _mm512_max_ps(most, value);
        }
        scale = _mm512_mul_ps(_mm512_sub_ps(most, least), _mm512_set1_ps(0.5f / 127));
        _mm512_storeu_ps(ret_scales, scale);
        _mm512_storeu_ps(ret_middles,
                         _mm512_mul_ps(_mm512_add_ps(most, least), _mm512_set1_ps(0.5f)));
        return _mm512_maskz_div_ps(_mm512_cmp_ps_mask(scale, _mm512_setzero_ps(), _CMP_GT_OQ),
                                   _mm512_set1_ps(1.0f), scale);
}

TARGET_VNNI static void pack_values(const struct cross_int8_parts *parts, const float *values,
                                    size_t stride, size_t n) {
        for (size_t c = 0; c < WIDTH; c += LANES) {
                __m512 inverse = scale_channels(values + c, stride, n, parts->value_scales + c,
                                                parts->value_middles + c);
                __m512 middle = _mm512_loadu_ps(parts->value_middles + c);

                for (size_t k = 0; k < cross_int8_blocks(n) * LANES; k += 4) {
                        __m512i bytes = _mm512_setzero_si512();

                        for (unsigned i = 0; i < 4 && k + i < n; i++) {
                                __m512 value = _mm512_sub_ps(
                                        _mm512_loadu_ps(values + (k + i) * stride + c), middle);

                                bytes = insert_byte_avx512(bytes, _mm512_mul_ps(value, inverse),
                                                           i);
                        }
                        _mm512_storeu_si512(parts->values + k / 4 * LINE + c * 4, bytes);
                }
        }
}

static void pack(const struct cross_int8 *head, const float *keys, const float *values,
                 size_t stride) {
        struct cross_int8_parts parts = cross_int8_parts(head);

        pack_keys(&parts, keys, stride, head->n_keys);
        pack_values(&parts, values, stride, head->n_keys);
}

// --- Scores -------------------------------------------------------------------------------

// A query in two bytes for each channel.
struct split_query {
        int8_t high[WIDTH], low[WIDTH];
        float scale;
        int32_t sum;
};

TARGET_VNNI static void split(const float *x, struct split_query *ret) {
        __m512 largest = _mm512_setzero_ps(), inverse;
        __m512i sum = _mm512_setzero_si512();

        for (size_t c = 0; c < WIDTH; c += LANES)
                largest = _mm512_max_ps(largest, _mm512_abs_ps(_mm512_loadu_ps(x + c)));
        ret->scale = _mm512_reduce_max_ps(largest) / QUERY_MAX;
        inverse = _mm512_set1_ps(ret->scale > 0 ? 1 / ret->scale : 0);
        for (size_t c = 0; c < WIDTH; c += LANES) {
                __m512i whole =
                        _mm512_cvtps_epi32(_mm512_mul_ps(_mm512_loadu_ps(x + c), inverse));
                // The low byte has a sign, too: the high one is rounded to nearest.
                __m512i high =
                        _mm512_srai_epi32(_mm512_add_epi32(whole, _mm512_set1_epi32(128)), 8);

                sum = _mm512_add_epi32(sum, whole);
                _mm_storeu_si128((__m128i *)(ret->high + c), _mm512_cvtepi32_epi8(high));
                _mm_storeu_si128((__m128i *)(ret->low + c), _mm512_cvtepi32_epi8(whole));
        }
        ret->sum = _mm512_reduce_add_epi32(sum);
}

// Scores of some blocks; their number is a constant where this is inlined.
INLINE_VNNI void score_blocks(const struct cross_int8_parts *parts,
                              const struct split_query *query, size_t block,
                              const size_t n_blocks, float *scores) {
        __m512i high[4], low[4], zero = _mm512_set1_epi32(KEY_ZERO * query->sum);

        UNROLL
        for (size_t b = 0; b < n_blocks; b++)
                high[b] = low[b] = _mm512_setzero_si512();
        for (size_t group = 0; group < GROUPS; group++) {
                const uint8_t *keys = parts->keys + block * BLOCK + group * LANES * 4;
                __m512i query_high = vectors_load_four_avx512(query->high + group * 4);
                __m512i query_low = vectors_load_four_avx512(query->low + group * 4);

                UNROLL
                for (size_t b = 0; b < n_blocks; b++) {
                        __m512i four = _mm512_loadu_si512(keys + b * BLOCK);

                        high[b] = _mm512_dpbusd_epi32(high[b], four, query_high);
                        low[b] = _mm512_dpbusd_epi32(low[b], four, query_low);
                }
        }
        UNROLL
        for (size_t b = 0; b < n_blocks; b++) {
                __m512i sum = _mm512_sub_epi32(
                        _mm512_add_epi32(_mm512_slli_epi32(high[b], 8), low[b]), zero);
                size_t key = (block + b) * LANES;
                __m512 scale = _mm512_mul_ps(_mm512_loadu_ps(parts->key_scales + key),
                                             _mm512_set1_ps(query->scale));

                _mm512_storeu_ps(scores + key, _mm512_mul_ps(_mm512_cvtepi32_ps(sum), scale));
        }
}

TARGET_VNNI static void score(const struct cross_int8 *head, const float *query,
                              float *scores) {
        struct cross_int8_parts parts = cross_int8_parts(head);
        struct split_query parted;
        size_t n_blocks = cross_int8_blocks(head->n_keys), block = 0;

        split(query, &parted);
        for (; block + 4 <= n_blocks; block += 4)
                score_blocks(&parts, &parted, block, 4, scores);
        for (; block < n_blocks; block++)
                score_blocks(&parts, &parted, block, 1, scores);
}

// --- Values -------------------------------------------------------------------------------

// exp(score - the largest) of each key in two bytes. Returns the sum of all.
TARGET_VNNI static float weigh(const float *scores, size_t n, uint8_t *high, uint8_t *low) {
        __m512 largest = _mm512_set1_ps(scores[0]);
        __m512i sum = _mm512_setzero_si512();

        for (size_t k = 0; k < n; k += LANES) {
                __mmask16 mask = mask_avx512(n - k);

                largest = _mm512_mask_max_ps(largest, mask, largest,
                                             _mm512_maskz_loadu_ps(mask, scores + k));
        }
        largest = _mm512_set1_ps(_mm512_reduce_max_ps(largest));
        for (size_t k = 0; k < n; k += LANES) {
                __mmask16 mask = mask_avx512(n - k);
                __m512 part = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, scores + k), largest);
                __m512i weight = _mm512_maskz_cvtps_epi32(
                        mask, _mm512_mul_ps(exp_avx512(part), _mm512_set1_ps(ONE)));

                sum = _mm512_add_epi32(sum, weight);
                _mm_storeu_si128((__m128i *)(high + k),
                                 _mm512_cvtepi32_epi8(_mm512_srli_epi32(weight, 8)));
                _mm_storeu_si128((__m128i *)(low + k), _mm512_cvtepi32_epi8(weight));
        }
        return (float)_mm512_reduce_add_epi32(sum);
}

TARGET_VNNI static void collect(const struct cross_int8 *head, const float *scores,
                                void *scratch, float *ret) {
        struct cross_int8_parts parts = cross_int8_parts(head);
        size_t n_blocks = cross_int8_blocks(head->n_keys);
        uint8_t *high_weights = scratch, *low_weights = high_weights + n_blocks * LANES;
        float total = weigh(scores, head->n_keys, high_weights, low_weights);
        __m512i high[VECTORS], low[VECTORS];

        UNROLL
        for (size_t v = 0; v < VECTORS; v++)
                high[v] = low[v] = _mm512_setzero_si512();
        for (size_t k = 0; k < n_blocks * LANES; k += 4) {
                __m512i weights_high = vectors_load_four_avx512(high_weights + k);
                __m512i weights_low = vectors_load_four_avx512(low_weights + k);

                UNROLL
                for (size_t v = 0; v < VECTORS; v++) {
                        __m512i four =
                                _mm512_loadu_si512(parts.values + k / 4 * LINE + v * LANES * 4);

                        high[v] = _mm512_dpbusd_epi32(high[v], weights_high, four);
                        low[v] = _mm512_dpbusd_epi32(low[v], weights_low, four);
                }
        }
        UNROLL
        for (size_t v = 0; v < VECTORS; v++) {
                __m512 sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(high[v]), _mm512_set1_ps(256),
                                             _mm512_cvtepi32_ps(low[v]));
                __m512 scale = _mm512_mul_ps(_mm512_loadu_ps(parts.value_scales + v * LANES),
                                             _mm512_set1_ps(1 / total));

                _mm512_storeu_ps(
                        ret + v * LANES,
                        _mm512_fmadd_ps(sum, scale,
                                        _mm512_loadu_ps(parts.value_middles + v * LANES)));
        }
}

const struct cross_int8_kernels cross_int8_avx512 = {
        .pack = pack, .score = score, .collect = collect};
