#pragma once
// Compute: the arithmetic of the network's matrix products.
//
// Threads: any; no state.

#include "util/error.h"

enum compute {
        COMPUTE_AUTO,     // the fastest that costs at most 0.1 points of word error rate: int8
        COMPUTE_FLOAT32,  // the reference; any processor that the engine runs on
        COMPUTE_BF16,     // needs AVX-512 BF16
        COMPUTE_INT8,     // any, by the instructions it has (cpu/int8_kernels.h)
};

// The names in enum compute's order, as the configuration has them, NULL at the end.
extern const char *const compute_names[];

// What the wish comes to on this processor: never COMPUTE_AUTO. -ENOTSUP with words when the
// processor lacks what was asked for; ONEDNN_MAX_CPU_ISA hides what a processor has.
int compute_resolve(enum compute *ret, enum compute wish, struct error *error);
