#pragma once
// Vectors: the element-wise parts of the network, by hand for AVX2 (on aarch64 for NEON, from
// the same source), some for AVX-512 too: normalisation, softmax, GELU, half precision. Callers
// have checked vectors_are_supported().
//
// Threads: any; no state.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Functions with this may use AVX2, FMA and F16C whatever the compiler's baseline is. That of
// aarch64 has all that stands for them (vectors_neon.h).
#ifdef __x86_64__
#define TARGET_AVX2 __attribute__((target("avx2,fma,f16c")))
#else
#define TARGET_AVX2
#endif

// In front of a loop of known length whose sums are to stay in registers.
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

// True when this processor has AVX2, FMA and F16C, or is an aarch64.
bool vectors_are_supported(void);

// ret[i] = (x[i] - mean) / sqrt(variance + 1e-5) * weight[i] + bias[i]; ret may be x.
void vector_normalize(const float *x, const float *weight, const float *bias, size_t n,
                      float *ret);

// x[i] = exp(x[i] - max x) / sum, in place; n >= 1.
void vector_softmax(float *x, size_t n);

// log(sum(exp(x[i]))); -INFINITY entries count nothing. n >= 1.
float vector_log_sum_exp(const float *x, size_t n);

// sum(exp(x[i] - shift)), for callers that know the largest: as shift it lets nothing overflow.
float vector_sum_exp(const float *x, size_t n, float shift);

// The largest, and the index of it, the first of equals; n >= 1.
float vector_max(const float *x, size_t n);
size_t vector_argmax(const float *x, size_t n);

float vector_dot(const float *a, const float *b, size_t n);

// y[i] += scale * x[i]
void vector_add_scaled(float *y, const float *x, float scale, size_t n);

// y[i] += x[i]
void vector_add(float *y, const float *x, size_t n);

// To half precision, rounded to nearest even, and whether all of them are kept exactly.
void vector_to_half(const float *x, size_t n, uint16_t *ret);
bool vector_is_half(const float *x, size_t n);
