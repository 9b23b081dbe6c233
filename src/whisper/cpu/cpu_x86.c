#include "whisper/cpu/cpu.h"

#include <oneapi/dnnl/dnnl.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

// Of Linux' <asm/prctl.h>, since 5.16: the tiles are 8 kB of a thread's state, which a process
// has to ask for.
#define ARCH_REQ_XCOMP_PERM 0x1023
#define XFEATURE_XTILEDATA  18

bool cpu_is_served(void) {
        // F16C is not asked for (clang 14 has no word for it): whoever made AVX2 had it before.
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

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

bool cpu_has_avx2_vnni(void) {
        return cpu_has(dnnl_cpu_isa_avx2_vnni);
}

static bool may_use_tiles;

static void ask_for_tiles(void) {
        may_use_tiles = syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

bool cpu_has_amx(void) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        if (!cpu_has(dnnl_cpu_isa_avx512_core_amx))
                return false;
        pthread_once(&once, ask_for_tiles);
        return may_use_tiles;
}

bool cpu_has_dotprod(void) {
        return false;
}

bool cpu_has_i8mm(void) {
        return false;
}
