#include "whisper/cpu/text_memory.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"

struct text_page {
        struct text_page *next;  // in the pool
        size_t n_holders;
        float elements[];
};

struct text_pool {
        size_t n_layers, n_state;
        size_t n_pages_max, n_made, n_used;
        struct text_page *free;
};

struct text_pool *text_pool_new(size_t n_layers, size_t n_state, size_t n_pages) {
        struct text_pool *pool = xnew(struct text_pool);

        pool->n_layers = n_layers;
        pool->n_state = n_state;
        pool->n_pages_max = n_pages;
        return pool;
}

struct text_pool *text_pool_free(struct text_pool *pool) {
        if (!pool)
                return NULL;
        assert(pool->n_used == 0);
        while (pool->free) {
                struct text_page *next = pool->free->next;

                free(pool->free);
                pool->free = next;
        }
        free(pool);
        return NULL;
}

size_t text_pool_used(const struct text_pool *pool) {
        return pool->n_used;
}

size_t text_memory_value_offset(const struct text_pool *pool) {
        return TEXT_PAGE_POSITIONS * pool->n_state;
}

size_t text_memory_stride(const struct text_pool *pool) {
        return pool->n_state;
}

static struct text_page *page_take(struct text_pool *pool) {
        size_t size = sizeof(float) * 2 * pool->n_layers * text_memory_value_offset(pool);
        struct text_page *page = pool->free;

        if (page) {
                pool->free = page->next;
        } else if (pool->n_made < pool->n_pages_max) {
                page = try_calloc(1, sizeof(*page) + size);
                if (page)
                        pool->n_made++;
        }
        if (!page)
                return NULL;
        page->n_holders = 1;
        pool->n_used++;
        return page;
}

static void page_release(struct text_page *page, struct text_pool *pool) {
        if (--page->n_holders > 0)
                return;
        page->next = pool->free;
        pool->free = page;
        pool->n_used--;
}

// Copy the first n positions of a page, which are the filled ones.
static void page_copy(struct text_page *to, const struct text_page *from,
                      const struct text_pool *pool, size_t n) {
        for (size_t i = 0; i < 2 * pool->n_layers; i++) {
                size_t part = i * text_memory_value_offset(pool);

                memcpy(to->elements + part, from->elements + part,
                       n * pool->n_state * sizeof(float));
        }
}

int text_memory_reach(struct text_memory *memory, struct text_pool *pool, size_t position) {
        size_t index = position / TEXT_PAGE_POSITIONS;
        struct text_page *page, *copy;

        if (index >= TEXT_PAGES)
                return -EINVAL;
        while (memory->n_pages <= index) {
                page = page_take(pool);
                if (!page)
                        return -ENOMEM;
                memory->pages[memory->n_pages++] = page;
        }
        page = memory->pages[index];
        if (page->n_holders == 1)
                return 0;
        copy = page_take(pool);
        if (!copy)
                return -ENOMEM;
        page_copy(copy, page, pool, position % TEXT_PAGE_POSITIONS);
        page_release(page, pool);
        memory->pages[index] = copy;
        return 0;
}

void text_memory_share(struct text_memory *memory, const struct text_memory *from, size_t n) {
        assert(memory->n_pages == 0);
        memory->n_pages = (n + TEXT_PAGE_POSITIONS - 1) / TEXT_PAGE_POSITIONS;
        assert(memory->n_pages <= from->n_pages);
        for (size_t i = 0; i < memory->n_pages; i++) {
                memory->pages[i] = from->pages[i];
                memory->pages[i]->n_holders++;
        }
}

void text_memory_release(struct text_memory *memory, struct text_pool *pool) {
        for (size_t i = 0; i < memory->n_pages; i++)
                page_release(memory->pages[i], pool);
        memory->n_pages = 0;
}

float *text_memory_key(const struct text_memory *memory, const struct text_pool *pool,
                       size_t layer, size_t position) {
        return memory->pages[position / TEXT_PAGE_POSITIONS]->elements +
               2 * layer * text_memory_value_offset(pool) +
               position % TEXT_PAGE_POSITIONS * pool->n_state;
}
