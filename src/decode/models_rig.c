#include "decode/models_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "decode/models.h"
#include "util/mem.h"

char *rig_find_model(const char *name) {
        const char *folder = getenv("EAVESDROP_TEST_MODELS");  // NOLINT(concurrency-mt-unsafe)
        CLEANUP(mem_freep) char *standard = models_default_folder();
        char *path = xasprintf("%s/%s", folder ? folder : standard, name);

        if (access(path, R_OK) == 0)
                return path;
        print_message("no model %s (EAVESDROP_TEST_MODELS): its tests are skipped\n", path);
        free(path);
        return NULL;
}
