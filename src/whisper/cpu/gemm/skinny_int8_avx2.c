// Skinny int8 for AVX2: by its own instructions, and by those of AVX-VNNI.
#include "whisper/cpu/gemm/dots_avx2.h"
#include "whisper/cpu/gemm/skinny_int8_ends_avx2.h"

#define SKINNY_NAME(name)            name##_avx2
#define SKINNY_TARGET                TARGET_AVX2
#define SKINNY_BYTES(sum, x, vector) dot_bytes_avx2(sum, x, vector)
#define SKINNY_TWO(...)              dot_two_avx2(__VA_ARGS__)
#define SKINNY_MIDDLE                128
#include "whisper/cpu/gemm/skinny_int8_avx2.inc"

#define SKINNY_NAME(name)            name##_avx2_vnni
#define SKINNY_TARGET                TARGET_AVX2_VNNI
#define SKINNY_BYTES(sum, x, vector) dot_bytes_avx2_vnni(sum, x, vector)
#define SKINNY_TWO(...)              dot_two_avx2_vnni(__VA_ARGS__)
#define SKINNY_MIDDLE                128
#include "whisper/cpu/gemm/skinny_int8_avx2.inc"

const struct skinny_int8 skinny_int8_avx2 = SKINNY_INT8_KERNELS(avx2, convert_row);
const struct skinny_int8 skinny_int8_avx2_vnni = SKINNY_INT8_KERNELS(avx2_vnni, convert_row);
