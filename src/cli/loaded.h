#pragma once
// Loaded: the models that a verb works with, found and loaded as the configuration says.
//
// Threads: main thread.

#include <stdbool.h>

#include "config/config.h"
#include "util/error.h"
#include "vad/silero.h"
#include "whisper/whisper.h"

struct loaded {
        struct whisper_model *model;
        struct vad_model *vad;  // NULL when it was not wanted
};

// Find and load. On an error nothing stays loaded; its words say which file and what to do.
int loaded_open(struct loaded *ret, const struct config *config, bool wants_vad,
                struct error *error);
void loaded_close(struct loaded *loaded);

// Whether the model can do this: NULL or "" is no language in particular. -EINVAL with words.
int loaded_check_model(const struct loaded *loaded, const char *language, enum decode_task task,
                       struct error *error);
