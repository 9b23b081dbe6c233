// Panels against a plain product in double, in all the shapes that the kernels treat apart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "decode/whisper/panels.h"
#include "decode/whisper/vectors.h"
#include "util/mem.h"

static float random_value(void) {
        static uint32_t state = 1;

        state = state * 1664525u + 1013904223u;
        return (float)(state >> 21) / 1024.0f - 1.0f;  // eleven bits: exact in half precision
}

static float *random_floats(size_t n) {
        float *ret = xcalloc(n, sizeof(*ret));

        for (size_t i = 0; i < n; i++)
                ret[i] = random_value();
        return ret;
}

static double gelu(double x) {
        return x / 2 * (1 + erf(x / sqrt(2)));
}

struct shape {
        size_t n_rows, n_in, n_out;
        unsigned flags;
        bool is_half;
};

static void check_product(const struct shape *shape) {
        size_t n_rows = shape->n_rows, n_in = shape->n_in, n_out = shape->n_out;
        float *weight = random_floats(n_out * n_in), *x = random_floats(n_rows * n_in);
        float *bias = random_floats(n_out), *y = random_floats(n_rows * n_out + 1);
        float *before = xcalloc(n_rows * n_out + 1, sizeof(*before));
        struct panels panels;

        if (!shape->is_half)
                weight[0] = 0.1f;  // not exact in half precision
        memcpy(before, y, (n_rows * n_out + 1) * sizeof(*y));
        assert_int_equal(panels_init(&panels, weight, n_out, n_in), 0);
        assert_int_equal(panels.halves != NULL, shape->is_half);
        panels_multiply(&panels,
                        &(struct product){.x = x,
                                          .x_stride = n_in,
                                          .n_rows = n_rows,
                                          .y = y,
                                          .y_stride = n_out,
                                          .bias = bias,
                                          .flags = shape->flags},
                        2);
        for (size_t r = 0; r < n_rows; r++) {
                for (size_t c = 0; c < n_out; c++) {
                        double sum = bias[c];

                        for (size_t d = 0; d < n_in; d++)
                                sum += (double)x[r * n_in + d] * weight[c * n_in + d];
                        if (shape->flags & PRODUCT_GELU)
                                sum = gelu(sum);
                        if (shape->flags & PRODUCT_ADD)
                                sum += before[r * n_out + c];
                        assert_float_equal(y[r * n_out + c], sum, 2e-4);
                }
        }
        assert_float_equal(y[n_rows * n_out], before[n_rows * n_out], 0);
        panels_deinit(&panels);
        free(weight);
        free(x);
        free(bias);
        free(y);
        free(before);
}

static void test_products_are_right_in_every_shape(void **state) {
        (void)state;
        static const size_t columns[] = {1, 7, 16, 40, 64, 205};

        for (size_t n_rows = 1; n_rows <= 14; n_rows++)
                for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
                        for (int is_half = 0; is_half < 2; is_half++)
                                check_product(
                                        &(struct shape){n_rows, 37, columns[i],
                                                        (n_rows % 2 ? PRODUCT_ADD : 0) |
                                                                (i % 2 ? PRODUCT_GELU : 0),
                                                        is_half});
}

static void test_a_row_gets_the_same_bits_in_any_company(void **state) {
        (void)state;
        enum { N_IN = 96, N_OUT = 208, N_ROWS = 13 };
        float *weight = random_floats((size_t)N_OUT * N_IN);
        float *x = random_floats((size_t)N_ROWS * N_IN);
        float together[N_ROWS][N_OUT], alone[N_OUT];
        struct panels panels;

        assert_int_equal(panels_init(&panels, weight, N_OUT, N_IN), 0);
        for (size_t n = 1; n <= N_ROWS; n++) {
                panels_multiply(&panels,
                                &(struct product){.x = x,
                                                  .x_stride = N_IN,
                                                  .n_rows = n,
                                                  .y = together[0],
                                                  .y_stride = N_OUT},
                                1);
                for (size_t r = 0; r < n; r++) {
                        panels_multiply(&panels,
                                        &(struct product){.x = x + r * N_IN,
                                                          .x_stride = N_IN,
                                                          .n_rows = 1,
                                                          .y = alone,
                                                          .y_stride = N_OUT},
                                        1);
                        assert_memory_equal(alone, together[r], sizeof(alone));
                }
        }
        panels_deinit(&panels);
        free(weight);
        free(x);
}

static void test_a_column_comes_back_as_it_went_in(void **state) {
        (void)state;
        float *weight = random_floats(35 * 24), column[24];
        struct panels panels;

        assert_int_equal(panels_init(&panels, weight, 35, 24), 0);
        panels_column(&panels, 34, column);
        assert_memory_equal(column, weight + (size_t)34 * 24, sizeof(column));
        panels_deinit(&panels);
        free(weight);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_products_are_right_in_every_shape),
                cmocka_unit_test(test_a_row_gets_the_same_bits_in_any_company),
                cmocka_unit_test(test_a_column_comes_back_as_it_went_in),
        };
        if (!vectors_are_supported()) {
                print_message("panels_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
