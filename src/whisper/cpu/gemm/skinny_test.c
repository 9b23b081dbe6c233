// Panels against a plain product in double, in all the shapes that the kernels treat apart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>

#include "util/mem.h"
#include "whisper/cpu/gemm/skinny.h"
#include "whisper/cpu/int8_kernels.h"
#include "whisper/cpu/random_rig.h"
#include "whisper/cpu/vectors.h"

static double gelu(double x) {
        return x / 2 * (1 + erf(x / sqrt(2)));
}

// Rows in the form that the panels want, [n_rows] with the stride of skinny_row_size(); the
// caller frees them.
static void *convert_rows(const struct skinny_matrix *matrix, const float *x, size_t n_rows) {
        size_t size = skinny_row_size(matrix->type, matrix->depth);
        uint8_t *ret = xcalloc(n_rows, size);

        for (size_t r = 0; r < n_rows; r++)
                skinny_convert_row(matrix->type, matrix->depth, x + r * matrix->depth,
                                   ret + r * size);
        return ret;
}

// What the test knows of a type: how far its products may be off, for each product summed.
static const struct {
        enum skinny_type type;
        double tolerance;
} types[] = {{SKINNY_FLOAT, 1e-6}, {SKINNY_HALF, 1e-6}, {SKINNY_INT8, 2.5e-2}};

struct shape {
        size_t n_rows, n_in, n_out;
        unsigned flags;
        size_t kind;  // of types[]
};

static void check_product(const struct shape *shape) {
        enum skinny_type type = types[shape->kind].type;
        double tolerance = types[shape->kind].tolerance * (double)shape->n_in;
        void *rows;

        size_t n_rows = shape->n_rows, n_in = shape->n_in, n_out = shape->n_out;
        float *weight = rig_random_halves(n_out * n_in), *x = rig_random_halves(n_rows * n_in);
        float *bias = rig_random_halves(n_out), *y = rig_random_halves(n_rows * n_out + 1);
        float *before = xcalloc(n_rows * n_out + 1, sizeof(*before));
        struct skinny_matrix matrix;

        if (type == SKINNY_FLOAT)
                weight[0] = 0.1f;  // not exact in half precision
        memcpy(before, y, (n_rows * n_out + 1) * sizeof(*y));
        assert_int_equal(skinny_init(&matrix, type, weight, n_out, n_in, NULL), 0);
        assert_int_equal(matrix.type, type);
        rows = convert_rows(&matrix, x, n_rows);
        for (size_t thread = 0; thread < 2; thread++)
                skinny_multiply_part(
                        &matrix,
                        &(struct gemm_product){.x = rows,
                                               .x_stride = skinny_row_size(type, n_in),
                                               .n_rows = n_rows,
                                               .y = y,
                                               .y_stride = n_out,
                                               .bias = bias,
                                               .flags = shape->flags},
                        thread, 2);
        for (size_t r = 0; r < n_rows; r++) {
                for (size_t c = 0; c < n_out; c++) {
                        double sum = bias[c];

                        for (size_t d = 0; d < n_in; d++)
                                sum += (double)x[r * n_in + d] * weight[c * n_in + d];
                        if (shape->flags & GEMM_GELU)
                                sum = gelu(sum);
                        if (shape->flags & GEMM_ADD)
                                sum += before[r * n_out + c];
                        assert_float_equal(y[r * n_out + c], sum, tolerance);
                }
        }
        assert_float_equal(y[n_rows * n_out], before[n_rows * n_out], 0);
        skinny_deinit(&matrix);
        free(rows);
        free(weight);
        free(x);
        free(bias);
        free(y);
        free(before);
}

static void test_products_are_right_in_every_shape(void **state) {
        (void)state;
        static const size_t columns[] = {1, 7, 16, 64, 100, 205};

        for (size_t kind = 0; kind < sizeof(types) / sizeof(types[0]); kind++)
                for (size_t n_rows = 1; n_rows <= 14; n_rows++)
                        for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
                                check_product(&(struct shape){n_rows, 37, columns[i],
                                                              (n_rows % 2 ? GEMM_ADD : 0) |
                                                                      (i % 2 ? GEMM_GELU : 0),
                                                              kind});
}

// Rows of one product, alone and together.
static void check_company(enum skinny_type type) {
        enum { N_IN = 96, N_OUT = 208, N_ROWS = 13 };
        float *weight = rig_random_halves((size_t)N_OUT * N_IN);
        float *x = rig_random_halves((size_t)N_ROWS * N_IN);
        float together[N_ROWS][N_OUT], alone[N_OUT];
        struct skinny_matrix matrix;
        struct gemm_product product = {.x_stride = skinny_row_size(type, N_IN),
                                       .y_stride = N_OUT};
        uint8_t *rows;

        assert_int_equal(skinny_init(&matrix, type, weight, N_OUT, N_IN, NULL), 0);
        rows = convert_rows(&matrix, x, N_ROWS);
        for (size_t n = 1; n <= N_ROWS; n++) {
                product.x = rows;
                product.n_rows = n;
                product.y = together[0];
                skinny_multiply_part(&matrix, &product, 0, 1);
                for (size_t r = 0; r < n; r++) {
                        product.x = rows + r * product.x_stride;
                        product.n_rows = 1;
                        product.y = alone;
                        skinny_multiply_part(&matrix, &product, 0, 1);
                        assert_memory_equal(alone, together[r], sizeof(alone));
                }
        }
        skinny_deinit(&matrix);
        free(rows);
        free(weight);
        free(x);
}

static void test_a_row_gets_the_same_bits_in_any_company(void **state) {
        (void)state;

        for (size_t kind = 0; kind < sizeof(types) / sizeof(types[0]); kind++)
                check_company(types[kind].type);
}

// Rows as layer norms and GELU make them: a few elements hundreds of times the others. One
// scale for all would put the products wrong by about 9; by weights alone none is, since they
// are exact.
static void check_wide_elements(void) {
        enum { N_IN = 512, N_OUT = 100 };
        static const size_t wide[] = {0, 18, 19, 300, 511};
        float *x = rig_random_halves(N_IN), *weight = rig_random_halves((size_t)N_OUT * N_IN);
        float y[N_OUT];
        struct skinny_matrix matrix;
        void *row;

        for (size_t i = 0; i < (size_t)N_OUT * N_IN; i++)
                weight[i] = i % N_IN == 1  ? 1
                            : i % N_IN < 8 ? 0
                                           : (float)((int)(i * 7919 % 61) - 30) / 127;
        for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++)
                x[wide[i]] = i % 2 ? 40 : -300;
        assert_int_equal(skinny_init(&matrix, SKINNY_INT8, weight, N_OUT, N_IN, NULL), 0);
        row = convert_rows(&matrix, x, 1);
        skinny_multiply_part(
                &matrix,
                &(struct gemm_product){.x = row, .n_rows = 1, .y = y, .y_stride = N_OUT}, 0, 1);
        for (size_t c = 0; c < N_OUT; c++) {
                double sum = 0;

                for (size_t d = 0; d < N_IN; d++)
                        sum += (double)x[d] * weight[c * N_IN + d];
                assert_float_equal(y[c], sum, 2);
        }
        skinny_deinit(&matrix);
        free(row);
        free(x);
        free(weight);
}

static void test_wide_elements_do_not_cost_the_others_their_digits(void **state) {
        (void)state;
        check_wide_elements();
}

// A row whose mean magnitude rounds to nothing, while more of it is not nothing than there is
// room for.
static void test_a_row_of_next_to_nothing_has_an_end(void **state) {
        enum { N_IN = 512 };
        float *x = xcalloc(N_IN, sizeof(*x)), *weight = rig_random_halves(N_IN), y = 1;
        struct skinny_matrix matrix;
        void *row;

        (void)state;
        for (size_t i = 0; i < N_IN; i += 16)
                x[i] = FLT_TRUE_MIN;
        assert_int_equal(skinny_init(&matrix, SKINNY_INT8, weight, 1, N_IN, NULL), 0);
        row = convert_rows(&matrix, x, 1);
        skinny_multiply_part(
                &matrix, &(struct gemm_product){.x = row, .n_rows = 1, .y = &y, .y_stride = 1},
                0, 1);
        assert_float_equal(y, 0, FLT_MIN);
        skinny_deinit(&matrix);
        free(row);
        free(x);
        free(weight);
}

static void test_a_column_comes_back_as_it_went_in(void **state) {
        (void)state;
        float *weight = rig_random_halves((size_t)35 * 24), column[24];
        struct skinny_matrix matrix;
        float tolerance;

        for (size_t kind = 0; kind < sizeof(types) / sizeof(types[0]); kind++) {
                assert_int_equal(skinny_init(&matrix, types[kind].type, weight, 35, 24, NULL),
                                 0);
                skinny_column(&matrix, 34, column);
                tolerance = matrix.type == SKINNY_INT8 ? 1.51f * matrix.scales[34] : 0;
                for (size_t i = 0; i < 24; i++)
                        assert_float_equal(column[i], weight[(size_t)34 * 24 + i], tolerance);
                skinny_deinit(&matrix);
        }
        free(weight);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_products_are_right_in_every_shape),
                cmocka_unit_test(test_a_row_gets_the_same_bits_in_any_company),
                cmocka_unit_test(test_wide_elements_do_not_cost_the_others_their_digits),
                cmocka_unit_test(test_a_row_of_next_to_nothing_has_an_end),
                cmocka_unit_test(test_a_column_comes_back_as_it_went_in),
        };
        int n_failed = 0;

        if (!vectors_are_supported()) {
                print_message("skinny_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        for (enum int8_kind kind = 0; kind < INT8_KINDS; kind++) {
                const struct int8_kernels *kernels = int8_kernels_of(kind);

                if (!kernels)
                        continue;
                int8_kernels_use(kernels);
                n_failed += cmocka_run_group_tests_name(kernels->name, tests, NULL, NULL);
        }
        return n_failed;
}
