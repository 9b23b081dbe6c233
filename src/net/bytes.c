#include "net/bytes.h"

#include <stdlib.h>
#include <string.h>

#define BYTES_FIRST 1024

bool bytes_reserve(struct bytes *bytes, size_t n) {
        size_t capacity = bytes->capacity ? bytes->capacity : BYTES_FIRST;
        uint8_t *data;

        if (n >= SIZE_MAX / 2 - bytes->n)
                return false;
        while (capacity < bytes->n + n + 1)
                capacity *= 2;
        if (capacity == bytes->capacity)
                return true;
        data = realloc(bytes->data, capacity);
        if (!data)
                return false;
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

void bytes_deinit(struct bytes *bytes) {
        free(bytes->data);
        *bytes = (struct bytes){0};
}
