#include "whisper/cpu/cross_kv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/cross_int8.h"

// Memories are made for multiples of so many keys, so that windows of about the same length can
// use each other's.
#define CAPACITY_STEP 100

struct cross_kv_pool {
        const struct whisper_model *model;
        struct team *team;
        enum skinny_type type;
        size_t n_heads, head_width, n_layers;
        struct cross_kv *free;
        size_t n_keys_max;
        size_t n_keys_out;   // capacities of the caches in use
        size_t n_keys_free;  // and of those in the pool
};

size_t cross_kv_pool_claim(size_t n_keys) {
        return (n_keys + CAPACITY_STEP - 1) / CAPACITY_STEP * CAPACITY_STEP;
}

enum skinny_type cross_kv_type(const struct whisper_model *model) {
        const struct whisper_info *info = &model->info;

        if (model->compute == COMPUTE_INT8 &&
            info->n_text_state == info->n_text_heads * CROSS_INT8_WIDTH)
                return SKINNY_INT8;
        // The reference keeps its arithmetic; what is read for every token is half as long.
        return SKINNY_HALF;
}

int cross_kv_pool_new(struct cross_kv_pool **ret, const struct whisper_model *model,
                      size_t n_windows, struct team *team) {
        struct cross_kv_pool *pool = xnew(struct cross_kv_pool);

        pool->model = model;
        pool->team = team;
        pool->n_heads = (size_t)model->info.n_text_heads;
        pool->head_width = (size_t)model->info.n_text_state / pool->n_heads;
        pool->n_layers = (size_t)model->info.n_text_layers;
        pool->n_keys_max = n_windows * CONTEXT_ROWS;
        pool->type = cross_kv_type(model);
        *ret = pool;
        return 0;
}

static struct cross_kv *cross_kv_free(struct cross_kv *cache) {
        if (!cache)
                return NULL;
        free(cache->elements);
        free(cache->positions);
        free(cache->biases);
        free(cache);
        return NULL;
}

struct cross_kv_pool *cross_kv_pool_free(struct cross_kv_pool *pool) {
        if (!pool)
                return NULL;
        while (pool->free) {
                struct cross_kv *next = pool->free->next;

                cross_kv_free(pool->free);
                pool->free = next;
        }
        free(pool);
        return NULL;
}

size_t cross_kv_pool_held(const struct cross_kv_pool *pool) {
        return pool->n_keys_out + pool->n_keys_free;
}

bool cross_kv_pool_has_room(const struct cross_kv_pool *pool, size_t n_promised,
                            size_t n_keys) {
        return pool->n_keys_out + n_promised + cross_kv_pool_claim(n_keys) <= pool->n_keys_max;
}

// Bytes of one layer; a multiple of 64.
static size_t layer_size(const struct cross_kv_pool *pool, size_t n_keys) {
        return cross_kv_layer_size(pool->type, n_keys, pool->n_heads, pool->head_width);
}

static struct cross_kv *cross_kv_make(struct cross_kv_pool *pool, size_t capacity) {
        struct cross_kv *cache =
                try_calloc(1, sizeof(*cache) + pool->n_layers * sizeof(cache->layers[0]));

        if (!cache)
                return NULL;
        cache->pool = pool;
        cache->capacity = capacity;
        cache->positions = try_calloc(capacity, sizeof(*cache->positions));
        cache->biases = try_calloc(capacity, sizeof(*cache->biases));
        cache->elements = try_aligned(pool->n_layers * layer_size(pool, capacity));
        if (!cache->positions || !cache->biases || !cache->elements)
                return cross_kv_free(cache);
        return cache;
}

// The pool's cache of just this capacity, or NULL.
static struct cross_kv *cross_kv_pool_take(struct cross_kv_pool *pool, size_t capacity) {
        for (struct cross_kv **at = &pool->free; *at; at = &(*at)->next) {
                struct cross_kv *cache = *at;

                if (cache->capacity != capacity)
                        continue;
                *at = cache->next;
                pool->n_keys_free -= capacity;
                return cache;
        }
        return NULL;
}

// Free what has lain unused for longest until no more than `n_keys` do.
static void cross_kv_pool_shrink(struct cross_kv_pool *pool, size_t n_keys) {
        while (pool->n_keys_free > n_keys) {
                struct cross_kv **at = &pool->free;

                while ((*at)->next)
                        at = &(*at)->next;
                pool->n_keys_free -= (*at)->capacity;
                *at = cross_kv_free(*at);
        }
}

// A cache laid out for this context; its keys and values are not there yet.
static struct cross_kv *cross_kv_new(struct cross_kv_pool *pool,
                                     const struct audio_context *context) {
        size_t capacity = cross_kv_pool_claim(context->n_rows), n = context->n_rows;
        struct cross_kv *cache;

        if (!cross_kv_pool_has_room(pool, 0, n))
                return NULL;
        cache = cross_kv_pool_take(pool, capacity);
        if (!cache)
                cache = cross_kv_make(pool, capacity);
        if (!cache)
                return NULL;
        pool->n_keys_out += capacity;
        cache->n_keys = n;
        memcpy(cache->positions, context->positions, n * sizeof(*cache->positions));
        memcpy(cache->biases, context->biases, n * sizeof(*cache->biases));
        for (size_t i = 0; i < pool->n_layers; i++)
                cache->layers[i] = (struct cross_kv_layer){
                        .type = pool->type,
                        .n_keys = n,
                        .n_heads = pool->n_heads,
                        .head_width = pool->head_width,
                        .biases = cache->biases,
                        .n_unbiased = context->n_plain,
                        .elements = (char *)cache->elements + i * layer_size(pool, n),
                };
        return cache;
}

// One layer's keys and values on their way into the windows' caches.
struct kv_packing {
        struct cross_kv *const *caches;
        size_t layer, n_heads, n_state;
        const float *windows[ENCODER_WINDOWS_MAX];  // [n_keys, 2 * n_state] each
};

// One head of one window.
static void pack_head(void *context, size_t piece, size_t thread) {
        const struct kv_packing *packing = context;
        size_t window = piece / packing->n_heads;
        const float *keys = packing->windows[window];

        (void)thread;
        cross_kv_layer_pack(&packing->caches[window]->layers[packing->layer],
                            piece % packing->n_heads, keys, keys + packing->n_state,
                            2 * packing->n_state);
}

// Keys and values of one layer for all windows.
static int fill_layer(struct cross_kv *const *caches, struct cross_kv_pool *pool,
                      struct encoder *encoder, size_t n, size_t layer) {
        size_t n_state = pool->n_heads * pool->head_width;
        struct kv_packing packing = {caches, layer, pool->n_heads, n_state, {NULL}};
        const float *projected = NULL;
        int r = encoder_project(encoder, pool->model->decoder_layers[layer].cross_key_value,
                                2 * n_state, &projected);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                packing.windows[i] = projected;
                projected += caches[i]->n_keys * 2 * n_state;
        }
        team_run(pool->team, n * pool->n_heads, pack_head, &packing);
        return 0;
}

int cross_kv_compute(struct cross_kv **ret, struct cross_kv_pool *pool, struct encoder *encoder,
                     const struct encoder_window *windows, size_t n) {
        size_t n_made = 0;
        int r = 0;

        for (; n_made < n; n_made++) {
                ret[n_made] = cross_kv_new(pool, windows[n_made].context);
                if (!ret[n_made])
                        break;
        }
        if (n_made < n)
                r = -ENOMEM;
        for (size_t layer = 0; r == 0 && layer < pool->n_layers; layer++)
                r = fill_layer(ret, pool, encoder, n, layer);
        while (r < 0 && n_made > 0) {
                n_made--;
                ret[n_made] = cross_kv_release(ret[n_made]);
        }
        return r;
}

struct cross_kv *cross_kv_release(struct cross_kv *cache) {
        struct cross_kv_pool *pool;

        if (!cache)
                return NULL;
        pool = cache->pool;
        pool->n_keys_out -= cache->capacity;
        pool->n_keys_free += cache->capacity;
        cache->next = pool->free;
        pool->free = cache;
        // With all of them kept, the pool grows to its budget whatever the load, since hardly
        // two windows are equally long (387 to 639 MB in the first half of a three-hour file).
        cross_kv_pool_shrink(pool, CROSS_KV_FREE_KEYS_MAX);
        return NULL;
}
