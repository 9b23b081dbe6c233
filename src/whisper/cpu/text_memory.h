#pragma once
// Text memory: the decoder's keys and values of what sequences have said, in pages from one
// pool. Sequences that begin alike (the beams and samples of one window) share their pages; a
// page is copied when one of them writes to it while another holds it too.
//
// Threads: a pool and its memories belong to one engine.

#include <stddef.h>

#include "util/cleanup.h"

// Positions in one page, and those that every Whisper has for text.
#define TEXT_PAGE_POSITIONS 32
#define TEXT_POSITIONS      448
#define TEXT_PAGES          (TEXT_POSITIONS / TEXT_PAGE_POSITIONS)

struct text_pool;
struct text_page;  // counted; [n_layers][keys, values][TEXT_PAGE_POSITIONS][n_state]

// Zeroed is empty.
struct text_memory {
        struct text_page *pages[TEXT_PAGES];
        size_t n_pages;
};

// A pool that makes at most n_pages pages, as they are wanted.
struct text_pool *text_pool_new(size_t n_layers, size_t n_state, size_t n_pages);
// All memories have been released before. NULL is fine. Returns NULL.
struct text_pool *text_pool_free(struct text_pool *pool);

// Pages that memories hold now.
size_t text_pool_used(const struct text_pool *pool);

// Make the memory reach to `position`, and that position its own to write. -ENOMEM when the
// pool has no page left or cannot make one, -EINVAL beyond TEXT_POSITIONS.
int text_memory_reach(struct text_memory *memory, struct text_pool *pool, size_t position);

// Begin an empty memory with the first n positions of another, whose pages it then shares.
void text_memory_share(struct text_memory *memory, const struct text_memory *from, size_t n);

// Let go of all pages; empty then.
void text_memory_release(struct text_memory *memory, struct text_pool *pool);

// The key of a position in one layer, [n_state]; its value lies text_memory_value_offset()
// floats behind it.
float *text_memory_key(const struct text_memory *memory, const struct text_pool *pool,
                       size_t layer, size_t position);
size_t text_memory_value_offset(const struct text_pool *pool);
// Floats from one position's key to the next one's in a page.
size_t text_memory_stride(const struct text_pool *pool);

DEFINE_CLEANUP(struct text_pool *, text_pool_free);
