#include "whisper/cpu/paged_attention.h"

#include <string.h>

#include "whisper/cpu/vectors.h"
#include "whisper/cpu/wide.h"

// scores[i] = query * x[i]
static void score(const struct wide_stretch *keys, const float *query, size_t width,
                  float *scores) {
        for (size_t i = 0; i < keys->n; i++)
                scores[i] = vector_dot(query, keys->x + i * keys->stride, width);
}

// ret += the sum of scores[i] * x[i]
static void collect(const struct wide_stretch *values, const float *scores, size_t width,
                    float *ret) {
        for (size_t i = 0; i < values->n; i++)
                vector_add_scaled(ret, values->x + i * values->stride, scores[i], width);
}

// What there is of the block with position `first`, up to the query's.
static struct wide_stretch keys_of_block(const struct kv_pool *pool,
                                         const struct paged_query *query, size_t first) {
        size_t n = query->position + 1 - first;

        return (struct wide_stretch){
                .x = kv_cache_key(query->kv, pool, query->layer, first) + query->column,
                .stride = kv_cache_stride(pool),
                .n = n < KV_BLOCK_POSITIONS ? n : KV_BLOCK_POSITIONS,
        };
}

void paged_attend(const struct kv_pool *pool, const struct paged_query *query, float *scores) {
        const struct wide_kernels *wide = wide_kernels();

        for (size_t first = 0; first <= query->position; first += KV_BLOCK_POSITIONS) {
                struct wide_stretch keys = keys_of_block(pool, query, first);

                if (wide)
                        wide->score(&keys, query->query, query->width, scores + first);
                else
                        score(&keys, query->query, query->width, scores + first);
        }
        vector_softmax(scores, query->position + 1);
        memset(query->ret, 0, query->width * sizeof(float));
        for (size_t first = 0; first <= query->position; first += KV_BLOCK_POSITIONS) {
                struct wide_stretch values = keys_of_block(pool, query, first);

                values.x += kv_cache_value_offset(pool);
                if (wide)
                        wide->collect(&values, scores + first, query->width, query->ret);
                else
                        collect(&values, scores + first, query->width, query->ret);
        }
}
