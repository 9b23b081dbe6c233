#pragma once
// Audio memory: what the decoder hears of a window: keys and values for the cross-attention of
// all layers, in int8, bf16 or half precision. They are computed once per window, read for
// every token, and are most of what a window occupies: so they come from a pool with a fixed
// budget, which keeps a few of those that nobody uses and gives the rest back to the system.
//
// Threads: a pool and its memories belong to one engine.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/cleanup.h"
#include "whisper/cpu/cross_attention.h"
#include "whisper/cpu/encoder.h"

struct audio_pool;

struct audio_memory {
        struct audio_pool *pool;
        size_t n_keys;
        uint16_t *positions;           // [n_keys], of the window's CONTEXT_ROWS
        float *biases;                 // [n_keys]
        struct audio_memory *next;     // while it lies in the pool
        size_t capacity;               // keys
        void *elements;                // of all layers
        struct cross_memory layers[];  // [n_text_layers]
};

// What a model's memories are made of.
enum panels_type audio_memory_type(const struct whisper_model *model);

// A pool for `n_windows` full windows, or so many more of the shorter ones.
int audio_pool_new(struct audio_pool **ret, const struct whisper_model *model,
                   size_t n_windows);
// All memories must have been released.
struct audio_pool *audio_pool_free(struct audio_pool *pool);

// Of the memories that nobody uses the pool keeps at most so many keys.
#define AUDIO_POOL_FREE_KEYS_MAX ((size_t)2 * CONTEXT_ROWS)

// Keys for which the pool holds memory at the moment, in use or kept for the next windows.
size_t audio_pool_held(const struct audio_pool *pool);
// What a window of n_keys keys takes of the budget.
size_t audio_pool_claim(size_t n_keys);
// True when it fits beside what is out and `n_promised`, the sum of further claims.
bool audio_pool_has_room(const struct audio_pool *pool, size_t n_promised, size_t n_keys);

// The memories of the n windows of the encoder's last run into ret[n]. -ENOMEM when the budget
// or the machine has no room, or the encoder's error; then none is made.
int audio_memories_new(struct audio_memory **ret, struct audio_pool *pool,
                       struct encoder *encoder, const struct encoder_window *windows, size_t n);
// Put it back into its pool. NULL is fine. Returns NULL.
struct audio_memory *audio_memory_release(struct audio_memory *memory);

DEFINE_CLEANUP(struct audio_pool *, audio_pool_free);
