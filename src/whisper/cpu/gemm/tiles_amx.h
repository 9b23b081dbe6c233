#pragma once
// Tiles, by AMX: the same sums as those of tiles_kernel.inc, sixteen rows by sixteen columns
// with one instruction. int8 gives the same bits; bf16 sums in another order. A row's result
// does not depend on the rows beside it.
//
// Threads: any; what is begun on a thread is ended on it. Callers have checked cpu_has_amx().

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "whisper/cpu/gemm/tiles.h"

#define AMX_LINE   64  // bytes: a row of a tile, 16 groups or a panel's columns
#define AMX_GROUPS (AMX_LINE / TILE_GROUP)

struct tiles_amx {
        alignas(AMX_LINE) int32_t sums[TILE_ROWS_MAX][TILE_COLUMNS];  // or floats, for bf16

        // Inside: rows and panels of the groups that are left behind the last sixteen, with
        // zeros behind them.
        uint8_t row_rests[TILE_ROWS_MAX][AMX_LINE];
        uint8_t panel_rests[TILE_PANELS][AMX_GROUPS][AMX_LINE];
        const struct tile_product *product;
        enum tile_elements elements;
        size_t n_tiles, step;  // tiles of rows, rows from one to the next
};

// Begin with a product: the processor's tiles are set to its rows until tiles_amx_end().
void tiles_amx_begin(struct tiles_amx *amx, enum tile_elements elements,
                     const struct tile_product *product);

// Fill `sums` of all rows with a block of n_panels panels, at most TILE_PANELS, from `panel`, a
// multiple of TILE_PANELS, on.
void tiles_amx_sum(struct tiles_amx *amx, size_t panel, size_t n_panels);

// The same for int8, on top of `start`, which has a sum for each column of the block.
void tiles_amx_sum_onto(struct tiles_amx *amx, size_t panel, size_t n_panels,
                        const int32_t *start);

void tiles_amx_end(void);
