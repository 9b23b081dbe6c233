#include "whisper/cpu/cross_int8.h"

#include "whisper/cpu/cross_int8_parts.h"
#include "whisper/cpu/int8_kernels.h"

size_t cross_int8_size(size_t n_keys) {
        return cross_int8_blocks(n_keys) *
                       (2 * CROSS_INT8_BLOCK + CROSS_INT8_KEYS * sizeof(float)) +
               2 * CROSS_INT8_WIDTH * sizeof(float);
}

void cross_int8_pack(const struct cross_int8 *head, const float *keys, const float *values,
                     size_t stride) {
        int8_kernels()->cross->pack(head, keys, values, stride);
}

void cross_int8_score(const struct cross_int8 *head, const float *query, float *scores) {
        int8_kernels()->cross->score(head, query, scores);
}

void cross_int8_collect(const struct cross_int8 *head, const float *scores, void *scratch,
                        float *ret) {
        int8_kernels()->cross->collect(head, scores, scratch, ret);
}
