#include "whisper/cpu/random_rig.h"

#include <stdint.h>

#include "util/mem.h"

// Numerical Recipes' generator: its upper bits are good enough.
static uint32_t state = 1;

void rig_random_restart(void) {
        state = 1;
}

static uint32_t next(void) {
        state = state * 1664525u + 1013904223u;
        return state;
}

float rig_random(void) {
        return (float)(next() >> 8) / 8388608.0f - 1.0f;
}

float rig_random_half(void) {
        return (float)(next() >> 21) / 1024.0f - 1.0f;  // eleven bits
}

float *rig_random_floats(size_t n, float scale) {
        float *ret = xcalloc(n, sizeof(*ret));

        for (size_t i = 0; i < n; i++)
                ret[i] = rig_random() * scale;
        return ret;
}

float *rig_random_halves(size_t n) {
        float *ret = xcalloc(n, sizeof(*ret));

        for (size_t i = 0; i < n; i++)
                ret[i] = rig_random_half();
        return ret;
}
