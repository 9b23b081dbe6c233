#include "whisper/cpu/int8_kernels.h"

#include <math.h>
#include <stdatomic.h>

static _Atomic(const struct int8_kernels *) chosen;

const struct int8_kernels *int8_kernels(void) {
        const struct int8_kernels *ret = atomic_load_explicit(&chosen, memory_order_relaxed);

        if (ret)
                return ret;
        // Two threads that come first choose the same.
        for (int kind = INT8_KINDS - 1; !ret; kind--)
                ret = int8_kernels_of((enum int8_kind)kind);
        atomic_store_explicit(&chosen, ret, memory_order_relaxed);
        return ret;
}

void int8_kernels_use(const struct int8_kernels *kernels) {
        atomic_store_explicit(&chosen, kernels, memory_order_relaxed);
}

float int8_unit(const float *weights, size_t n) {
        const struct int8_kernels *kernels = int8_kernels();
        float largest = 0;

        if (kernels->unit)
                return kernels->unit(weights, n);
        // Not fmaxf(): a call for each weight was a fifth of what loading a model took.
        for (size_t i = 0; i < n; i++)
                largest = fabsf(weights[i]) > largest ? fabsf(weights[i]) : largest;
        return largest / INT8_MAX;
}
