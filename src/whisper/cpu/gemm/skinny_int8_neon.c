// Skinny int8 for aarch64: by instructions that each of its processors has, and by `sdot`.
#include "whisper/cpu/gemm/dots_neon.h"
#include "whisper/cpu/gemm/skinny_int8_ends_avx2.h"

#define SKINNY_NAME(name)            name##_neon
#define SKINNY_TARGET                TARGET_NEON
#define SKINNY_BYTES(sum, x, vector) dot_bytes_neon(sum, x, vector)
#define SKINNY_TWO(...)              dot_two_neon(__VA_ARGS__)
#define SKINNY_MIDDLE                0
#include "whisper/cpu/gemm/skinny_int8_avx2.inc"

#define SKINNY_NAME(name)            name##_neon_dotprod
#define SKINNY_TARGET                TARGET_NEON_DOTPROD
#define SKINNY_BYTES(sum, x, vector) dot_bytes_neon_dotprod(sum, x, vector)
#define SKINNY_TWO(...)              dot_two_neon_dotprod(__VA_ARGS__)
#define SKINNY_MIDDLE                0
#include "whisper/cpu/gemm/skinny_int8_avx2.inc"

// A row as AVX2 has it, its bytes and its zero less 128, and its high bytes what they are.
static void convert_row_neon(const float *x, size_t depth, void *ret) {
        struct int8_head *head = ret;

        convert_row(x, depth, ret);
        head->zero -= NEON_ROW_ZERO;
        for (size_t i = 0; i < head->n_wide; i++)
                head->high[i] ^= 0x80808080u;
        neon_turn_bytes((uint8_t *)ret + ROW_HEAD, (depth + 15) / 16 * 16);
}

const struct skinny_int8 skinny_int8_neon = SKINNY_INT8_KERNELS(neon, convert_row_neon);
const struct skinny_int8 skinny_int8_neon_dotprod =
        SKINNY_INT8_KERNELS(neon_dotprod, convert_row_neon);
