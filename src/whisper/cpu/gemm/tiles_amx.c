#include "whisper/cpu/gemm/tiles_amx.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "whisper/cpu/vectors_avx512.h"

#define TARGET_AMX             \
        __attribute__((target( \
                "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-int8,amx-bf16")))
#define INLINE_AMX static inline TARGET_AMX __attribute__((always_inline))

// The processor's eight tiles: 0 to 3 are the sums of two tiles of rows with two panels, 4 and
// 5 the rows, 6 and 7 the panels.
#define N_TILES 8

// What LDTILECFG reads.
struct layout {
        uint8_t palette, start_row, reserved[14];
        uint16_t line_bytes[16];
        uint8_t n_lines[16];
};

// The compiler is not told what the tiles' instructions read: it has to have written all that
// is to be seen at x.
static inline void settle_memory(const void *x) {
        __asm__ volatile("" : : "r"(x) : "memory");
}

// All tiles of rows have the same number of them, so that one layout serves all: the last one
// begins earlier if need be, and does some of the rows before it again.
TARGET_AMX void tiles_amx_begin(struct tiles_amx *amx, enum tile_elements elements,
                                const struct tile_product *product) {
        size_t n_rows = product->n_rows, n_rest = product->n_groups % AMX_GROUPS;
        struct layout layout = {.palette = 1};

        amx->product = product;
        amx->elements = elements;
        amx->n_tiles = (n_rows + 15) / 16;
        amx->step = (n_rows + amx->n_tiles - 1) / amx->n_tiles;
        for (size_t i = 0; i < N_TILES; i++) {
                layout.line_bytes[i] = AMX_LINE;
                layout.n_lines[i] = i < 6 ? (uint8_t)amx->step : AMX_GROUPS;
        }
        if (n_rest > 0) {
                const uint8_t *rests =
                        (const uint8_t *)product->x + (product->n_groups - n_rest) * TILE_GROUP;

                for (size_t row = 0; row < n_rows; row++)
                        _mm512_store_si512(
                                amx->row_rests[row],
                                _mm512_maskz_loadu_epi32(mask_avx512(n_rest),
                                                         rests + row * product->x_stride));
                memset(amx->panel_rests, 0, sizeof(amx->panel_rests));
        }
        settle_memory(&layout);
        _tile_loadconfig(&layout);
}

TARGET_AMX void tiles_amx_end(void) {
        _tile_release();
}

// Where a step finds its rows and panels.
struct operands {
        const uint8_t *rows[2], *panels[2];
        size_t row_stride, panel_stride;  // bytes
};

#define DOT(sums, rows, panels)                             \
        do {                                                \
                if (is_int8)                                \
                        _tile_dpbusd(sums, rows, panels);   \
                else                                        \
                        _tile_dpbf16ps(sums, rows, panels); \
        } while (0)

// Sixteen groups onto the sums.
INLINE_AMX void add_groups(const struct operands *operands, const bool is_int8,
                           const bool has_two_tiles, const bool has_two_panels) {
        _tile_loadd(4, operands->rows[0], operands->row_stride);
        _tile_loadd(6, operands->panels[0], operands->panel_stride);
        DOT(0, 4, 6);
        if (has_two_panels) {
                _tile_loadd(7, operands->panels[1], operands->panel_stride);
                DOT(1, 4, 7);
        }
        if (has_two_tiles) {
                _tile_loadd(5, operands->rows[1], operands->row_stride);
                DOT(2, 5, 6);
                if (has_two_panels)
                        DOT(3, 5, 7);
        }
}

// One or two tiles of rows from number `tile` on, one or two panels of a block from `panel` on.
struct corner {
        size_t tile, panel;
        const uint8_t *elements;  // of the block
        const int32_t *start;     // for each of its columns
        size_t line;              // bytes from a group of the block to the next
        const uint8_t *ahead;     // what is asked for meanwhile, and how much with each step
        size_t ahead_step;
};

static size_t first_row(const struct tiles_amx *amx, size_t tile) {
        return tile + 1 < amx->n_tiles ? tile * amx->step : amx->product->n_rows - amx->step;
}

INLINE_AMX void sum_corner(struct tiles_amx *amx, const struct corner *corner,
                           const bool is_int8, const bool has_two_tiles,
                           const bool has_two_panels) {
        const size_t n_groups = amx->product->n_groups;
        const size_t rows[2] = {first_row(amx, corner->tile),
                                first_row(amx, corner->tile + has_two_tiles)};
        const uint8_t *x = amx->product->x;
        const uint8_t *panel = corner->elements + corner->panel * AMX_LINE;
        const uint8_t *ahead = corner->ahead;
        struct operands operands = {
                .rows = {x + rows[0] * amx->product->x_stride,
                         x + rows[1] * amx->product->x_stride},
                .panels = {panel, panel + AMX_LINE},
                .row_stride = amx->product->x_stride,
                .panel_stride = corner->line,
        };
        const int32_t *start = corner->start + corner->panel * TILE_PANEL_COLUMNS;
        int32_t *sums = amx->sums[rows[0]] + corner->panel * TILE_PANEL_COLUMNS;

        // A stride of zero: all rows begin alike.
        _tile_loadd(0, start, 0);
        _tile_loadd(1, start + has_two_panels * TILE_PANEL_COLUMNS, 0);
        _tile_loadd(2, start, 0);
        _tile_loadd(3, start + has_two_panels * TILE_PANEL_COLUMNS, 0);
        for (size_t group = 0; group + AMX_GROUPS <= n_groups; group += AMX_GROUPS) {
                add_groups(&operands, is_int8, has_two_tiles, has_two_panels);
                for (size_t i = 0; i < corner->ahead_step; i += AMX_LINE)
                        _mm_prefetch((const char *)ahead + i, _MM_HINT_T1);
                ahead += corner->ahead_step;
                operands.rows[0] += AMX_LINE;
                operands.rows[1] += AMX_LINE;
                operands.panels[0] += AMX_GROUPS * corner->line;
                operands.panels[1] += AMX_GROUPS * corner->line;
        }
        if (n_groups % AMX_GROUPS > 0) {
                const struct operands rests = {
                        .rows = {amx->row_rests[rows[0]], amx->row_rests[rows[1]]},
                        .panels = {amx->panel_rests[corner->panel][0],
                                   amx->panel_rests[corner->panel + has_two_panels][0]},
                        .row_stride = AMX_LINE,
                        .panel_stride = AMX_LINE,
                };

                add_groups(&rests, is_int8, has_two_tiles, has_two_panels);
        }
        _tile_stored(0, sums, sizeof(amx->sums[0]));
        if (has_two_panels)
                _tile_stored(1, sums + TILE_PANEL_COLUMNS, sizeof(amx->sums[0]));
        if (has_two_tiles) {
                sums = amx->sums[rows[1]] + corner->panel * TILE_PANEL_COLUMNS;
                _tile_stored(2, sums, sizeof(amx->sums[0]));
                if (has_two_panels)
                        _tile_stored(3, sums + TILE_PANEL_COLUMNS, sizeof(amx->sums[0]));
        }
}

INLINE_AMX void sum_panels(struct tiles_amx *amx, struct corner *corner, const bool is_int8,
                           const bool has_two_panels) {
        for (corner->tile = 0; corner->tile < amx->n_tiles; corner->tile += 2) {
                if (corner->tile + 1 < amx->n_tiles)
                        sum_corner(amx, corner, is_int8, true, has_two_panels);
                else
                        sum_corner(amx, corner, is_int8, false, has_two_panels);
                corner->ahead += amx->product->n_groups / AMX_GROUPS * corner->ahead_step;
        }
}

INLINE_AMX void sum_block(struct tiles_amx *amx, struct corner *corner, size_t n_panels,
                          const bool is_int8) {
        for (corner->panel = 0; corner->panel < n_panels; corner->panel += 2) {
                if (corner->panel + 1 < n_panels)
                        sum_panels(amx, corner, is_int8, true);
                else
                        sum_panels(amx, corner, is_int8, false);
        }
}

TARGET_AMX void tiles_amx_sum_onto(struct tiles_amx *amx, size_t panel, size_t n_panels,
                                   const int32_t *start) {
        const struct tile_product *product = amx->product;
        const size_t n_rest = product->n_groups % AMX_GROUPS;
        struct corner corner = {
                .elements = product->matrix.elements +
                            tile_matrix_size(product->matrix.n_groups, panel) +
                            tile_matrix_size(product->first_group, n_panels),
                .start = start,
                .line = n_panels * AMX_LINE,
        };
        const size_t n_corners = (amx->n_tiles + 1) / 2 * ((n_panels + 1) / 2);
        const uint8_t *rests = corner.elements + (product->n_groups - n_rest) * corner.line;

        corner.ahead = corner.elements + tile_matrix_size(product->n_groups, n_panels);
        corner.ahead_step = AMX_GROUPS * corner.line / n_corners;
        for (size_t p = 0; n_rest > 0 && p < n_panels; p++)
                for (size_t group = 0; group < n_rest; group++)
                        memcpy(amx->panel_rests[p][group],
                               rests + group * corner.line + p * AMX_LINE, AMX_LINE);
        settle_memory(amx);
        if (amx->elements == TILE_INT8)
                sum_block(amx, &corner, n_panels, true);
        else
                sum_block(amx, &corner, n_panels, false);
}

void tiles_amx_sum(struct tiles_amx *amx, size_t panel, size_t n_panels) {
        static const int32_t zeros[TILE_COLUMNS];

        tiles_amx_sum_onto(amx, panel, n_panels, zeros);
}
