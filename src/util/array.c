#include "util/array.h"

#include "util/mem.h"

#define CAPACITY_FIRST 16

void *array_grow(void *items, size_t n, size_t *capacity, size_t size) {
        if (n < *capacity)
                return items;
        *capacity = *capacity ? 2 * *capacity : CAPACITY_FIRST;
        return xrealloc_array(items, *capacity, size);
}
