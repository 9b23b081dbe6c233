// Which rows a context keeps.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "whisper/context.h"

// What must hold of every context: rows in order, and all 1500 accounted for.
static void check(const struct audio_context *context) {
        double total = 0;

        assert_in_range(context->n_rows, 1, CONTEXT_ROWS);
        assert_true(context->n_convolved <= context->n_plain);
        assert_true(context->n_plain <= context->n_rows);
        for (size_t i = 0; i < context->n_rows; i++) {
                total += exp((double)context->biases[i]);
                assert_true(context->positions[i] < CONTEXT_ROWS);
                if (i > 0)
                        assert_true(context->positions[i] > context->positions[i - 1]);
                if (i < context->n_plain) {
                        assert_int_equal(context->positions[i], i);
                        assert_true(context->biases[i] == 0);
                }
        }
        assert_float_equal(total, CONTEXT_ROWS, 1e-2);
}

static void test_every_length(void **state) {
        (void)state;
        static const struct context_shape growing = {.margin = 3, .stride = 2, .growth = 5};
        const struct context_shape *shapes[] = {&context_shape_short, &context_shape_full,
                                                &growing};
        struct audio_context context;

        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                for (size_t n_frames = 1; n_frames <= CONTEXT_FRAMES; n_frames += 7) {
                        context_init(&context, n_frames, shapes[i]);
                        check(&context);
                }
                context_init(&context, CONTEXT_FRAMES, shapes[i]);
                check(&context);
                assert_int_equal(context.n_rows, CONTEXT_ROWS);
        }
}

static void test_the_full_context_keeps_all(void **state) {
        (void)state;
        struct audio_context context;

        context_init(&context, 1, &context_shape_full);
        assert_int_equal(context.n_rows, CONTEXT_ROWS);
        // One frame reaches one row on either side.
        assert_int_equal(context.n_convolved, 2);
}

static void test_padding_is_thinned_out(void **state) {
        (void)state;
        static const struct context_shape shape = {.margin = 25, .stride = 8};
        static const struct context_shape growing = {.margin = 25, .stride = 8, .growth = 2};
        struct audio_context context;

        context_init(&context, 2000, &shape);
        assert_int_equal(context.n_convolved, 1001);
        assert_int_equal(context.n_plain, 1026);
        assert_int_equal(context.n_rows, 1026 + (1500 - 1026 + 7) / 8);
        assert_float_equal(context.biases[1026], logf(8), 1e-6);

        // 8 8 16 16 32 32 64 64 128 and what is left: 474 = 240 + 128 + 106.
        context_init(&context, 2000, &growing);
        assert_int_equal(context.n_rows, 1026 + 10);
        assert_float_equal(context.biases[1026 + 2], logf(16), 1e-6);
        assert_float_equal(context.biases[1026 + 9], logf(106), 1e-6);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_length),
                cmocka_unit_test(test_the_full_context_keeps_all),
                cmocka_unit_test(test_padding_is_thinned_out),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
