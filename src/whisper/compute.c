#include "whisper/compute.h"

#include <errno.h>
#include <stddef.h>

#include "whisper/cpu/cpu.h"

const char *const compute_names[] = {"auto", "float32", "bf16", "int8", NULL};

int compute_resolve(enum compute *ret, enum compute wish, struct error *error) {
        const char *lacking = NULL;

        if (wish == COMPUTE_BF16 && !cpu_has_bf16())
                lacking = "AVX-512 BF16";
        if (wish == COMPUTE_INT8 && !cpu_has_vnni())
                lacking = "AVX-512 VNNI";
        if (lacking)
                return error_set(error, -ENOTSUP,
                                 "compute: %s needs %s, which this processor lacks (or "
                                 "ONEDNN_MAX_CPU_ISA hides): use auto or float32",
                                 compute_names[wish], lacking);
        *ret = wish;
        if (wish == COMPUTE_AUTO)
                *ret = cpu_has_vnni() ? COMPUTE_INT8 : COMPUTE_FLOAT32;
        return 0;
}
