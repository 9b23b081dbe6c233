// The kernels for one kind of elements; tiles.c includes this once for each, after it has
// defined
//
//     TILE_NAME(name)             the function's name for this kind
//     TILE_TARGET                 the instructions that it may use
//     TILE_DOT(sum, x, panel)     sum + the dot products of each lane's four bytes
//     TILE_CONVERT(floats)        16 floats as bf16
//     TILE_IS_INT8                whether sums are integers to be scaled

// Sums become floats, with bias and scales; `first` is the panel's first column.
static inline TILE_TARGET __attribute__((always_inline)) __m512
TILE_NAME(finish)(const struct tile_product *product, __m512i sum, size_t row, size_t first) {
        __m512 y = _mm512_castsi512_ps(sum);

        if (TILE_IS_INT8) {
                const struct tile_row *stands = &product->rows[row];

                y = _mm512_fnmadd_ps(_mm512_set1_ps(stands->zero),
                                     _mm512_loadu_ps(product->sums + first),
                                     _mm512_cvtepi32_ps(sum));
                y = _mm512_mul_ps(y, _mm512_mul_ps(_mm512_set1_ps(stands->scale),
                                                   _mm512_loadu_ps(product->scales + first)));
        }
        if (product->bias)
                y = _mm512_add_ps(y, _mm512_loadu_ps(product->bias + first));
        if (product->flags & TILE_GELU)
                y = gelu_avx512(y);
        return y;
}

static inline TILE_TARGET __attribute__((always_inline)) void
TILE_NAME(store)(const struct tile_product *product, __m512i sum, size_t row, size_t first) {
        __m512 y = TILE_NAME(finish)(product, sum, row, first);
        size_t at = row * product->y_stride + first;
        float *ret = (float *)product->y + at;

        if (product->flags & TILE_TO_BF16) {
                _mm256_storeu_si256((__m256i *)((uint16_t *)product->y + at), TILE_CONVERT(y));
                return;
        }
        if (product->flags & TILE_ADD)
                y = _mm512_add_ps(y, _mm512_loadu_ps(ret));
        _mm512_storeu_ps(ret, y);
}

// The tile of TILE_ROWS rows from `row` and n_panels panels from `panel`. Rows that are not
// there are taken for the last one and not stored.
static inline TILE_TARGET __attribute__((always_inline)) void
TILE_NAME(run_tile)(const struct tile_product *product, size_t row, size_t panel,
                    const size_t n_panels) {
        size_t n_groups = product->n_groups, n_rows = product->n_rows - row;
        const uint8_t *elements = product->matrix.elements +
                                  tile_matrix_size(product->matrix.n_groups, panel) +
                                  tile_matrix_size(product->first_group, n_panels);
        const uint8_t *x[TILE_ROWS];
        __m512i sums[TILE_ROWS][TILE_PANELS];

#pragma GCC unroll 6
        for (size_t r = 0; r < TILE_ROWS; r++) {
                size_t nearest = row + (r < n_rows ? r : n_rows - 1);

                x[r] = (const uint8_t *)product->x + nearest * product->x_stride;
#pragma GCC unroll 4
                for (size_t p = 0; p < n_panels; p++)
                        sums[r][p] = _mm512_setzero_si512();
        }
        for (size_t group = 0; group < n_groups; group++) {
                __m512i panels[TILE_PANELS];

#pragma GCC unroll 4
                for (size_t p = 0; p < n_panels; p++)
                        panels[p] = _mm512_loadu_si512(elements + p * sizeof(__m512i));
                elements += n_panels * sizeof(__m512i);
#pragma GCC unroll 6
                for (size_t r = 0; r < TILE_ROWS; r++) {
                        int32_t four;
                        __m512i fours;

                        memcpy(&four, x[r] + group * TILE_GROUP, sizeof(four));
                        fours = _mm512_set1_epi32(four);
#pragma GCC unroll 4
                        for (size_t p = 0; p < n_panels; p++)
                                sums[r][p] = TILE_DOT(sums[r][p], fours, panels[p]);
                }
        }
#pragma GCC unroll 6
        for (size_t r = 0; r < TILE_ROWS; r++)
#pragma GCC unroll 4
                for (size_t p = 0; p < n_panels; p++)
                        if (r < n_rows)
                                TILE_NAME(store)
        (product, sums[r][p], row + r, (panel + p) * TILE_PANEL_COLUMNS);
}

// All rows, a block of panels after the other: it stays in the first-level cache meanwhile.
static TILE_TARGET void TILE_NAME(multiply)(const struct tile_product *product) {
        for (size_t panel = 0; panel < product->matrix.n_panels; panel += TILE_PANELS) {
                size_t n_panels = product->matrix.n_panels - panel;

                for (size_t row = 0; row < product->n_rows; row += TILE_ROWS) {
                        if (n_panels >= 4)
                                TILE_NAME(run_tile)(product, row, panel, 4);
                        else if (n_panels == 3)
                                TILE_NAME(run_tile)(product, row, panel, 3);
                        else if (n_panels == 2)
                                TILE_NAME(run_tile)(product, row, panel, 2);
                        else
                                TILE_NAME(run_tile)(product, row, panel, 1);
                }
        }
}
