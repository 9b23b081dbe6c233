#include "whisper/cpu/paged_attention.h"

#include <string.h>

#include "whisper/cpu/cpu.h"
#include "whisper/cpu/vectors.h"
#include "whisper/cpu/vectors_avx512.h"

// Keys or values of one block: n of them, `stride` floats apart.
struct stretch {
        const float *x;
        size_t stride, n;
};

// scores[i] = query * x[i]
static void score_avx2(const struct stretch *keys, const float *query, size_t width,
                       float *scores) {
        for (size_t i = 0; i < keys->n; i++)
                scores[i] = vector_dot(query, keys->x + i * keys->stride, width);
}

TARGET_AVX512 static void score_avx512(const struct stretch *keys, const float *query,
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

// ret += the sum of scores[i] * x[i]
static void collect_avx2(const struct stretch *values, const float *scores, size_t width,
                         float *ret) {
        for (size_t i = 0; i < values->n; i++)
                vector_add_scaled(ret, values->x + i * values->stride, scores[i], width);
}

TARGET_AVX512 static void collect_avx512(const struct stretch *values, const float *scores,
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

// What there is of the block with position `first`, up to the query's.
static struct stretch keys_of_block(const struct kv_pool *pool, const struct paged_query *query,
                                    size_t first) {
        size_t n = query->position + 1 - first;

        return (struct stretch){
                .x = kv_cache_key(query->kv, pool, query->layer, first) + query->column,
                .stride = kv_cache_stride(pool),
                .n = n < KV_BLOCK_POSITIONS ? n : KV_BLOCK_POSITIONS,
        };
}

void paged_attend(const struct kv_pool *pool, const struct paged_query *query, float *scores) {
        bool has_avx512 = cpu_has_avx512();

        for (size_t first = 0; first <= query->position; first += KV_BLOCK_POSITIONS) {
                struct stretch keys = keys_of_block(pool, query, first);

                if (has_avx512)
                        score_avx512(&keys, query->query, query->width, scores + first);
                else
                        score_avx2(&keys, query->query, query->width, scores + first);
        }
        vector_softmax(scores, query->position + 1);
        memset(query->ret, 0, query->width * sizeof(float));
        for (size_t first = 0; first <= query->position; first += KV_BLOCK_POSITIONS) {
                struct stretch values = keys_of_block(pool, query, first);

                values.x += kv_cache_value_offset(pool);
                if (has_avx512)
                        collect_avx512(&values, scores + first, query->width, query->ret);
                else
                        collect_avx2(&values, scores + first, query->width, query->ret);
        }
}
