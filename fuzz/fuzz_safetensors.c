// Safetensors: weights files from strangers, asked for tensors that they may or may not have.

#include <stdlib.h>

#include "fuzz.h"
#include "vad/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
        static const struct {
                const char *name;
                size_t shape[SAFETENSORS_RANK_MAX];
                size_t rank;
        } asked[] = {
                {"a", {2, 3}, 2},
                {"b", {4}, 1},
                {"scalar", {0}, 0},
                {"huge", {SIZE_MAX, SIZE_MAX, 2}, 3},
        };
        struct safetensors *tensors = NULL;
        struct error error;

        if (safetensors_parse(&tensors, bytes, n, "fuzz", &error) < 0)
                return 0;
        for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
                // Of just the size promised, so that a sanitizer sees every float too many.
                float *values = malloc(6 * sizeof(float));

                if (!values)
                        abort();
                safetensors_copy_f32(tensors, asked[i].name, asked[i].shape, asked[i].rank,
                                     values, &error);
                free(values);
        }
        safetensors_free(tensors);
        return 0;
}
