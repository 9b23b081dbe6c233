#include "whisper/cpu/gemm/tall.h"

#include "whisper/cpu/int8_kernels.h"

static const struct tall_kernels *kernels(void) {
        return int8_kernels()->tall;
}

size_t tall_panel_vectors(void) {
        return kernels()->panel_vectors;
}

enum tall_type tall_attention_type(void) {
        return kernels()->attention;
}

void tall_multiply(enum tall_type elements, const struct tall_product *product) {
        if (elements == TALL_INT8)
                kernels()->multiply_int8(product);
        else
                kernels()->multiply_int16(product);
}

void tall_to_bf16(const float *x, size_t n, uint16_t *ret) {
        kernels()->to_bf16(x, n, ret);
}

void tall_from_bf16(const uint16_t *x, size_t n, float *ret) {
        kernels()->from_bf16(x, n, ret);
}

void tall_quantize(const float *x, size_t n, uint8_t *ret, struct tall_row *ret_row) {
        kernels()->quantize(x, n, ret, ret_row);
}

void tall_quantize_keys(const struct tall_keys *ret, const uint16_t *x, size_t stride, size_t n,
                        const float *biases, size_t n_unbiased) {
        kernels()->quantize_keys(ret, x, stride, n, biases, n_unbiased);
}

void tall_quantize_query(const uint16_t *x, size_t n, void *ret, float *ret_scale) {
        kernels()->quantize_query(x, n, ret, ret_scale);
}

void tall_score(const struct tall_scores *scores, int16_t *ret_largest) {
        kernels()->score(scores, ret_largest);
}

float tall_quantize_softmax(int16_t *scores, size_t n, int16_t largest) {
        return kernels()->quantize_softmax(scores, n, largest);
}

void tall_quantize_values(const struct tall_values *ret, const uint16_t *x, size_t stride,
                          size_t n) {
        kernels()->quantize_values(ret, x, stride, n);
}
