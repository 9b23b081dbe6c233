#include "whisper/compute.h"

#include <stddef.h>

const char *const compute_names[] = {"auto", "float32", "int8", NULL};

enum compute compute_resolve(enum compute wish) {
        return wish == COMPUTE_AUTO ? COMPUTE_INT8 : wish;
}
