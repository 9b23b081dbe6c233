// The kernels for x86-64: what there is for each kind of its processors.
#include <stddef.h>

#include "whisper/cpu/cpu.h"
#include "whisper/cpu/gemm/dots_avx2.h"
#include "whisper/cpu/int8_kernels.h"
#include "whisper/cpu/vectors_avx512.h"
#include "whisper/cpu/wide.h"

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
                return kind == INT8_AVX2;  // what the engine runs on at all (vectors.h)
        }
}

const struct int8_kernels *int8_kernels_of(enum int8_kind kind) {
        return has_kind(kind) ? &kinds[kind] : NULL;
}

const struct wide_kernels *wide_kernels(void) {
        static const struct wide_kernels avx512 = {
                .max = vector_max_avx512,
                .sum_exp = vector_sum_exp_avx512,
                .argmax = vector_argmax_avx512,
                .score = vector_score_avx512,
                .collect = vector_collect_avx512,
                .skinny = skinny_kernels_avx512,
        };

        return cpu_has_avx512() ? &avx512 : NULL;
}
