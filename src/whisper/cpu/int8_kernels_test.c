// Int8: every kind that this processor has makes the same bits of the same factors, and sums
// that fill what AVX2 adds in are exact.
#include "whisper/cpu/int8_kernels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "util/mem.h"
#include "whisper/cpu/gemm/tall_layer.h"
#include "whisper/cpu/random_rig.h"
#include "whisper/cpu/self_attention.h"

#define RESULTS_MAX ((size_t)1 << 16)

// What the cases' bits come to, on x86-64 and on aarch64.
#define BITS_OF_ALL 0x6cf5fd1cu

// What a case makes of its random input, as bytes: at most RESULTS_MAX floats.
typedef size_t (*bits_case)(float *ret);

// --- Cases ----------------------------------------------------------------------------------

enum { ROWS = 50, IN = 204, OUT = 208 };

static size_t make_tall(float *ret) {
        CLEANUP(floats_freep) float *weight = rig_random_floats((size_t)OUT * IN, 0.3f);
        CLEANUP(floats_freep) float *bias = rig_random_floats(OUT, 1);
        CLEANUP(floats_freep) float *x = rig_random_floats((size_t)ROWS * IN, 2);
        CLEANUP(tall_layer_freep)
        struct tall_layer *layer = tall_layer_new(weight, bias, OUT, IN);
        struct tall_chunk chunk = {.elements = try_aligned(tall_chunk_size(IN))};
        struct tall_input input = tall_take_floats(&chunk, x, IN, ROWS, IN);
        size_t n = (size_t)ROWS * OUT;

        tall_layer_multiply(layer, &input, ROWS, ret, OUT, 0);
        tall_layer_multiply(layer, &input, ROWS, ret, OUT, TALL_ADD);
        tall_layer_multiply(layer, &input, ROWS, ret + n, OUT, TALL_GELU | TALL_TO_BF16);
        tall_layer_multiply(layer, &input, ROWS, ret + 2 * n, OUT, TALL_GELU);
        free(chunk.elements);
        return 3 * n;
}

// NOLINTNEXTLINE(readability-non-const-parameter): written to as another type
static size_t make_attention(float *ret) {
        enum { HEADS = 2, WIDTH = 64, STATE = HEADS * WIDTH, KEYS = 203 };
        CLEANUP(floats_freep) float *x = rig_random_floats((size_t)KEYS * 3 * STATE, 2);
        CLEANUP(floats_freep) float *biases = rig_random_floats(KEYS, 3);
        CLEANUP(mem_freep)
        char *projected = xcalloc((size_t)KEYS * 3 * STATE, sizeof(uint16_t));
        struct self_attention attention;
        struct self_attention_window window = {.projected = (uint16_t *)(void *)projected,
                                               .n_rows = KEYS,
                                               .stride = (size_t)3 * STATE,
                                               .block = TALL_TILE_COLUMNS,
                                               .biases = biases,
                                               .n_unbiased = KEYS / 2,
                                               .ret = (uint16_t *)(void *)ret};

        tall_to_bf16(x, (size_t)KEYS * 3 * STATE, (uint16_t *)(void *)projected);
        assert_int_equal(self_attention_init(&attention, HEADS, WIDTH,
                                             (struct self_attention_limits){KEYS, 1}, NULL),
                         0);
        self_attention_run(&attention, &window, 1);
        self_attention_deinit(&attention);
        return (size_t)KEYS * STATE / 2;
}

// Rows with elements that need a second byte.
static size_t make_skinny(float *ret) {
        CLEANUP(floats_freep) float *weight = rig_random_floats((size_t)OUT * IN, 0.3f);
        CLEANUP(floats_freep) float *x = rig_random_floats((size_t)ROWS * IN, 1);
        size_t size = skinny_row_size(SKINNY_INT8, IN);
        CLEANUP(mem_freep) char *rows = xcalloc(ROWS, size);
        struct skinny_matrix matrix;

        for (size_t row = 0; row < ROWS; row++)
                x[row * IN + row % IN] *= 300;
        for (size_t row = 0; row < ROWS; row++)
                skinny_convert_row(SKINNY_INT8, IN, x + row * IN, rows + row * size);
        assert_int_equal(skinny_init(&matrix, SKINNY_INT8, weight, OUT - 5, IN, NULL), 0);
        skinny_multiply_part(&matrix,
                             &(struct gemm_product){.x = rows,
                                                    .x_stride = size,
                                                    .n_rows = ROWS,
                                                    .y = ret,
                                                    .y_stride = OUT,
                                                    .flags = GEMM_ADD},
                             0, 1);
        skinny_deinit(&matrix);
        return (size_t)ROWS * OUT;
}

static size_t make_cross(float *ret) {
        enum { KEYS = 203, ROOM = 208 };
        CLEANUP(floats_freep)
        float *x = rig_random_floats((size_t)(2 * KEYS + 1) * CROSS_INT8_WIDTH, 2);
        struct cross_int8 head = {KEYS, try_aligned(cross_int8_size(KEYS))};
        void *scratch = try_aligned((size_t)2 * ROOM);

        cross_int8_pack(&head, x, x + (size_t)KEYS * CROSS_INT8_WIDTH, CROSS_INT8_WIDTH);
        cross_int8_score(&head, x + (size_t)2 * KEYS * CROSS_INT8_WIDTH, ret);
        // Scores of no key are zeros of either sign, as memory was.
        memset(ret + KEYS, 0, (ROOM - KEYS) * sizeof(*ret));
        cross_int8_collect(&head, ret, scratch, ret + ROOM);
        free(head.elements);
        free(scratch);
        return ROOM + CROSS_INT8_WIDTH;
}

// --- Tests ----------------------------------------------------------------------------------

// The first kind that this processor has.
static const struct int8_kernels *find_first(enum int8_kind *ret_kind) {
        enum int8_kind kind = 0;

        while (!int8_kernels_of(kind))
                kind++;
        *ret_kind = kind;
        return int8_kernels_of(kind);
}

// With the factors of the first kind, which may have room for less, all others make its bits.
static void check_bits(bits_case make) {
        CLEANUP(floats_freep) float *expected = xcalloc(RESULTS_MAX, sizeof(*expected));
        CLEANUP(floats_freep) float *found = xcalloc(RESULTS_MAX, sizeof(*found));
        enum int8_kind kind;
        const struct int8_kernels *first = find_first(&kind);
        struct int8_kernels kernels;

        int8_kernels_use(first);
        rig_random_restart();
        assert_in_range(make(expected), 1, RESULTS_MAX);
        while (++kind < INT8_KINDS) {
                const struct int8_kernels *others = int8_kernels_of(kind);

                if (!others)
                        continue;
                print_message("%s\n", others->name);
                kernels = *others;
                kernels.unit = first->unit;
                kernels.fit = first->fit;
                int8_kernels_use(&kernels);
                memset(found, 0, RESULTS_MAX * sizeof(*found));
                rig_random_restart();
                make(found);
                assert_memory_equal(found, expected, RESULTS_MAX * sizeof(*found));
        }
        int8_kernels_use(NULL);
}

// The bits of all cases together, as a number (FNV-1a).
static uint32_t digest_cases(void) {
        const bits_case cases[] = {make_tall, make_attention, make_skinny, make_cross};
        CLEANUP(floats_freep) float *found = xcalloc(RESULTS_MAX, sizeof(*found));
        uint32_t ret = 2166136261u;

        rig_random_restart();
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t n = cases[i](found) * sizeof(*found);

                for (size_t k = 0; k < n; k++)
                        ret = (ret ^ ((const uint8_t *)found)[k]) * 16777619u;
        }
        return ret;
}

// Processors of other families cannot be asked here, but for what they made of the same.
static void test_bits_are_those_of_every_family(void **state) {
        (void)state;
        for (enum int8_kind kind = 0; kind < INT8_KINDS; kind++) {
                const struct int8_kernels *kernels = int8_kernels_of(kind);

                // AVX2 alone has factors of its own.
                if (!kernels || kernels->fit)
                        continue;
                print_message("%s\n", kernels->name);
                int8_kernels_use(kernels);
                assert_int_equal(digest_cases(), BITS_OF_ALL);
        }
        int8_kernels_use(NULL);
}

static void test_layers_have_the_same_bits(void **state) {
        (void)state;
        check_bits(make_tall);
}

static void test_attention_has_the_same_bits(void **state) {
        (void)state;
        check_bits(make_attention);
}

static void test_thin_layers_have_the_same_bits(void **state) {
        (void)state;
        check_bits(make_skinny);
}

static void test_cross_attention_has_the_same_bits(void **state) {
        (void)state;
        check_bits(make_cross);
}

// Rows of nothing but their largest and their least, on weights that are as large as they get:
// sums of whole numbers, which floats hold exactly.
static void check_extremes(size_t n_in, int signs) {
        enum { N_OUT = 16 };
        CLEANUP(floats_freep) float *weight = xcalloc((size_t)N_OUT * n_in, sizeof(*weight));
        CLEANUP(floats_freep) float *x = xcalloc(n_in, sizeof(*x));
        CLEANUP(tall_layer_freep) struct tall_layer *layer = NULL;
        struct tall_chunk chunk = {.elements = try_aligned(tall_chunk_size(n_in))};
        struct tall_input input;
        float y[N_OUT], expected = 0;

        for (size_t i = 0; i < n_in; i++)
                x[i] = i == 0 ? 0 : 255;
        for (size_t i = 0; i < (size_t)N_OUT * n_in; i++)
                weight[i] = signs == 0 || (signs > 0 && i % 4 < 2) ? 1.0f : -1.0f;
        layer = tall_layer_new(weight, NULL, N_OUT, n_in);
        input = tall_take_floats(&chunk, x, n_in, 1, n_in);
        for (size_t i = 0; i < n_in; i++)
                expected += layer->scales[0] * x[i] *
                            (float)(int8_t)tall_matrix_at(&layer->matrix, i / 4, 0)[i % 4];
        tall_layer_multiply(layer, &input, 1, y, N_OUT, 0);
        for (size_t c = 0; c < N_OUT; c++)
                assert_float_equal(y[c], expected, 1e-3);
        free(chunk.elements);
}

static void test_the_largest_sums_are_exact(void **state) {
        (void)state;
        for (enum int8_kind kind = 0; kind < INT8_KINDS; kind++) {
                if (!int8_kernels_of(kind))
                        continue;
                int8_kernels_use(int8_kernels_of(kind));
                for (int signs = -1; signs <= 1; signs++)
                        for (size_t n_in = 4; n_in <= 20; n_in += 4)
                                check_extremes(n_in, signs);
        }
        int8_kernels_use(NULL);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_layers_have_the_same_bits),
                cmocka_unit_test(test_attention_has_the_same_bits),
                cmocka_unit_test(test_thin_layers_have_the_same_bits),
                cmocka_unit_test(test_cross_attention_has_the_same_bits),
                cmocka_unit_test(test_bits_are_those_of_every_family),
                cmocka_unit_test(test_the_largest_sums_are_exact),
        };

        if (!vectors_are_supported()) {
                print_message("int8_kernels_test: skipped, this processor has no AVX2\n");
                return 0;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}
