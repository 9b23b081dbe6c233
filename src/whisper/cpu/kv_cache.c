#include "whisper/cpu/kv_cache.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct kv_block {
        struct kv_block *next;  // in the pool
        size_t n_holders;
        float elements[];
};

struct kv_pool {
        size_t n_layers, n_state;
        size_t n_blocks_max, n_made, n_used;
        struct kv_block *free;
};

struct kv_pool *kv_pool_new(size_t n_layers, size_t n_state, size_t n_blocks) {
        struct kv_pool *pool = xnew(struct kv_pool);

        pool->n_layers = n_layers;
        pool->n_state = n_state;
        pool->n_blocks_max = n_blocks;
        return pool;
}

struct kv_pool *kv_pool_free(struct kv_pool *pool) {
        if (!pool)
                return NULL;
        assert(pool->n_used == 0);
        while (pool->free) {
                struct kv_block *next = pool->free->next;

                free(pool->free);
                pool->free = next;
        }
        free(pool);
        return NULL;
}

size_t kv_pool_used(const struct kv_pool *pool) {
        return pool->n_used;
}

size_t kv_cache_value_offset(const struct kv_pool *pool) {
        return KV_BLOCK_POSITIONS * pool->n_state;
}

size_t kv_cache_stride(const struct kv_pool *pool) {
        return pool->n_state;
}

static struct kv_block *block_take(struct kv_pool *pool) {
        size_t size = sizeof(float) * 2 * pool->n_layers * kv_cache_value_offset(pool);
        struct kv_block *block = pool->free;

        if (block) {
                pool->free = block->next;
        } else if (pool->n_made < pool->n_blocks_max) {
                block = try_calloc(1, sizeof(*block) + size);
                if (block)
                        pool->n_made++;
        }
        if (!block)
                return NULL;
        block->n_holders = 1;
        pool->n_used++;
        return block;
}

static void block_release(struct kv_block *block, struct kv_pool *pool) {
        if (--block->n_holders > 0)
                return;
        block->next = pool->free;
        pool->free = block;
        pool->n_used--;
}

// Copy the first n positions of a block, which are the filled ones.
static void block_copy(struct kv_block *to, const struct kv_block *from,
                       const struct kv_pool *pool, size_t n) {
        for (size_t i = 0; i < 2 * pool->n_layers; i++) {
                size_t part = i * kv_cache_value_offset(pool);

                memcpy(to->elements + part, from->elements + part,
                       n * pool->n_state * sizeof(float));
        }
}

int kv_cache_reach(struct kv_cache *cache, struct kv_pool *pool, size_t position) {
        size_t index = position / KV_BLOCK_POSITIONS;
        struct kv_block *block, *copy;

        if (index >= KV_BLOCKS)
                return -EINVAL;
        while (cache->n_blocks <= index) {
                block = block_take(pool);
                if (!block)
                        return -ENOMEM;
                cache->blocks[cache->n_blocks++] = block;
        }
        block = cache->blocks[index];
        if (block->n_holders == 1)
                return 0;
        copy = block_take(pool);
        if (!copy)
                return -ENOMEM;
        block_copy(copy, block, pool, position % KV_BLOCK_POSITIONS);
        block_release(block, pool);
        cache->blocks[index] = copy;
        return 0;
}

void kv_cache_fork(struct kv_cache *cache, const struct kv_cache *from, size_t n) {
        assert(cache->n_blocks == 0);
        cache->n_blocks = (n + KV_BLOCK_POSITIONS - 1) / KV_BLOCK_POSITIONS;
        assert(cache->n_blocks <= from->n_blocks);
        for (size_t i = 0; i < cache->n_blocks; i++) {
                cache->blocks[i] = from->blocks[i];
                cache->blocks[i]->n_holders++;
        }
}

void kv_cache_release(struct kv_cache *cache, struct kv_pool *pool) {
        for (size_t i = 0; i < cache->n_blocks; i++)
                block_release(cache->blocks[i], pool);
        cache->n_blocks = 0;
}

float *kv_cache_key(const struct kv_cache *cache, const struct kv_pool *pool, size_t layer,
                    size_t position) {
        return cache->blocks[position / KV_BLOCK_POSITIONS]->elements +
               2 * layer * kv_cache_value_offset(pool) +
               position % KV_BLOCK_POSITIONS * pool->n_state;
}
