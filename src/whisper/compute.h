#pragma once
// Compute: the arithmetic of the network's matrix products.
//
// Threads: any; no state.

enum compute {
        COMPUTE_AUTO,     // the fastest that costs at most 0.1 points of word error rate: int8
        COMPUTE_FLOAT32,  // the reference; any processor that the engine runs on
        COMPUTE_INT8,     // any, by the instructions it has (cpu/int8_kernels.h)
};

// The names in enum compute's order, as the configuration has them, NULL at the end.
extern const char *const compute_names[];

// What the wish comes to: never COMPUTE_AUTO.
enum compute compute_resolve(enum compute wish);
