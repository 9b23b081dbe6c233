#pragma once
// Heap: nodes of others' structs, of which the first by some order is always at hand. Putting
// in and taking out, from anywhere, costs steps by the logarithm of their number.
//
// Threads: any one at a time.
// Memory:  nodes are lent until they are removed.

#include <stdbool.h>
#include <stddef.h>

// Zeroed is in no heap. A struct with the node first is found from the node by a cast.
struct heap_node {
        size_t place;  // in the heap, from 1; 0: in none
};

// Zeroed but for `is_before` is empty.
struct heap {
        struct heap_node **items;
        size_t n;
        size_t capacity;
        // A strict order.
        bool (*is_before)(const struct heap_node *a, const struct heap_node *b);
};

// Make room for `n` nodes in all, so that heap_put() needs no memory; aborts when there is
// none.
void heap_reserve(struct heap *heap, size_t n);

// Put a node in that is in none. There must be room for it.
void heap_put(struct heap *heap, struct heap_node *node);

// Take a node out that is in this heap.
void heap_remove(struct heap *heap, struct heap_node *node);

// The first node; NULL without any.
struct heap_node *heap_first(const struct heap *heap);

void heap_deinit(struct heap *heap);
