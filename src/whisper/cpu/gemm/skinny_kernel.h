#pragma once
// The kernels of skinny.c for the processors there are. Private to skinny*.c.
//
// Threads: any; no state.

#include <assert.h>
#include <math.h>

#include "whisper/cpu/gemm/skinny.h"
#include "whisper/cpu/vectors.h"

/* A row of int8 stands for scale * (element - zero). Its elements are unsigned bytes, which are
 * not enough for all: layer norms give a channel or two that are 40 times the others, and GELU
 * a few that are 100 times the rest. A scale for these would leave the others next to nothing
 * (in front of the logits, 2.6 where they are 8 on average). So as many as WIDE_MAX groups of
 * four have a second byte, the high one, which is multiplied on its own. */
#define WIDE_MAX 8

// What stands in front of the elements.
struct int8_head {
        float scale;
        int32_t zero;
        uint32_t n_wide;
        uint32_t high[WIDE_MAX];    // the four high bytes, each more by 128 than what it is
        uint16_t groups[WIDE_MAX];  // whose they are
};

#define ROW_HEAD 64
static_assert(sizeof(struct int8_head) <= ROW_HEAD, "a cache line");

// The head of a row whose elements, but for those of wide groups, are between these.
static inline void int8_head_begin(struct int8_head *head, float least, float most) {
        // 254: both ends may be rounded away from each other.
        head->scale = (most - least) / 254;
        head->zero = head->scale > 0 ? (int32_t)lrintf(-least / head->scale) : 0;
        head->n_wide = 0;
}

// Elements of a column that lie side by side, and bytes of one.
static inline size_t skinny_group(enum skinny_type type) {
        return type == SKINNY_INT8 ? 4 : 1;
}

static inline size_t skinny_element_size(enum skinny_type type) {
        return type == SKINNY_FLOAT ? 4 : type == SKINNY_INT8 ? 1 : 2;
}

static inline size_t skinny_groups(enum skinny_type type, size_t depth) {
        return (depth + skinny_group(type) - 1) / skinny_group(type);
}

// Bytes of one group of depth over a panel's columns, and of a panel.
static inline size_t skinny_line_size(enum skinny_type type) {
        return SKINNY_PANEL_COLUMNS * skinny_group(type) * skinny_element_size(type);
}

static inline size_t skinny_panel_size(enum skinny_type type, size_t depth) {
        return skinny_groups(type, depth) * skinny_line_size(type);
}

// At most so many rows at a time, whose number is constant where the kernel is inlined.
#define KERNEL_ROWS_MAX 6

// What a kernel works on: rows [row, row + n) of the product for one panel. Meanwhile it asks
// for what is read next, `ahead_step` bytes of it for each group of depth.
struct skinny_block {
        size_t row, panel;
        const char *ahead;
        size_t ahead_step;
};

typedef void (*skinny_kernel)(const struct skinny_matrix *matrix,
                              const struct gemm_product *product,
                              const struct skinny_block *block);

extern const skinny_kernel skinny_kernels_avx2[2][KERNEL_ROWS_MAX + 1];    // [type][rows]
extern const skinny_kernel skinny_kernels_avx512[2][KERNEL_ROWS_MAX + 1];  // [type][rows]

// int8 for one kind of processor (int8_kernels.h).
struct skinny_int8 {
        size_t block_columns;  // that lie together in a panel, which they divide
        void (*convert_row)(const float *x, size_t depth, void *ret);
        skinny_kernel multiply[KERNEL_ROWS_MAX + 1];  // [rows]
};

#define SKINNY_AVX2_COLUMNS 16

extern const struct skinny_int8 skinny_int8_avx2, skinny_int8_avx2_vnni, skinny_int8_avx512;
extern const struct skinny_int8 skinny_int8_neon, skinny_int8_neon_dotprod;

static inline const struct int8_head *skinny_head(const struct gemm_product *product,
                                                  size_t row) {
        return (const void *)((const uint8_t *)product->x + row * product->x_stride);
}
