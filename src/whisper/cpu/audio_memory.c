#include "whisper/cpu/audio_memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "whisper/cpu/cpu.h"
#include "whisper/cpu/cross_int8.h"

// Memories are made for multiples of so many keys, so that windows of about the same length can
// use each other's.
#define CAPACITY_STEP 100

struct audio_pool {
        const struct whisper_model *model;
        enum panels_type type;
        size_t n_heads, head_width, n_layers;
        struct audio_memory *free;
        size_t n_keys_max;
        size_t n_keys_out;   // capacities of the memories in use
        size_t n_keys_free;  // and of those in the pool
};

size_t audio_pool_claim(size_t n_keys) {
        return (n_keys + CAPACITY_STEP - 1) / CAPACITY_STEP * CAPACITY_STEP;
}

enum panels_type audio_memory_type(const struct whisper_model *model) {
        const struct whisper_info *info = &model->info;

        if (model->compute == COMPUTE_INT8 &&
            info->n_text_state == info->n_text_heads * CROSS_INT8_WIDTH)
                return PANELS_INT8;
        // The reference keeps its arithmetic; what is read for every token is half as long.
        return model->compute != COMPUTE_FLOAT32 && cpu_has_bf16() ? PANELS_BF16 : PANELS_HALF;
}

int audio_pool_new(struct audio_pool **ret, const struct whisper_model *model,
                   size_t n_windows) {
        struct audio_pool *pool = xnew(struct audio_pool);

        pool->model = model;
        pool->n_heads = (size_t)model->info.n_text_heads;
        pool->head_width = (size_t)model->info.n_text_state / pool->n_heads;
        pool->n_layers = (size_t)model->info.n_text_layers;
        pool->n_keys_max = n_windows * CONTEXT_ROWS;
        pool->type = audio_memory_type(model);
        *ret = pool;
        return 0;
}

static struct audio_memory *audio_memory_free(struct audio_memory *memory) {
        if (!memory)
                return NULL;
        free(memory->elements);
        free(memory->positions);
        free(memory->biases);
        free(memory);
        return NULL;
}

struct audio_pool *audio_pool_free(struct audio_pool *pool) {
        if (!pool)
                return NULL;
        while (pool->free) {
                struct audio_memory *next = pool->free->next;

                audio_memory_free(pool->free);
                pool->free = next;
        }
        free(pool);
        return NULL;
}

size_t audio_pool_held(const struct audio_pool *pool) {
        return pool->n_keys_out + pool->n_keys_free;
}

bool audio_pool_has_room(const struct audio_pool *pool, size_t n_promised, size_t n_keys) {
        return pool->n_keys_out + n_promised + audio_pool_claim(n_keys) <= pool->n_keys_max;
}

// Bytes of one layer; a multiple of 64.
static size_t layer_size(const struct audio_pool *pool, size_t n_keys) {
        return cross_memory_size(pool->type, n_keys, pool->n_heads, pool->head_width);
}

static struct audio_memory *audio_memory_make(struct audio_pool *pool, size_t capacity) {
        struct audio_memory *memory =
                try_calloc(1, sizeof(*memory) + pool->n_layers * sizeof(memory->layers[0]));

        if (!memory)
                return NULL;
        memory->pool = pool;
        memory->capacity = capacity;
        memory->positions = try_calloc(capacity, sizeof(*memory->positions));
        memory->biases = try_calloc(capacity, sizeof(*memory->biases));
        memory->elements = try_aligned(pool->n_layers * layer_size(pool, capacity));
        if (!memory->positions || !memory->biases || !memory->elements)
                return audio_memory_free(memory);
        return memory;
}

// The pool's memory of just this capacity, or NULL.
static struct audio_memory *audio_pool_take(struct audio_pool *pool, size_t capacity) {
        for (struct audio_memory **at = &pool->free; *at; at = &(*at)->next) {
                struct audio_memory *memory = *at;

                if (memory->capacity != capacity)
                        continue;
                *at = memory->next;
                pool->n_keys_free -= capacity;
                return memory;
        }
        return NULL;
}

// Free what has lain unused for longest until no more than `n_keys` do.
static void audio_pool_shrink(struct audio_pool *pool, size_t n_keys) {
        while (pool->n_keys_free > n_keys) {
                struct audio_memory **at = &pool->free;

                while ((*at)->next)
                        at = &(*at)->next;
                pool->n_keys_free -= (*at)->capacity;
                *at = audio_memory_free(*at);
        }
}

// A memory laid out for this context; its keys and values are not there yet.
static struct audio_memory *audio_memory_new(struct audio_pool *pool,
                                             const struct audio_context *context) {
        size_t capacity = audio_pool_claim(context->n_rows), n = context->n_rows;
        struct audio_memory *memory;

        if (!audio_pool_has_room(pool, 0, n))
                return NULL;
        memory = audio_pool_take(pool, capacity);
        if (!memory)
                memory = audio_memory_make(pool, capacity);
        if (!memory)
                return NULL;
        pool->n_keys_out += capacity;
        memory->n_keys = n;
        memcpy(memory->positions, context->positions, n * sizeof(*memory->positions));
        memcpy(memory->biases, context->biases, n * sizeof(*memory->biases));
        for (size_t i = 0; i < pool->n_layers; i++)
                memory->layers[i] = (struct cross_memory){
                        .type = pool->type,
                        .n_keys = n,
                        .n_heads = pool->n_heads,
                        .head_width = pool->head_width,
                        .biases = memory->biases,
                        .n_unbiased = context->n_plain,
                        .elements = (char *)memory->elements + i * layer_size(pool, n),
                };
        return memory;
}

// Keys and values of one layer for all windows.
static int fill_layer(struct audio_memory *const *memories, struct audio_pool *pool,
                      struct encoder *encoder, size_t n, size_t layer) {
        size_t n_state = pool->n_heads * pool->head_width;
        const float *windows[ENCODER_WINDOWS_MAX], *projected = NULL;
        int r = encoder_project(encoder, pool->model->decoder_layers[layer].cross_key_value,
                                2 * n_state, &projected);

        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                windows[i] = projected;
                projected += memories[i]->n_keys * 2 * n_state;
        }
#pragma omp parallel for num_threads(pool->model->threads) schedule(dynamic)
        for (size_t task = 0; task < n * pool->n_heads; task++) {
                const float *keys = windows[task / pool->n_heads];

                cross_memory_pack(&memories[task / pool->n_heads]->layers[layer],
                                  task % pool->n_heads, keys, keys + n_state, 2 * n_state);
        }
        return 0;
}

int audio_memories_new(struct audio_memory **ret, struct audio_pool *pool,
                       struct encoder *encoder, const struct encoder_window *windows,
                       size_t n) {
        size_t n_made = 0;
        int r = 0;

        for (; n_made < n; n_made++) {
                ret[n_made] = audio_memory_new(pool, windows[n_made].context);
                if (!ret[n_made])
                        break;
        }
        if (n_made < n)
                r = -ENOMEM;
        for (size_t layer = 0; r == 0 && layer < pool->n_layers; layer++)
                r = fill_layer(ret, pool, encoder, n, layer);
        while (r < 0 && n_made > 0) {
                n_made--;
                ret[n_made] = audio_memory_release(ret[n_made]);
        }
        return r;
}

struct audio_memory *audio_memory_release(struct audio_memory *memory) {
        struct audio_pool *pool;

        if (!memory)
                return NULL;
        pool = memory->pool;
        pool->n_keys_out -= memory->capacity;
        pool->n_keys_free += memory->capacity;
        memory->next = pool->free;
        pool->free = memory;
        // With all of them kept, the pool grows to its budget whatever the load, since hardly
        // two windows are equally long (387 to 639 MB in the first half of a three-hour file).
        audio_pool_shrink(pool, AUDIO_POOL_FREE_KEYS_MAX);
        return NULL;
}
