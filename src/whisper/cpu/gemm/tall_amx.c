#include "whisper/cpu/gemm/tall_amx.h"

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#include "whisper/cpu/vectors_avx512.h"

#define TARGET_AMX                                                                        \
        __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,amx-tile,amx-" \
                              "int8")))
#define INLINE_AMX static inline TARGET_AMX __attribute__((always_inline))

// The processor's eight tiles: 0 to 3 are the sums of two tiles of rows with two vectors, 4 and
// 5 the rows, 6 and 7 the vectors.
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
TARGET_AMX void tall_amx_begin(struct tall_amx *amx, const struct tall_product *product) {
        size_t n_rows = product->n_rows, n_groups = product->matrix.n_groups;
        size_t n_rest = n_groups % AMX_GROUPS;
        struct layout layout = {.palette = 1};

        amx->product = product;
        amx->n_tiles = (n_rows + 15) / 16;
        amx->step = (n_rows + amx->n_tiles - 1) / amx->n_tiles;
        for (size_t i = 0; i < N_TILES; i++) {
                layout.line_bytes[i] = AMX_LINE;
                layout.n_lines[i] = i < 6 ? (uint8_t)amx->step : AMX_GROUPS;
        }
        if (n_rest > 0) {
                const uint8_t *rests =
                        (const uint8_t *)product->x + (n_groups - n_rest) * TALL_GROUP;

                for (size_t row = 0; row < n_rows; row++)
                        _mm512_store_si512(
                                amx->row_rests[row],
                                _mm512_maskz_loadu_epi32(mask_avx512(n_rest),
                                                         rests + row * product->x_stride));
                memset(amx->vector_rests, 0, sizeof(amx->vector_rests));
        }
        settle_memory(&layout);
        _tile_loadconfig(&layout);
}

TARGET_AMX void tall_amx_end(void) {
        _tile_release();
}

// Where a step finds its rows and vectors.
struct operands {
        const uint8_t *rows[2], *vectors[2];
        size_t row_stride, vector_stride;  // bytes
};

// Sixteen groups onto the sums.
INLINE_AMX void add_groups(const struct operands *operands, const bool has_two_tiles,
                           const bool has_two_vectors) {
        _tile_loadd(4, operands->rows[0], operands->row_stride);
        _tile_loadd(6, operands->vectors[0], operands->vector_stride);
        _tile_dpbusd(0, 4, 6);
        if (has_two_vectors) {
                _tile_loadd(7, operands->vectors[1], operands->vector_stride);
                _tile_dpbusd(1, 4, 7);
        }
        if (has_two_tiles) {
                _tile_loadd(5, operands->rows[1], operands->row_stride);
                _tile_dpbusd(2, 5, 6);
                if (has_two_vectors)
                        _tile_dpbusd(3, 5, 7);
        }
}

// One or two tiles of rows from number `tile` on, one or two vectors of a block from `vector`
// on.
struct corner {
        size_t tile, vector;
        const uint8_t *elements;  // of the block
        const int32_t *start;     // for each of its columns
        size_t line;              // bytes from a group of the block to the next
        const uint8_t *ahead;     // what is asked for meanwhile, and how much with each step
        size_t ahead_step;
};

static size_t first_row(const struct tall_amx *amx, size_t tile) {
        return tile + 1 < amx->n_tiles ? tile * amx->step : amx->product->n_rows - amx->step;
}

INLINE_AMX void sum_corner(struct tall_amx *amx, const struct corner *corner,
                           const bool has_two_tiles, const bool has_two_vectors) {
        const size_t n_groups = amx->product->matrix.n_groups;
        const size_t rows[2] = {first_row(amx, corner->tile),
                                first_row(amx, corner->tile + has_two_tiles)};
        const uint8_t *x = amx->product->x;
        const uint8_t *vector = corner->elements + corner->vector * AMX_LINE;
        const uint8_t *ahead = corner->ahead;
        struct operands operands = {
                .rows = {x + rows[0] * amx->product->x_stride,
                         x + rows[1] * amx->product->x_stride},
                .vectors = {vector, vector + AMX_LINE},
                .row_stride = amx->product->x_stride,
                .vector_stride = corner->line,
        };
        const int32_t *start = corner->start + corner->vector * TALL_VECTOR_COLUMNS;
        int32_t *sums = amx->sums[rows[0]] + corner->vector * TALL_VECTOR_COLUMNS;

        // A stride of zero: all rows begin alike.
        _tile_loadd(0, start, 0);
        _tile_loadd(1, start + has_two_vectors * TALL_VECTOR_COLUMNS, 0);
        _tile_loadd(2, start, 0);
        _tile_loadd(3, start + has_two_vectors * TALL_VECTOR_COLUMNS, 0);
        for (size_t group = 0; group + AMX_GROUPS <= n_groups; group += AMX_GROUPS) {
                add_groups(&operands, has_two_tiles, has_two_vectors);
                for (size_t i = 0; i < corner->ahead_step; i += AMX_LINE)
                        _mm_prefetch((const char *)ahead + i, _MM_HINT_T1);
                ahead += corner->ahead_step;
                operands.rows[0] += AMX_LINE;
                operands.rows[1] += AMX_LINE;
                operands.vectors[0] += AMX_GROUPS * corner->line;
                operands.vectors[1] += AMX_GROUPS * corner->line;
        }
        if (n_groups % AMX_GROUPS > 0) {
                const struct operands rests = {
                        .rows = {amx->row_rests[rows[0]], amx->row_rests[rows[1]]},
                        .vectors = {amx->vector_rests[corner->vector][0],
                                    amx->vector_rests[corner->vector + has_two_vectors][0]},
                        .row_stride = AMX_LINE,
                        .vector_stride = AMX_LINE,
                };

                add_groups(&rests, has_two_tiles, has_two_vectors);
        }
        _tile_stored(0, sums, sizeof(amx->sums[0]));
        if (has_two_vectors)
                _tile_stored(1, sums + TALL_VECTOR_COLUMNS, sizeof(amx->sums[0]));
        if (has_two_tiles) {
                sums = amx->sums[rows[1]] + corner->vector * TALL_VECTOR_COLUMNS;
                _tile_stored(2, sums, sizeof(amx->sums[0]));
                if (has_two_vectors)
                        _tile_stored(3, sums + TALL_VECTOR_COLUMNS, sizeof(amx->sums[0]));
        }
}

INLINE_AMX void sum_vectors(struct tall_amx *amx, struct corner *corner,
                            const bool has_two_vectors) {
        for (corner->tile = 0; corner->tile < amx->n_tiles; corner->tile += 2) {
                if (corner->tile + 1 < amx->n_tiles)
                        sum_corner(amx, corner, true, has_two_vectors);
                else
                        sum_corner(amx, corner, false, has_two_vectors);
                corner->ahead +=
                        amx->product->matrix.n_groups / AMX_GROUPS * corner->ahead_step;
        }
}

INLINE_AMX void sum_block(struct tall_amx *amx, struct corner *corner, size_t n_vectors) {
        for (corner->vector = 0; corner->vector < n_vectors; corner->vector += 2) {
                if (corner->vector + 1 < n_vectors)
                        sum_vectors(amx, corner, true);
                else
                        sum_vectors(amx, corner, false);
        }
}

TARGET_AMX void tall_amx_sum_onto(struct tall_amx *amx, size_t vector, size_t n_vectors,
                                  const int32_t *start) {
        const struct tall_product *product = amx->product;
        const size_t n_groups = product->matrix.n_groups, n_rest = n_groups % AMX_GROUPS;
        struct corner corner = {
                .elements = product->matrix.elements + tall_matrix_size(n_groups, vector),
                .start = start,
                .line = n_vectors * AMX_LINE,
        };
        const size_t n_corners = (amx->n_tiles + 1) / 2 * ((n_vectors + 1) / 2);
        const uint8_t *rests = corner.elements + (n_groups - n_rest) * corner.line;

        corner.ahead = corner.elements + tall_matrix_size(n_groups, n_vectors);
        corner.ahead_step = AMX_GROUPS * corner.line / n_corners;
        for (size_t p = 0; n_rest > 0 && p < n_vectors; p++)
                for (size_t group = 0; group < n_rest; group++)
                        memcpy(amx->vector_rests[p][group],
                               rests + group * corner.line + p * AMX_LINE, AMX_LINE);
        settle_memory(amx);
        sum_block(amx, &corner, n_vectors);
}

void tall_amx_sum(struct tall_amx *amx, size_t vector, size_t n_vectors) {
        static const int32_t zeros[TALL_TILE_COLUMNS];

        tall_amx_sum_onto(amx, vector, n_vectors, zeros);
}
