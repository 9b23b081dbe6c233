#include "roofline.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <omp.h>
#include <oneapi/dnnl/dnnl.h>

#include "common.h"
#include "util/mem.h"

#define ROWS     1500
#define RUNS     10                           // in one measurement
#define READ_MAX ((size_t)256 * 1024 * 1024)  // bytes; more than any cache

struct product_kind {
        const char *name;
        dnnl_data_type_t x, weight, y;
};

static const struct product_kind kinds[] = {
        {"float32", dnnl_f32, dnnl_f32, dnnl_f32},
        {"int8", dnnl_u8, dnnl_s8, dnnl_s32},
};

static const int64_t shapes[][2] = {{512, 512}, {512, 2048}};

enum {
        N_KINDS = sizeof(kinds) / sizeof(kinds[0]),
        N_SHAPES = sizeof(shapes) / sizeof(shapes[0])
};

// A product ready to run.
struct product_ready {
        dnnl_primitive_t primitive;
        dnnl_exec_arg_t arguments[3];
        double operations;
};

struct roofline {
        dnnl_engine_t engine;
        dnnl_stream_t stream;
        struct product_ready products[N_KINDS][N_SHAPES];
        uint64_t *memory;  // READ_MAX bytes
};

#if DNNL_VERSION_MAJOR >= 3

static dnnl_status_t description_new(dnnl_primitive_desc_t *ret, dnnl_engine_t engine,
                                     const struct product_kind *kind, const int64_t *shape) {
        dnnl_dims_t x = {ROWS, shape[0]}, weight = {shape[0], shape[1]}, y = {ROWS, shape[1]};
        dnnl_memory_desc_t layouts[3] = {0};
        dnnl_status_t status;

        dnnl_memory_desc_create_with_tag(&layouts[0], 2, x, kind->x, dnnl_ab);
        dnnl_memory_desc_create_with_tag(&layouts[1], 2, weight, kind->weight,
                                         dnnl_format_tag_any);
        dnnl_memory_desc_create_with_tag(&layouts[2], 2, y, kind->y, dnnl_ab);
        status = dnnl_matmul_primitive_desc_create(ret, engine, layouts[0], layouts[1], NULL,
                                                   layouts[2], NULL);
        for (int i = 0; i < 3; i++)
                dnnl_memory_desc_destroy(layouts[i]);
        return status;
}

#else

static dnnl_status_t description_new(dnnl_primitive_desc_t *ret, dnnl_engine_t engine,
                                     const struct product_kind *kind, const int64_t *shape) {
        dnnl_dims_t x = {ROWS, shape[0]}, weight = {shape[0], shape[1]}, y = {ROWS, shape[1]};
        dnnl_memory_desc_t layouts[3];
        dnnl_matmul_desc_t operation;

        dnnl_memory_desc_init_by_tag(&layouts[0], 2, x, kind->x, dnnl_ab);
        dnnl_memory_desc_init_by_tag(&layouts[1], 2, weight, kind->weight, dnnl_format_tag_any);
        dnnl_memory_desc_init_by_tag(&layouts[2], 2, y, kind->y, dnnl_ab);
        if (dnnl_matmul_desc_init(&operation, &layouts[0], &layouts[1], NULL, &layouts[2]) !=
            dnnl_success)
                return dnnl_unimplemented;
        return dnnl_primitive_desc_create(ret, &operation, NULL, engine, NULL);
}

#endif

// Without a primitive where the processor or oneDNN lacks this kind.
static void product_prepare(struct product_ready *ret, dnnl_engine_t engine,
                            const struct product_kind *kind, const int64_t *shape) {
        static const struct {
                dnnl_query_t query;
                int argument;
        } operands[] = {{dnnl_query_src_md, DNNL_ARG_SRC},
                        {dnnl_query_weights_md, DNNL_ARG_WEIGHTS},
                        {dnnl_query_dst_md, DNNL_ARG_DST}};
        dnnl_primitive_desc_t description = NULL;

        if (description_new(&description, engine, kind, shape) != dnnl_success)
                return;
        for (int i = 0; i < 3; i++) {
                dnnl_memory_t memory = NULL;
                void *bytes;
                const void *layout =
                        dnnl_primitive_desc_query_md(description, operands[i].query, 0);

                dnnl_memory_create(&memory, layout, engine, DNNL_MEMORY_ALLOCATE);
                dnnl_memory_get_data_handle(memory, &bytes);
                // Zeros: no slower and no faster than other numbers, but for denormal ones.
                memset(bytes, 0, dnnl_memory_desc_get_size(layout));
                ret->arguments[i] = (dnnl_exec_arg_t){operands[i].argument, memory};
        }
        if (dnnl_primitive_create(&ret->primitive, description) != dnnl_success)
                ret->primitive = NULL;
        ret->operations = 2.0 * ROWS * (double)shape[0] * (double)shape[1];
        dnnl_primitive_desc_destroy(description);
}

static double product_measure(const struct product_ready *product, dnnl_stream_t stream) {
        double began;

        dnnl_primitive_execute(product->primitive, stream, 3, product->arguments);
        began = seconds_now();
        for (int i = 0; i < RUNS; i++)
                dnnl_primitive_execute(product->primitive, stream, 3, product->arguments);
        dnnl_stream_wait(stream);
        return product->operations * RUNS / (seconds_now() - began) * 1e-9;
}

static double read_measure(const uint64_t *memory) {
        size_t n = READ_MAX / sizeof(*memory);
        uint64_t sum = 0;
        double began = seconds_now();

#pragma omp parallel for reduction(+ : sum) schedule(static)
        for (size_t i = 0; i < n; i++)
                sum += memory[i];
        // The sum is used, so that the reading is not left out.
        return sum == 1 ? 0 : (double)READ_MAX / (seconds_now() - began) * 1e-9;
}

static json_t *measure(const struct roofline *roofline) {
        json_t *ret = json_object();

        for (int k = 0; k < N_KINDS; k++) {
                json_t *kind = json_object();

                for (int s = 0; s < N_SHAPES; s++) {
                        char name[32];

                        if (!roofline->products[k][s].primitive)
                                continue;
                        snprintf(name, sizeof(name), "%dx%d", (int)shapes[s][0],
                                 (int)shapes[s][1]);
                        json_object_set_new(kind, name,
                                            json_real(product_measure(&roofline->products[k][s],
                                                                      roofline->stream)));
                }
                json_object_set_new(ret, kinds[k].name, kind);
        }
        json_object_set_new(ret, "read", json_real(read_measure(roofline->memory)));
        return ret;
}

static json_t *greeting(void) {
        const dnnl_version_t *version = dnnl_version();

        return json_pack(
                "{s:o}", "onednn",
                json_sprintf("%d.%d.%d", version->major, version->minor, version->patch));
}

int roofline_serve(int threads) {
        struct roofline roofline = {.memory = xcalloc(READ_MAX, 1)};
        char line[100];

        omp_set_num_threads(threads);
        memset(roofline.memory, 2, READ_MAX);
        if (dnnl_engine_create(&roofline.engine, dnnl_cpu, 0) != dnnl_success ||
            dnnl_stream_create(&roofline.stream, roofline.engine, dnnl_stream_default_flags) !=
                    dnnl_success)
                return 1;
        for (int k = 0; k < N_KINDS; k++)
                for (int s = 0; s < N_SHAPES; s++)
                        product_prepare(&roofline.products[k][s], roofline.engine, &kinds[k],
                                        shapes[s]);
        json_print(greeting());
        while (fgets(line, sizeof(line), stdin))
                json_print(measure(&roofline));
        // What the products hold goes with the process.
        free(roofline.memory);
        return 0;
}
