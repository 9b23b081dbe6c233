#include "whisper/cpu/gemm/linear.h"

#include <errno.h>
#include <omp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "util/mem.h"
#include "whisper/cpu/gemm/linear_onednn.h"

#define REFERENCE_ROWS 1500  // the packed layout is the one for a full window
#define PRODUCTS_MAX   128   // kept primitives; a model in use needs about eight per row count

struct linear {
        size_t n_in, n_out;
        dnnl_engine_t engine;
        onednn_layout layout;  // of the packed weight
        bool has_layout, has_bias;
        dnnl_memory_t weight, bias;
        struct tall_layer *layer;  // instead of all these
};

// What a primitive is bound to.
struct product_shape {
        size_t n_rows, n_in, n_out, x_stride, y_stride;
        unsigned flags;
        bool has_bias;
};

struct cached_product {
        struct product_shape shape;
        dnnl_primitive_t primitive;
        dnnl_memory_t x, y;
        uint64_t last_used;
};

/* oneDNN would bring OpenMP's threads, which wait with a core each for work that the team has,
 * and for which the team's would have to wait. So it has one thread wherever it runs, and the
 * team's threads run it side by side, each on rows of its own: with primitives of its own,
 * since oneDNN keeps what a primitive works in with the thread that has made it. */
struct linear_thread {
        dnnl_stream_t stream;
        struct cached_product products[PRODUCTS_MAX];
        size_t n_products;
        uint64_t n_uses;
};

struct linear_context {
        struct team *team;
        dnnl_engine_t engine;
        struct linear_thread *threads;  // of the team
};

// All that goes into a primitive; freed when the primitive is made.
struct product_plan {
        onednn_layout x, weight, bias, y;
        bool has[4];
        dnnl_primitive_attr_t attributes;
        dnnl_post_ops_t operations;
        dnnl_primitive_desc_t description;
};

static void product_plan_deinit(struct product_plan *plan) {
        onednn_layout *layouts[] = {&plan->x, &plan->weight, &plan->bias, &plan->y};

        for (size_t i = 0; i < 4; i++)
                if (plan->has[i])
                        onednn_layout_deinit(layouts[i]);
        if (plan->attributes)
                dnnl_primitive_attr_destroy(plan->attributes);
        if (plan->operations)
                dnnl_post_ops_destroy(plan->operations);
        if (plan->description)
                dnnl_primitive_desc_destroy(plan->description);
}

// A row-major layout of a matrix; stride 0 leaves it to oneDNN.
static bool layout_init(onednn_layout *ret, bool *ret_has, size_t rows, size_t columns,
                        size_t stride) {
        dnnl_dims_t shape = {(int64_t)rows, (int64_t)columns};
        dnnl_dims_t strides = {(int64_t)stride, 1};

        *ret_has = onednn_layout_init(ret, shape, stride > 0 ? strides : NULL) == dnnl_success;
        return *ret_has;
}

// Describe the product; `weight` is the packed layout, or NULL to ask for the best one.
static bool product_plan_init(struct product_plan *plan, dnnl_engine_t engine,
                              const struct product_shape *shape, const onednn_layout *weight) {
        if (!layout_init(&plan->x, &plan->has[0], shape->n_rows, shape->n_in,
                         shape->x_stride) ||
            !layout_init(&plan->y, &plan->has[3], shape->n_rows, shape->n_out, shape->y_stride))
                return false;
        if (!weight && !layout_init(&plan->weight, &plan->has[1], shape->n_in, shape->n_out, 0))
                return false;
        if (shape->has_bias &&
            !layout_init(&plan->bias, &plan->has[2], 1, shape->n_out, shape->n_out))
                return false;
        if (dnnl_primitive_attr_create(&plan->attributes) != dnnl_success ||
            dnnl_post_ops_create(&plan->operations) != dnnl_success)
                return false;
        if ((shape->flags & GEMM_ADD) && onednn_append_sum(plan->operations) != dnnl_success)
                return false;
        if ((shape->flags & GEMM_GELU) && onednn_append_gelu(plan->operations) != dnnl_success)
                return false;
        if (dnnl_primitive_attr_set_post_ops(plan->attributes, plan->operations) !=
            dnnl_success)
                return false;
        return onednn_matmul_init(&plan->description, engine,
                                  &(struct onednn_matmul){
                                          .x = &plan->x,
                                          .weight = weight ? weight : &plan->weight,
                                          .bias = shape->has_bias ? &plan->bias : NULL,
                                          .y = &plan->y,
                                  },
                                  plan->attributes) == dnnl_success;
}

struct linear *linear_free(struct linear *linear) {
        if (!linear)
                return NULL;
        if (linear->weight)
                dnnl_memory_destroy(linear->weight);
        if (linear->bias)
                dnnl_memory_destroy(linear->bias);
        if (linear->has_layout)
                onednn_layout_deinit(&linear->layout);
        if (linear->engine)
                dnnl_engine_destroy(linear->engine);
        tall_layer_free(linear->layer);
        free(linear);
        return NULL;
}

// Run one reorder from `from` to `to`.
static bool memory_reorder(dnnl_engine_t engine, dnnl_memory_t from, dnnl_memory_t to) {
        onednn_layout_view from_layout = NULL, to_layout = NULL;
        dnnl_primitive_desc_t description = NULL;
        dnnl_primitive_t reorder = NULL;
        dnnl_stream_t stream = NULL;
        dnnl_exec_arg_t arguments[] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
        bool is_done;

        is_done = dnnl_memory_get_memory_desc(from, &from_layout) == dnnl_success &&
                  dnnl_memory_get_memory_desc(to, &to_layout) == dnnl_success &&
                  dnnl_reorder_primitive_desc_create(&description, from_layout, engine,
                                                     to_layout, engine, NULL) == dnnl_success &&
                  dnnl_primitive_create(&reorder, description) == dnnl_success &&
                  dnnl_stream_create(&stream, engine, dnnl_stream_default_flags) ==
                          dnnl_success &&
                  dnnl_primitive_execute(reorder, stream, 2, arguments) == dnnl_success &&
                  dnnl_stream_wait(stream) == dnnl_success;
        if (stream)
                dnnl_stream_destroy(stream);
        if (reorder)
                dnnl_primitive_destroy(reorder);
        if (description)
                dnnl_primitive_desc_destroy(description);
        return is_done;
}

// Find the layout that oneDNN wants and bring the weight into it.
static bool linear_pack(struct linear *linear, const float *weight) {
        struct product_shape shape = {.n_rows = REFERENCE_ROWS,
                                      .n_in = linear->n_in,
                                      .n_out = linear->n_out,
                                      .x_stride = linear->n_in,
                                      .y_stride = linear->n_out};
        dnnl_dims_t dimensions = {(int64_t)linear->n_in, (int64_t)linear->n_out};
        dnnl_dims_t strides = {1, (int64_t)linear->n_in};
        struct product_plan plan = {0};
        onednn_layout plain;
        dnnl_memory_t from = NULL;
        bool is_done;

        is_done = product_plan_init(&plan, linear->engine, &shape, NULL) &&
                  onednn_layout_copy(&linear->layout,
                                     dnnl_primitive_desc_query_md(plan.description,
                                                                  dnnl_query_weights_md, 0)) ==
                          dnnl_success;
        product_plan_deinit(&plan);
        if (!is_done)
                return false;
        linear->has_layout = true;
        if (dnnl_memory_create(&linear->weight, onednn_layout_get(&linear->layout),
                               linear->engine, DNNL_MEMORY_ALLOCATE) != dnnl_success ||
            onednn_layout_init(&plain, dimensions, strides) != dnnl_success)
                return false;
        // The source is only read; oneDNN's interface has no const.
        is_done = dnnl_memory_create(&from, onednn_layout_get(&plain), linear->engine,
                                     (void *)(uintptr_t)weight) == dnnl_success &&
                  memory_reorder(linear->engine, from, linear->weight);
        if (from)
                dnnl_memory_destroy(from);
        onednn_layout_deinit(&plain);
        return is_done;
}

static bool linear_keep_bias(struct linear *linear, const float *bias) {
        onednn_layout layout;
        bool has_layout;
        void *to = NULL;

        if (!layout_init(&layout, &has_layout, 1, linear->n_out, linear->n_out))
                return false;
        if (dnnl_memory_create(&linear->bias, onednn_layout_get(&layout), linear->engine,
                               DNNL_MEMORY_ALLOCATE) == dnnl_success &&
            dnnl_memory_get_data_handle(linear->bias, &to) == dnnl_success)
                memcpy(to, bias, linear->n_out * sizeof(*bias));
        onednn_layout_deinit(&layout);
        return to != NULL;
}

int linear_new(struct linear **ret, const float *weight, const float *bias, size_t n_out,
               size_t n_in, struct error *error) {
        CLEANUP(linear_freep) struct linear *linear = xnew(struct linear);

        linear->n_in = n_in;
        linear->n_out = n_out;
        linear->has_bias = bias != NULL;
        omp_set_num_threads(1);
        if (dnnl_engine_create(&linear->engine, dnnl_cpu, 0) != dnnl_success ||
            !linear_pack(linear, weight) || (bias && !linear_keep_bias(linear, bias)))
                return error_set(error, -EIO,
                                 "oneDNN refuses a layer of %zu inputs and %zu outputs on this "
                                 "processor",
                                 n_in, n_out);
        *ret = TAKE(linear);
        return 0;
}

int linear_new_tall(struct linear **ret, const float *weight, const float *bias, size_t n_out,
                    size_t n_in) {
        CLEANUP(linear_freep) struct linear *linear = xnew(struct linear);

        linear->n_in = n_in;
        linear->n_out = n_out;
        linear->layer = tall_layer_new(weight, bias, n_out, n_in);
        if (!linear->layer)
                return -ENOMEM;
        *ret = TAKE(linear);
        return 0;
}

const struct tall_layer *linear_tall(const struct linear *linear) {
        return linear->layer;
}

int linear_context_new(struct linear_context **ret, struct team *team, struct error *error) {
        CLEANUP(linear_context_freep)
        struct linear_context *context = xnew(struct linear_context);
        bool is_there = dnnl_engine_create(&context->engine, dnnl_cpu, 0) == dnnl_success;

        context->team = team;
        context->threads = xcalloc(team_size(team), sizeof(*context->threads));
        for (size_t i = 0; is_there && i < team_size(team); i++)
                is_there = dnnl_stream_create(&context->threads[i].stream, context->engine,
                                              dnnl_stream_default_flags) == dnnl_success;
        if (!is_there)
                return error_set(error, -EIO, "oneDNN does not start on this processor");
        *ret = TAKE(context);
        return 0;
}

static void cached_product_deinit(struct cached_product *product) {
        if (product->primitive)
                dnnl_primitive_destroy(product->primitive);
        if (product->x)
                dnnl_memory_destroy(product->x);
        if (product->y)
                dnnl_memory_destroy(product->y);
        *product = (struct cached_product){0};
}

struct linear_context *linear_context_free(struct linear_context *context) {
        if (!context)
                return NULL;
        for (size_t i = 0; i < team_size(context->team); i++) {
                struct linear_thread *thread = &context->threads[i];

                for (size_t k = 0; k < thread->n_products; k++)
                        cached_product_deinit(&thread->products[k]);
                if (thread->stream)
                        dnnl_stream_destroy(thread->stream);
        }
        free(context->threads);
        if (context->engine)
                dnnl_engine_destroy(context->engine);
        free(context);
        return NULL;
}

static bool shape_equals(const struct product_shape *a, const struct product_shape *b) {
        return a->n_rows == b->n_rows && a->n_in == b->n_in && a->n_out == b->n_out &&
               a->x_stride == b->x_stride && a->y_stride == b->y_stride &&
               a->flags == b->flags && a->has_bias == b->has_bias;
}

// A place for one more primitive: a new one, or the one that was not used for longest.
static struct cached_product *cache_make_room(struct linear_thread *thread) {
        struct cached_product *oldest = &thread->products[0];

        if (thread->n_products < PRODUCTS_MAX)
                return &thread->products[thread->n_products++];
        for (size_t i = 1; i < PRODUCTS_MAX; i++)
                if (thread->products[i].last_used < oldest->last_used)
                        oldest = &thread->products[i];
        cached_product_deinit(oldest);
        return oldest;
}

// oneDNN has a table of what it has made for all threads. One at a time makes more: it would do
// without, but ThreadSanitizer does not see how.
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static struct cached_product *cache_find(struct linear_thread *thread, dnnl_engine_t engine,
                                         const struct linear *linear,
                                         const struct product_shape *shape) {
        struct product_plan plan = {0};
        struct cached_product *product;
        bool is_made;

        for (size_t i = 0; i < thread->n_products; i++)
                if (shape_equals(&thread->products[i].shape, shape))
                        return &thread->products[i];

        product = cache_make_room(thread);
        pthread_mutex_lock(&making);
        is_made =
                product_plan_init(&plan, engine, shape, &linear->layout) &&
                dnnl_primitive_create(&product->primitive, plan.description) == dnnl_success &&
                dnnl_memory_create(&product->x, onednn_layout_get(&plan.x), engine,
                                   DNNL_MEMORY_NONE) == dnnl_success &&
                dnnl_memory_create(&product->y, onednn_layout_get(&plan.y), engine,
                                   DNNL_MEMORY_NONE) == dnnl_success;
        product_plan_deinit(&plan);
        pthread_mutex_unlock(&making);
        if (!is_made) {
                cached_product_deinit(product);
                return NULL;
        }
        product->shape = *shape;
        return product;
}

// Rows of x to y, as many as the shape says.
static int run_rows(struct linear_thread *thread, dnnl_engine_t engine,
                    const struct linear *linear, const struct product_shape *shape,
                    const float *x, float *y) {
        struct cached_product *cached;

        omp_set_num_threads(1);
        cached = cache_find(thread, engine, linear, shape);
        if (!cached)
                return -EIO;
        cached->last_used = ++thread->n_uses;
        // The source is only read; oneDNN's interface has no const.
        if (dnnl_memory_set_data_handle(cached->x, (void *)(uintptr_t)x) != dnnl_success ||
            dnnl_memory_set_data_handle(cached->y, y) != dnnl_success)
                return -EIO;

        dnnl_exec_arg_t arguments[] = {
                {DNNL_ARG_SRC, cached->x},
                {DNNL_ARG_WEIGHTS, linear->weight},
                {DNNL_ARG_DST, cached->y},
                {DNNL_ARG_BIAS, linear->bias},
        };
        if (dnnl_primitive_execute(cached->primitive, thread->stream, linear->has_bias ? 4 : 3,
                                   arguments) != dnnl_success ||
            dnnl_stream_wait(thread->stream) != dnnl_success)
                return -EIO;
        return 0;
}

// A product that the team shares out.
struct application {
        struct linear_context *context;
        const struct linear *linear;
        const struct gemm_product *product;
        struct product_shape shape;  // of all rows
        size_t n_pieces;
        atomic_int status;
};

// The first row of a piece, and with piece + 1 the end.
static size_t piece_begin(const struct application *all, size_t piece) {
        return all->shape.n_rows / LINEAR_ROWS_STEP * piece / all->n_pieces * LINEAR_ROWS_STEP;
}

static void apply_piece(void *context, size_t piece, size_t thread) {
        struct application *all = context;
        size_t first = piece_begin(all, piece);
        struct product_shape shape = all->shape;
        int r;

        shape.n_rows = piece_begin(all, piece + 1) - first;
        r = run_rows(&all->context->threads[thread], all->context->engine, all->linear, &shape,
                     (const float *)all->product->x + first * shape.x_stride,
                     all->product->y + first * shape.y_stride);
        if (r < 0)
                atomic_store(&all->status, r);
}

int linear_apply(struct linear_context *context, const struct linear *linear,
                 const struct gemm_product *product) {
        struct application all = {
                .context = context,
                .linear = linear,
                .product = product,
                .shape =
                        {
                                .n_rows = linear_rows(product->n_rows),
                                .n_in = linear->n_in,
                                .n_out = linear->n_out,
                                .x_stride = product->x_stride,
                                .y_stride = product->y_stride,
                                .flags = product->flags,
                                .has_bias = linear->has_bias,
                        },
        };

        all.n_pieces = MIN(team_size(context->team), all.shape.n_rows / LINEAR_ROWS_STEP);
        team_run(context->team, all.n_pieces, apply_piece, &all);
        return atomic_load(&all.status);
}
