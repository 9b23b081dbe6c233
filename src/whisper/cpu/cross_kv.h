#pragma once
// Cross-attention KV cache: what the decoder hears of a window: keys and values of all layers,
// in int8 or half precision. They are computed once per window, read for every token, and
// are most of what a window occupies: so they come from a pool with a fixed budget, which keeps
// a few of those that nobody uses and gives the rest back to the system.
//
// Threads: a pool and its caches belong to one engine.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "util/team.h"
#include "whisper/cpu/cross_attention.h"
#include "whisper/cpu/encoder.h"

struct cross_kv_pool;

struct cross_kv {
        struct cross_kv_pool *pool;
        size_t n_keys;
        uint16_t *positions;             // [n_keys], of the window's CONTEXT_ROWS
        float *biases;                   // [n_keys]
        struct cross_kv *next;           // while it lies in the pool
        size_t capacity;                 // keys
        void *elements;                  // of all layers
        struct cross_kv_layer layers[];  // [n_text_layers]
};

// What a model's caches are made of.
enum skinny_type cross_kv_type(const struct whisper_model *model);

// A pool for `n_windows` full windows, or so many more of the shorter ones, which the team,
// lent, fills (NULL: the caller alone).
int cross_kv_pool_new(struct cross_kv_pool **ret, const struct whisper_model *model,
                      size_t n_windows, struct team *team);
// All caches must have been released.
struct cross_kv_pool *cross_kv_pool_free(struct cross_kv_pool *pool);

// Of the caches that nobody uses the pool keeps at most so many keys.
#define CROSS_KV_FREE_KEYS_MAX ((size_t)2 * CONTEXT_ROWS)

// Keys for which the pool holds memory at the moment, in use or kept for the next windows.
size_t cross_kv_pool_held(const struct cross_kv_pool *pool);
// What a window of n_keys keys takes of the budget.
size_t cross_kv_pool_claim(size_t n_keys);
// True when it fits beside what is out and `n_promised`, the sum of further claims.
bool cross_kv_pool_has_room(const struct cross_kv_pool *pool, size_t n_promised, size_t n_keys);

// Compute the caches of the n windows of the encoder's last run into ret[n]. -ENOMEM when the
// budget or the machine has no room, or the encoder's error; then none is made.
int cross_kv_compute(struct cross_kv **ret, struct cross_kv_pool *pool, struct encoder *encoder,
                     const struct encoder_window *windows, size_t n);
// Put a cache back into its pool. NULL is fine. Returns NULL.
struct cross_kv *cross_kv_release(struct cross_kv *cache);

DEFINE_CLEANUP(struct cross_kv_pool *, cross_kv_pool_free);
