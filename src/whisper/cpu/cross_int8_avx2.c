#include <string.h>

#include "whisper/cpu/cross_int8_parts.h"
#include "whisper/cpu/vectors_avx2.h"

/* AVX2 multiplies words of sixteen bits, to which bytes are widened as they are read: so both
 * bytes of a query's channel are multiplied at once. Keys lie in blocks of 16, a block as
 * [WIDTH / 2][16 keys][2], values in lines of two keys, [WIDTH][2]: eight pairs fill a vector.
 * Numbers are those of AVX-512's kernels, to the last bit. */

#define WIDTH   CROSS_INT8_WIDTH
#define LANES   8
#define VECTORS (WIDTH / LANES)
#define PAIRS   (WIDTH / 2)
#define BLOCK   CROSS_INT8_BLOCK
#define KEYS    CROSS_INT8_KEYS
#define LINE    (CROSS_INT8_LINE / 2)

// Sixteen bytes as words.
INLINE_AVX2 __m256i load_words(const void *x) {
        return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)x));
}

INLINE_AVX2 __m256 magnitude_avx2(__m256 x) {
        return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x);
}

// --- Packing ------------------------------------------------------------------------------

// The mean of the keys, for each channel.
TARGET_AVX2 static void find_mean_avx2(const float *keys, size_t stride, size_t n, float *ret) {
        __m256 share = _mm256_set1_ps(1.0f / (float)n);

        for (size_t c = 0; c < WIDTH; c += LANES) {
                __m256 sum = _mm256_setzero_ps();

                for (size_t k = 0; k < n; k++)
                        sum = _mm256_add_ps(sum, _mm256_loadu_ps(keys + k * stride + c));
                _mm256_storeu_ps(ret + c, _mm256_mul_ps(sum, share));
        }
}

// One key as a row of bytes. Returns its scale.
TARGET_AVX2 static float pack_key_avx2(const float *key, const float *mean, int8_t *ret) {
        __m256 parts[VECTORS], largest = _mm256_setzero_ps(), inverse;
        int32_t whole[WIDTH];
        float scale;

        UNROLL
        for (size_t v = 0; v < VECTORS; v++) {
                parts[v] = _mm256_sub_ps(_mm256_loadu_ps(key + v * LANES),
                                         _mm256_loadu_ps(mean + v * LANES));
                largest = _mm256_max_ps(largest, magnitude_avx2(parts[v]));
        }
        scale = max_avx2(largest) / 127;
        inverse = _mm256_set1_ps(scale > 0 ? 1 / scale : 0);
        UNROLL
        for (size_t v = 0; v < VECTORS; v++)
                _mm256_storeu_si256((__m256i *)(void *)(whole + v * LANES),
                                    _mm256_cvtps_epi32(_mm256_mul_ps(parts[v], inverse)));
        for (size_t c = 0; c < WIDTH; c++)
                ret[c] = (int8_t)whole[c];
        return scale;
}

static void pack_keys_avx2(const struct cross_int8_parts *parts, const float *keys,
                           size_t stride, size_t n) {
        float mean[WIDTH];

        find_mean_avx2(keys, stride, n, mean);
        for (size_t first = 0; first < n; first += KEYS) {
                uint8_t *to = parts->keys + first * WIDTH;
                int8_t rows[KEYS][WIDTH] = {{0}};

                for (size_t k = 0; k < KEYS; k++)
                        parts->key_scales[first + k] =
                                first + k < n ? pack_key_avx2(keys + (first + k) * stride, mean,
                                                              rows[k])
                                              : 0;
                for (size_t pair = 0; pair < PAIRS; pair++)
                        for (size_t k = 0; k < KEYS; k++, to += 2)
                                memcpy(to, rows[k] + pair * 2, 2);
        }
}

// Scale and middle of eight channels. Returns the scales' inverses.
INLINE_AVX2 __m256 scale_channels_avx2(const float *values, size_t stride, size_t n,
                                       float *ret_scales, float *ret_middles) {
        __m256 least = _mm256_loadu_ps(values), most = least, scale;

        for (size_t k = 1; k < n; k++) {
                __m256 value = _mm256_loadu_ps(values + k * stride);

                least = _mm256_min_ps(least, value);
                most = _mm256_max_ps(most, value);
        }
        scale = _mm256_mul_ps(_mm256_sub_ps(most, least), _mm256_set1_ps(0.5f / 127));
        _mm256_storeu_ps(ret_scales, scale);
        _mm256_storeu_ps(ret_middles,
                         _mm256_mul_ps(_mm256_add_ps(most, least), _mm256_set1_ps(0.5f)));
        return _mm256_and_ps(_mm256_cmp_ps(scale, _mm256_setzero_ps(), _CMP_GT_OQ),
                             _mm256_div_ps(_mm256_set1_ps(1.0f), scale));
}

// Eight channels of a key's values, in the lowest byte of each lane.
INLINE_AVX2 __m256i quantize_values(const float *values, __m256 middle, __m256 inverse) {
        __m256 part = _mm256_sub_ps(_mm256_loadu_ps(values), middle);

        return _mm256_and_si256(_mm256_cvtps_epi32(_mm256_mul_ps(part, inverse)),
                                _mm256_set1_epi32(UINT8_MAX));
}

TARGET_AVX2 static void pack_values_avx2(const struct cross_int8_parts *parts,
                                         const float *values, size_t stride, size_t n) {
        for (size_t c = 0; c < WIDTH; c += LANES) {
                __m256 inverse =
                        scale_channels_avx2(values + c, stride, n, parts->value_scales + c,
                                            parts->value_middles + c);
                __m256 middle = _mm256_loadu_ps(parts->value_middles + c);

                for (size_t k = 0; k < cross_int8_blocks(n) * KEYS; k += 2) {
                        const float *pair = values + k * stride + c;
                        __m256i bytes = _mm256_setzero_si256();

                        if (k < n)
                                bytes = quantize_values(pair, middle, inverse);
                        if (k + 1 < n)
                                bytes = _mm256_or_si256(
                                        bytes,
                                        _mm256_slli_epi32(
                                                quantize_values(pair + stride, middle, inverse),
                                                8));
                        bytes = _mm256_permute4x64_epi64(_mm256_packus_epi32(bytes, bytes),
                                                         0xd8);
                        _mm_storeu_si128(
                                (__m128i *)(void *)(parts->values + k / 2 * LINE + c * 2),
                                _mm256_castsi256_si128(bytes));
                }
        }
}

static void pack_avx2(const struct cross_int8 *head, const float *keys, const float *values,
                      size_t stride) {
        struct cross_int8_parts parts = cross_int8_parts(head);

        pack_keys_avx2(&parts, keys, stride, head->n_keys);
        pack_values_avx2(&parts, values, stride, head->n_keys);
}

// --- Scores -------------------------------------------------------------------------------

// A query in words. Returns their scale.
INLINE_AVX2 float quantize_query(const float *x, int16_t *ret) {
        __m256 largest = _mm256_setzero_ps(), inverse;
        float scale;

        for (size_t c = 0; c < WIDTH; c += LANES)
                largest = _mm256_max_ps(largest, magnitude_avx2(_mm256_loadu_ps(x + c)));
        scale = max_avx2(largest) / CROSS_INT8_QUERY_MAX;
        inverse = _mm256_set1_ps(scale > 0 ? 1 / scale : 0);
        for (size_t c = 0; c < WIDTH; c += 2 * LANES) {
                __m256i low =
                        _mm256_cvtps_epi32(_mm256_mul_ps(_mm256_loadu_ps(x + c), inverse));
                __m256i high = _mm256_cvtps_epi32(
                        _mm256_mul_ps(_mm256_loadu_ps(x + c + LANES), inverse));

                _mm256_storeu_si256(
                        (__m256i *)(void *)(ret + c),
                        _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8));
        }
        return scale;
}

// Blocks whose scores are found together.
#define BLOCKS_AT_ONCE 4

// Scores of some blocks; their number is a constant where this is inlined.
INLINE_AVX2 void score_blocks_avx2(const struct cross_int8_parts *parts, const int16_t *query,
                                   float query_scale, size_t block, const size_t n_blocks,
                                   float *scores) {
        __m256i sums[BLOCKS_AT_ONCE][2];

        UNROLL
        for (size_t b = 0; b < n_blocks; b++)
                sums[b][0] = sums[b][1] = _mm256_setzero_si256();
        for (size_t pair = 0; pair < PAIRS; pair++) {
                const uint8_t *keys = parts->keys + block * BLOCK + pair * KEYS * 2;
                __m256i two = vectors_load_four_avx2(query + pair * 2);

                UNROLL
                for (size_t b = 0; b < n_blocks; b++) {
                        sums[b][0] =
                                dot_words_avx2(sums[b][0], load_words(keys + b * BLOCK), two);
                        sums[b][1] = dot_words_avx2(sums[b][1],
                                                    load_words(keys + b * BLOCK + 16), two);
                }
        }
        UNROLL
        for (size_t b = 0; b < n_blocks; b++) {
                UNROLL
                for (size_t half = 0; half < 2; half++) {
                        size_t key = (block + b) * KEYS + half * LANES;
                        __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(parts->key_scales + key),
                                                     _mm256_set1_ps(query_scale));

                        _mm256_storeu_ps(
                                scores + key,
                                _mm256_mul_ps(_mm256_cvtepi32_ps(sums[b][half]), scale));
                }
        }
}

TARGET_AVX2 static void score_avx2(const struct cross_int8 *head, const float *query,
                                   float *scores) {
        struct cross_int8_parts parts = cross_int8_parts(head);
        size_t n_blocks = cross_int8_blocks(head->n_keys), block = 0;
        int16_t words[WIDTH];
        float scale = quantize_query(query, words);

        for (; block + BLOCKS_AT_ONCE <= n_blocks; block += BLOCKS_AT_ONCE)
                score_blocks_avx2(&parts, words, scale, block, BLOCKS_AT_ONCE, scores);
        for (; block < n_blocks; block++)
                score_blocks_avx2(&parts, words, scale, block, 1, scores);
}

// --- Values -------------------------------------------------------------------------------

// For the first n of a vector's lanes.
INLINE_AVX2 __m256i mask_of_avx2(size_t n) {
        return _mm256_cmpgt_epi32(_mm256_set1_epi32(n < LANES ? (int)n : LANES),
                                  _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE_AVX2 float find_largest(const float *scores, size_t n) {
        __m256 first = _mm256_set1_ps(scores[0]), largest = first;

        for (size_t k = 0; k < n; k += LANES) {
                __m256i mask = mask_of_avx2(n - k);
                __m256 part = _mm256_maskload_ps(scores + k, mask);

                largest = _mm256_max_ps(
                        largest, _mm256_blendv_ps(first, part, _mm256_castsi256_ps(mask)));
        }
        return max_avx2(largest);
}

// exp(score - the largest) of eight keys, n of which there are.
INLINE_AVX2 __m256i weigh_eight(const float *scores, size_t n, __m256 largest) {
        __m256i mask = mask_of_avx2(n);
        __m256 part = _mm256_sub_ps(_mm256_maskload_ps(scores, mask), largest);

        return _mm256_and_si256(mask, _mm256_cvtps_epi32(_mm256_mul_ps(
                                              exp_avx2(part), _mm256_set1_ps(CROSS_INT8_ONE))));
}

// The weights of all keys in two bytes, and zeros for the block's others. Returns the sum.
INLINE_AVX2 float weigh_avx2(const float *scores, size_t n, uint16_t *ret) {
        __m256 largest = _mm256_set1_ps(find_largest(scores, n));
        __m256i sum = _mm256_setzero_si256();
        int32_t parts[LANES], total = 0;

        for (size_t k = 0; k < n; k += 2 * LANES) {
                __m256i low = weigh_eight(scores + k, n - k, largest), high;

                high = n - k > LANES ? weigh_eight(scores + k + LANES, n - k - LANES, largest)
                                     : _mm256_setzero_si256();
                sum = _mm256_add_epi32(sum, _mm256_add_epi32(low, high));
                _mm256_storeu_si256(
                        (__m256i *)(void *)(ret + k),
                        _mm256_permute4x64_epi64(_mm256_packus_epi32(low, high), 0xd8));
        }
        _mm256_storeu_si256((__m256i *)(void *)parts, sum);
        for (size_t i = 0; i < LANES; i++)
                total += parts[i];
        return (float)total;
}

// Vectors of channels that are collected together.
#define VECTORS_AT_ONCE 4

INLINE_AVX2 void collect_channels(const struct cross_int8_parts *parts, size_t channel,
                                  const uint16_t *weights, size_t n_weights, float total,
                                  float *ret) {
        __m256i high[VECTORS_AT_ONCE], low[VECTORS_AT_ONCE];

        UNROLL
        for (size_t v = 0; v < VECTORS_AT_ONCE; v++)
                high[v] = low[v] = _mm256_setzero_si256();
        for (size_t k = 0; k < n_weights; k += 2) {
                const int8_t *line = parts->values + k / 2 * LINE + channel * 2;
                __m256i two = vectors_load_four_avx2(weights + k);
                __m256i two_high = _mm256_srli_epi16(two, 8);
                __m256i two_low = _mm256_and_si256(two, _mm256_set1_epi16(UINT8_MAX));

                UNROLL
                for (size_t v = 0; v < VECTORS_AT_ONCE; v++) {
                        __m256i values = load_words(line + v * LANES * 2);

                        high[v] = dot_words_avx2(high[v], two_high, values);
                        low[v] = dot_words_avx2(low[v], two_low, values);
                }
        }
        UNROLL
        for (size_t v = 0; v < VECTORS_AT_ONCE; v++) {
                size_t at = channel + v * LANES;
                __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(high[v]), _mm256_set1_ps(256),
                                             _mm256_cvtepi32_ps(low[v]));
                __m256 scale = _mm256_mul_ps(_mm256_loadu_ps(parts->value_scales + at),
                                             _mm256_set1_ps(1 / total));

                _mm256_storeu_ps(ret + at,
                                 _mm256_fmadd_ps(sum, scale,
                                                 _mm256_loadu_ps(parts->value_middles + at)));
        }
}

TARGET_AVX2 static void collect_avx2(const struct cross_int8 *head, const float *scores,
                                     void *scratch, float *ret) {
        struct cross_int8_parts parts = cross_int8_parts(head);
        size_t n_weights = cross_int8_blocks(head->n_keys) * KEYS;
        float total = weigh_avx2(scores, head->n_keys, scratch);

        for (size_t c = 0; c < WIDTH; c += VECTORS_AT_ONCE * LANES)
                collect_channels(&parts, c, scratch, n_weights, total, ret);
}

const struct cross_int8_kernels cross_int8_avx2 = {
        .pack = pack_avx2, .score = score_avx2, .collect = collect_avx2};
