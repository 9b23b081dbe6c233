#pragma once
// The cross-attention's cache in eight bits, inside: how a head of it lies, whoever reads it.
//
// Threads: any; no state.

#include <stdint.h>

#include "whisper/cpu/cross_int8.h"

#define CROSS_INT8_BLOCK \
        ((size_t)CROSS_INT8_KEYS * CROSS_INT8_WIDTH)         // bytes of a block's keys,
                                                             // and of its values
#define CROSS_INT8_LINE      ((size_t)4 * CROSS_INT8_WIDTH)  // bytes of the values of four keys
#define CROSS_INT8_QUERY_MAX (127 * 256)  // the largest whose high byte fits its sign
#define CROSS_INT8_ONE       65535        // a weight of 1

static inline size_t cross_int8_blocks(size_t n_keys) {
        return (n_keys + CROSS_INT8_KEYS - 1) / CROSS_INT8_KEYS;
}

// Where the parts of a head lie.
struct cross_int8_parts {
        uint8_t *keys;
        int8_t *values;
        float *key_scales;                    // by key
        float *value_scales, *value_middles;  // by channel
};

static inline struct cross_int8_parts cross_int8_parts(const struct cross_int8 *head) {
        size_t n_blocks = cross_int8_blocks(head->n_keys);
        struct cross_int8_parts parts = {.keys = head->elements};

        parts.values = (int8_t *)parts.keys + n_blocks * CROSS_INT8_BLOCK;
        parts.key_scales = (float *)(void *)(parts.values + n_blocks * CROSS_INT8_BLOCK);
        parts.value_scales = parts.key_scales + n_blocks * CROSS_INT8_KEYS;
        parts.value_middles = parts.value_scales + CROSS_INT8_WIDTH;
        return parts;
}
