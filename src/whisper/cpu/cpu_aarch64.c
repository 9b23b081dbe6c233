#include <sys/auxv.h>

#include "whisper/cpu/cpu.h"

// Of Linux' <asm/hwcap.h>, whose older versions have not got the second.
#define HAS_DOTPROD (1UL << 20)  // HWCAP_ASIMDDP
#define HAS_I8MM    (1UL << 13)  // HWCAP2_I8MM

bool cpu_is_served(void) {
        return true;  // NEON is part of every aarch64
}

bool cpu_has_avx512(void) {
        return false;
}

bool cpu_has_vnni(void) {
        return false;
}

bool cpu_has_avx2_vnni(void) {
        return false;
}

bool cpu_has_amx(void) {
        return false;
}

bool cpu_has_dotprod(void) {
        return getauxval(AT_HWCAP) & HAS_DOTPROD;
}

bool cpu_has_i8mm(void) {
        return cpu_has_dotprod() && getauxval(AT_HWCAP2) & HAS_I8MM;
}
