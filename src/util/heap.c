#include "util/heap.h"

#include <assert.h>
#include <stdlib.h>

#include "util/mem.h"

#define HEAP_FIRST 64  // nodes that there is room for at first

// The node at a place (from 1) and its parent's place; its children are at 2n and 2n + 1.
static struct heap_node *node_at(const struct heap *heap, size_t place) {
        return heap->items[place - 1];
}

static void node_set(struct heap *heap, size_t place, struct heap_node *node) {
        heap->items[place - 1] = node;
        node->place = place;
}

static void node_rise(struct heap *heap, struct heap_node *node, size_t place) {
        while (place > 1 && heap->is_before(node, node_at(heap, place / 2))) {
                node_set(heap, place, node_at(heap, place / 2));
                place /= 2;
        }
        node_set(heap, place, node);
}

static void node_observer(struct heap *heap, struct heap_node *node, size_t place) {
        for (size_t child; (child = 2 * place) <= heap->n; place = child) {
                if (child < heap->n &&
                    heap->is_before(node_at(heap, child + 1), node_at(heap, child)))
                        child++;
                if (!heap->is_before(node_at(heap, child), node))
                        break;
                node_set(heap, place, node_at(heap, child));
        }
        node_set(heap, place, node);
}

void heap_reserve(struct heap *heap, size_t n) {
        size_t capacity = heap->capacity ? heap->capacity : HEAP_FIRST;

        while (capacity < n)
                capacity *= 2;
        if (capacity == heap->capacity)
                return;
        heap->items = xrealloc_array(heap->items, capacity, sizeof(struct heap_node *));
        heap->capacity = capacity;
}

void heap_put(struct heap *heap, struct heap_node *node) {
        assert(node->place == 0 && heap->n < heap->capacity);
        heap->n++;
        node_rise(heap, node, heap->n);
}

void heap_remove(struct heap *heap, struct heap_node *node) {
        size_t place = node->place;
        struct heap_node *last = node_at(heap, heap->n);

        assert(place > 0 && node_at(heap, place) == node);
        heap->n--;
        node->place = 0;
        if (last == node)
                return;
        if (place > 1 && heap->is_before(last, node_at(heap, place / 2)))
                node_rise(heap, last, place);
        else
                node_observer(heap, last, place);
}

struct heap_node *heap_first(const struct heap *heap) {
        return heap->n > 0 ? heap->items[0] : NULL;
}

void heap_deinit(struct heap *heap) {
        free(heap->items);
        heap->items = NULL;
        heap->n = heap->capacity = 0;
}
