#include "decode/models_rig.h"

#include "audio/sound_rig.h"
#include "decode/models.h"
#include "util/mem.h"

char *rig_find_model(const char *name) {
        CLEANUP(mem_freep) char *standard = models_default_folder();

        return rig_find_file("model", "EAVESDROP_TEST_MODELS", standard, name);
}
