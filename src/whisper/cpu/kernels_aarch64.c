// The kernels for aarch64: what there is for each kind of its processors.
#include <stddef.h>

#include "whisper/cpu/cpu.h"
#include "whisper/cpu/int8_kernels.h"
#include "whisper/cpu/wide.h"

static const struct int8_kernels kinds[INT8_KINDS] = {
        [INT8_NEON] = {"NEON", NULL, NULL, &tall_neon, &skinny_int8_neon, &cross_int8_avx2},
        [INT8_NEON_DOTPROD] = {"NEON, dotprod", NULL, NULL, &tall_neon_dotprod,
                               &skinny_int8_neon_dotprod, &cross_int8_avx2},
        [INT8_NEON_I8MM] = {"NEON, i8mm", NULL, NULL, &tall_neon_i8mm,
                            &skinny_int8_neon_dotprod, &cross_int8_avx2},
};

const struct int8_kernels *int8_kernels_of(enum int8_kind kind) {
        switch (kind) {
        case INT8_NEON_I8MM:
                return cpu_has_i8mm() ? &kinds[kind] : NULL;
        case INT8_NEON_DOTPROD:
                return cpu_has_dotprod() ? &kinds[kind] : NULL;
        default:
                return kind == INT8_NEON ? &kinds[kind] : NULL;
        }
}

const struct wide_kernels *wide_kernels(void) {
        return NULL;
}
