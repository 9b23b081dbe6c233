#pragma once
// The kernels of panels.c for the processors there are. Private to panels.
//
// Threads: any; no state.

#include "decode/whisper/panels.h"
#include "decode/whisper/vectors.h"

// What stands in front of an int8 row's elements: its scale, and room up to a cache line.
#define ROW_HEAD 64

// Elements of a column that lie side by side, and bytes of one.
static inline size_t panels_group(enum panels_type type) {
        return type == PANELS_INT8 ? 4 : type == PANELS_BF16 ? 2 : 1;
}

static inline size_t panels_element_size(enum panels_type type) {
        return type == PANELS_FLOAT ? 4 : type == PANELS_INT8 ? 1 : 2;
}

static inline size_t panels_groups(enum panels_type type, size_t depth) {
        return (depth + panels_group(type) - 1) / panels_group(type);
}

// Bytes of one group of depth over a panel's columns, and of a panel.
static inline size_t panels_line_size(enum panels_type type) {
        return PANEL_COLUMNS * panels_group(type) * panels_element_size(type);
}

static inline size_t panels_panel_size(enum panels_type type, size_t depth) {
        return panels_groups(type, depth) * panels_line_size(type);
}

// At most so many rows at a time, whose number is constant where the kernel is inlined.
#define KERNEL_ROWS_MAX 6

// Rows [row, row + n) of the product for one panel. For float and half.
typedef void (*panels_kernel)(const struct panels *panels, const struct product *product,
                              size_t row, size_t panel);

extern const panels_kernel panels_kernels_avx2[2][KERNEL_ROWS_MAX + 1];    // [type][rows]
extern const panels_kernel panels_kernels_avx512[4][KERNEL_ROWS_MAX + 1];  // likewise

void panels_convert_row_bf16(const float *x, size_t depth, void *ret);
void panels_convert_row_int8(const float *x, size_t depth, void *ret);
