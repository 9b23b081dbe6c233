#include "whisper/cpu/int8_kernels.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "whisper/cpu/cpu.h"
#include "whisper/cpu/gemm/dots_avx2.h"

static const struct int8_kernels kinds[INT8_KINDS] = {
        [INT8_AVX2] = {"AVX2", dots_unit_avx2, dots_fit_avx2, &tall_avx2, &skinny_int8_avx2,
                       &cross_int8_avx2},
        [INT8_AVX2_VNNI] = {"AVX-VNNI", NULL, NULL, &tall_avx2_vnni, &skinny_int8_avx2_vnni,
                            &cross_int8_avx2},
        [INT8_AVX512_VNNI] = {"AVX-512 VNNI", NULL, NULL, &tall_avx512, &skinny_int8_avx512,
                              &cross_int8_avx512},
        [INT8_AMX] = {"AMX", NULL, NULL, &tall_amx, &skinny_int8_avx512, &cross_int8_avx512},
};

static bool has_kind(enum int8_kind kind) {
        switch (kind) {
        case INT8_AMX:
                return cpu_has_amx();
        case INT8_AVX512_VNNI:
                return cpu_has_vnni();
        case INT8_AVX2_VNNI:
                return cpu_has_avx2_vnni();
        default:
                return true;  // what the engine runs on at all (vectors.h)
        }
}

const struct int8_kernels *int8_kernels_of(enum int8_kind kind) {
        return has_kind(kind) ? &kinds[kind] : NULL;
}

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
        for (size_t i = 0; i < n; i++)
                largest = fmaxf(largest, fabsf(weights[i]));
        return largest / INT8_MAX;
}
