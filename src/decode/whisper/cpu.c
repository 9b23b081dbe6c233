#include "decode/whisper/cpu.h"

#include <oneapi/dnnl/dnnl.h>

// The values of oneDNN's enumeration are sets of bits, each set with those that it builds on.
static bool cpu_has(unsigned isa) {
        return ((unsigned)dnnl_get_effective_cpu_isa() & isa) == isa;
}

bool cpu_has_avx512(void) {
        return cpu_has(dnnl_cpu_isa_avx512_core);
}

bool cpu_has_vnni(void) {
        return cpu_has(dnnl_cpu_isa_avx512_core_vnni);
}

bool cpu_has_bf16(void) {
        return cpu_has(dnnl_cpu_isa_avx512_core_bf16);
}
