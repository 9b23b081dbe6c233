#include "models/models_rig.h"

#include <stdio.h>

#include "audio/sound_rig.h"
#include "models/models.h"
#include "util/folder_rig.h"
#include "util/mem.h"

char *rig_find_model(const char *name) {
        CLEANUP(mem_freep) char *standard = models_default_folder();

        return rig_find_file("model", "EAVESDROP_TEST_MODELS", standard, name);
}

void rig_remove_folder(const char *path) {
        // Links are removed, not followed; eight descriptors are plenty for its depth.
        folder_rig_remove(path);
}
