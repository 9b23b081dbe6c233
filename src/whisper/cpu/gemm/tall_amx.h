#pragma once
// Tall GEMM by AMX: the sums of tall_avx512.c, to the same bits, sixteen rows by sixteen
// columns with one instruction.
//
// Threads: any; what is begun on a thread is ended on it. Callers have checked cpu_has_amx().

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "whisper/cpu/gemm/tall_layout.h"

#define AMX_LINE   64  // bytes: a row of a tile, 16 groups or a vector's columns
#define AMX_GROUPS (AMX_LINE / TALL_GROUP)

struct tall_amx {
        alignas(AMX_LINE) int32_t sums[TALL_ROWS_MAX][TALL_TILE_COLUMNS];

        // Inside: rows and vectors of the groups that are left behind the last sixteen, with
        // zeros behind them.
        uint8_t row_rests[TALL_ROWS_MAX][AMX_LINE];
        uint8_t vector_rests[TALL_VECTORS][AMX_GROUPS][AMX_LINE];
        const struct tall_product *product;
        size_t n_tiles, step;  // tiles of rows, rows from one to the next
};

// Begin with a product: the processor's tiles are set to its rows until tall_amx_end().
void tall_amx_begin(struct tall_amx *amx, const struct tall_product *product);

// Fill `sums` of all rows with a block of n_vectors vectors, at most TALL_VECTORS, from
// `vector`, a multiple of TALL_VECTORS, on.
void tall_amx_sum(struct tall_amx *amx, size_t vector, size_t n_vectors);

// As tall_amx_sum(), on top of `start`, which has a sum for each column of the block.
void tall_amx_sum_onto(struct tall_amx *amx, size_t vector, size_t n_vectors,
                       const int32_t *start);

void tall_amx_end(void);
