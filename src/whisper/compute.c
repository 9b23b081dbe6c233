#include "whisper/compute.h"

#include <errno.h>
#include <stddef.h>

#include "whisper/cpu/cpu.h"

const char *const compute_names[] = {"auto", "float32", "bf16", "int8", NULL};

int compute_resolve(enum compute *ret, enum compute wish, struct error *error) {
        if (wish == COMPUTE_BF16 && !cpu_has_bf16())
                return error_set(error, -ENOTSUP,
                                 "compute: bf16 needs AVX-512 BF16, which this processor lacks "
                                 "(or ONEDNN_MAX_CPU_ISA hides): use auto, int8 or float32");
        *ret = wish;
        if (wish == COMPUTE_AUTO)
                *ret = COMPUTE_INT8;
        return 0;
}
