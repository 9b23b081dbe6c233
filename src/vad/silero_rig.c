#include "vad/silero_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/models_rig.h"
#include "util/mem.h"

struct vad_model *rig_load_vad(void) {
        CLEANUP(mem_freep) char *path = rig_find_model("silero-vad/silero_vad_16k.safetensors");
        struct vad_model *model = NULL;
        struct error error = {0};

        if (path && vad_model_load(&model, path, &error) < 0)
                fail_msg("%s", error.text);
        return model;
}

struct vad_model *rig_need_vad(void) {
        struct vad_model *model = rig_load_vad();

        if (!model)
                skip();
        return model;
}
