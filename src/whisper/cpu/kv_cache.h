#pragma once
// KV cache: the decoder's self-attention keys and values of what sequences have said, paged: in
// blocks from one pool. Sequences that begin alike (the beams and samples of one window) share
// their blocks; a block is copied when one of them writes to it while another holds it too.
//
// Threads: a pool and its caches belong to one engine.

#include <stddef.h>

#include "util/cleanup.h"

// Positions in one block, and those that every Whisper has for text.
#define KV_BLOCK_POSITIONS 32
#define KV_POSITIONS       448
#define KV_BLOCKS          (KV_POSITIONS / KV_BLOCK_POSITIONS)

struct kv_pool;
struct kv_block;  // counted; [n_layers][keys, values][KV_BLOCK_POSITIONS][n_state]

// Zeroed is empty.
struct kv_cache {
        struct kv_block *blocks[KV_BLOCKS];
        size_t n_blocks;
};

// A pool that makes at most n_blocks blocks, as they are wanted.
struct kv_pool *kv_pool_new(size_t n_layers, size_t n_state, size_t n_blocks);
// All caches have been released before. NULL is fine. Returns NULL.
struct kv_pool *kv_pool_free(struct kv_pool *pool);

// Blocks that caches hold now.
size_t kv_pool_used(const struct kv_pool *pool);

// Make the cache reach to `position`, and that position its own to write. -ENOMEM when the
// pool has no block left or cannot make one, -EINVAL beyond KV_POSITIONS.
int kv_cache_reach(struct kv_cache *cache, struct kv_pool *pool, size_t position);

// Begin an empty cache with the first n positions of another, whose blocks it then shares.
void kv_cache_fork(struct kv_cache *cache, const struct kv_cache *from, size_t n);

// Let go of all blocks; the cache is empty then.
void kv_cache_release(struct kv_cache *cache, struct kv_pool *pool);

// The key of a position in one layer, [n_state]; its value lies kv_cache_value_offset()
// floats behind it.
float *kv_cache_key(const struct kv_cache *cache, const struct kv_pool *pool, size_t layer,
                    size_t position);
size_t kv_cache_value_offset(const struct kv_pool *pool);
// Floats from one position's key to the next one's in a block.
size_t kv_cache_stride(const struct kv_pool *pool);

DEFINE_CLEANUP(struct kv_pool *, kv_pool_free);
