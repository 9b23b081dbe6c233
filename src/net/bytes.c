#include "net/bytes.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_FIRST 1024

// Twice as much, and again, until `wanted` bytes fit; but no more than there will ever be.
static size_t capacity_for(const struct bytes *bytes, size_t wanted) {
        size_t capacity = bytes->capacity ? bytes->capacity : BYTES_FIRST;

        while (capacity < wanted)
                capacity *= 2;
        return wanted <= bytes->most && bytes->most < capacity ? bytes->most : capacity;
}

// Charge what a larger block has more. Small ones are never refused.
static bool bytes_charge(const struct bytes *bytes, size_t capacity) {
        size_t n = capacity - bytes->capacity;

        if (capacity > BYTES_KEEP)
                return budget_charge(bytes->budget, bytes->kind, n);
        budget_charge_always(bytes->budget, bytes->kind, n);
        return true;
}

bool bytes_reserve(struct bytes *bytes, size_t n) {
        size_t capacity;
        uint8_t *data;

        if (n >= SIZE_MAX / 2 - bytes->n)
                return false;
        if (bytes->n + n < bytes->capacity)
                return true;
        capacity = capacity_for(bytes, bytes->n + n + 1);
        if (!bytes_charge(bytes, capacity))
                return false;
        data = realloc(bytes->data, capacity);
        if (!data) {
                budget_refund(bytes->budget, bytes->kind, capacity - bytes->capacity);
                return false;
        }
        bytes->data = data;
        bytes->capacity = capacity;
        return true;
}

bool bytes_append(struct bytes *bytes, const void *data, size_t n) {
        if (!bytes_reserve(bytes, n))
                return false;
        if (n)
                memcpy(bytes->data + bytes->n, data, n);
        bytes->n += n;
        return true;
}

void bytes_clear(struct bytes *bytes) {
        bytes->n = 0;
        if (bytes->capacity > BYTES_KEEP)
                bytes_deinit(bytes);
}

void bytes_leave_budget(struct bytes *bytes) {
        budget_refund(bytes->budget, bytes->kind, bytes->capacity);
        bytes->budget = NULL;
}

void bytes_deinit(struct bytes *bytes) {
        budget_refund(bytes->budget, bytes->kind, bytes->capacity);
        free(bytes->data);
        bytes->data = NULL;
        bytes->n = bytes->capacity = 0;
}
