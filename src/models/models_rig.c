#include "models/models_rig.h"

#include <ftw.h>
#include <stdio.h>

#include "audio/sound_rig.h"
#include "models/models.h"
#include "util/mem.h"

char *rig_find_model(const char *name) {
        CLEANUP(mem_freep) char *standard = models_default_folder();

        return rig_find_file("model", "EAVESDROP_TEST_MODELS", standard, name);
}

static int entry_remove(const char *path, const struct stat *status, int kind,
                        struct FTW *place) {
        (void)status;
        (void)kind;
        (void)place;
        return remove(path);
}

void rig_remove_folder(const char *path) {
        // Links are removed, not followed; eight descriptors are plenty for its depth.
        nftw(path, entry_remove, 8, FTW_DEPTH | FTW_PHYS);
}
