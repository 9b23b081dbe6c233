#pragma once
// oneDNN's two C interfaces, 2.x and 3.x, made one: what differs between them is in this file.
// Private to linear.c.

#include <oneapi/dnnl/dnnl.h>

#if DNNL_VERSION_MAJOR >= 3

typedef dnnl_memory_desc_t onednn_layout;
typedef const_dnnl_memory_desc_t onednn_layout_view;

// The layouts of a product's operands; no bias is NULL.
struct onednn_matmul {
        const onednn_layout *x, *weight, *bias, *y;
};

static inline dnnl_status_t onednn_layout_init(onednn_layout *ret, const dnnl_dims_t shape,
                                               const dnnl_dims_t strides) {
        return strides ? dnnl_memory_desc_create_with_strides(ret, 2, shape, dnnl_f32, strides)
                       : dnnl_memory_desc_create_with_tag(ret, 2, shape, dnnl_f32,
                                                          dnnl_format_tag_any);
}

static inline void onednn_layout_deinit(onednn_layout *layout) {
        if (*layout)
                dnnl_memory_desc_destroy(*layout);
        *layout = NULL;
}

static inline dnnl_status_t onednn_layout_copy(onednn_layout *ret, onednn_layout_view from) {
        return dnnl_memory_desc_clone(ret, from);
}

static inline onednn_layout_view onednn_layout_get(const onednn_layout *layout) {
        return *layout;
}

static inline dnnl_status_t onednn_matmul_init(dnnl_primitive_desc_t *ret, dnnl_engine_t engine,
                                               const struct onednn_matmul *matmul,
                                               const_dnnl_primitive_attr_t attributes) {
        return dnnl_matmul_primitive_desc_create(ret, engine, *matmul->x, *matmul->weight,
                                                 matmul->bias ? *matmul->bias : NULL,
                                                 *matmul->y, attributes);
}

static inline dnnl_status_t onednn_append_sum(dnnl_post_ops_t operations) {
        return dnnl_post_ops_append_sum(operations, 1.0f, 0, dnnl_data_type_undef);
}

static inline dnnl_status_t onednn_append_gelu(dnnl_post_ops_t operations) {
        return dnnl_post_ops_append_eltwise(operations, dnnl_eltwise_gelu_erf, 0.0f, 0.0f);
}

#else

typedef dnnl_memory_desc_t onednn_layout;
typedef const dnnl_memory_desc_t *onednn_layout_view;

// The layouts of a product's operands; no bias is NULL.
struct onednn_matmul {
        const onednn_layout *x, *weight, *bias, *y;
};

static inline dnnl_status_t onednn_layout_init(onednn_layout *ret, const dnnl_dims_t shape,
                                               const dnnl_dims_t strides) {
        return strides ? dnnl_memory_desc_init_by_strides(ret, 2, shape, dnnl_f32, strides)
                       : dnnl_memory_desc_init_by_tag(ret, 2, shape, dnnl_f32,
                                                      dnnl_format_tag_any);
}

static inline void onednn_layout_deinit(onednn_layout *layout) {
        (void)layout;
}

static inline dnnl_status_t onednn_layout_copy(onednn_layout *ret, onednn_layout_view from) {
        *ret = *from;
        return dnnl_success;
}

static inline onednn_layout_view onednn_layout_get(const onednn_layout *layout) {
        return layout;
}

static inline dnnl_status_t onednn_matmul_init(dnnl_primitive_desc_t *ret, dnnl_engine_t engine,
                                               const struct onednn_matmul *matmul,
                                               const_dnnl_primitive_attr_t attributes) {
        dnnl_matmul_desc_t operation;
        dnnl_status_t status = dnnl_matmul_desc_init(&operation, matmul->x, matmul->weight,
                                                     matmul->bias, matmul->y);

        if (status != dnnl_success)
                return status;
        return dnnl_primitive_desc_create(ret, &operation, attributes, engine, NULL);
}

static inline dnnl_status_t onednn_append_sum(dnnl_post_ops_t operations) {
        return dnnl_post_ops_append_sum(operations, 1.0f);
}

static inline dnnl_status_t onednn_append_gelu(dnnl_post_ops_t operations) {
        return dnnl_post_ops_append_eltwise(operations, 1.0f, dnnl_eltwise_gelu_erf, 0.0f,
                                            0.0f);
}

#endif
