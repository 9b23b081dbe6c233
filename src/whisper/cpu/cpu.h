#pragma once
// CPU: what this processor has, of two families: x86-64 with AVX2 and FMA, beyond which the
// answers are oneDNN's own, so that the variables ONEDNN_MAX_CPU_ISA and DNNL_MAX_CPU_ISA make
// the whole engine believe in a smaller processor; and aarch64, where the kernel is asked.
//
// Threads: any; the answers never change.

#include <stdbool.h>

// True when this is a processor that the engine runs on.
bool cpu_is_served(void);

bool cpu_has_avx512(void);  // F, BW, VL and DQ
bool cpu_has_vnni(void);    // and AVX-512 VNNI

// AVX-VNNI, which processors without AVX-512 have; false for those that have both.
bool cpu_has_avx2_vnni(void);

// AMX for int8, which the operating system has let this process use, and all above.
bool cpu_has_amx(void);

// Of aarch64: the dot products of bytes, and the products of matrices of bytes.
bool cpu_has_dotprod(void);
bool cpu_has_i8mm(void);
