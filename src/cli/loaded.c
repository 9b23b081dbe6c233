#include "cli/loaded.h"

#include <errno.h>
#include <unistd.h>

#include "models/models.h"
#include "util/mem.h"

// All cores, shared out among the engines.
static int threads_default(int engines) {
        long n = sysconf(_SC_NPROCESSORS_ONLN) / engines;

        return n < 1 ? 1 : (int)n;
}

void loaded_close(struct loaded *loaded) {
        loaded->model = whisper_model_free(loaded->model);
        loaded->vad = vad_model_free(loaded->vad);
}

int loaded_open(struct loaded *ret, const struct config *config, bool wants_vad,
                struct error *error) {
        CLEANUP(mem_freep)
        char *folder = config->model_dir ? xstrdup(config->model_dir) : models_default_folder();
        CLEANUP(mem_freep) char *model_path = NULL;
        CLEANUP(mem_freep) char *vad_path = NULL;
        CLEANUP(loaded_close) struct loaded loaded = {0};
        int threads = config->threads > 0 ? config->threads : threads_default(config->engines);
        int r = models_resolve(&model_path, config->model, folder, error);

        if (r == 0 && wants_vad)
                r = models_resolve_vad(&vad_path, folder, error);
        if (r == 0 && wants_vad)
                r = vad_model_load(&loaded.vad, vad_path, error);
        if (r == 0)
                r = whisper_model_load(&loaded.model, model_path, threads, config->compute,
                                       error);
        if (r < 0)
                return r;
        ret->model = TAKE(loaded.model);
        ret->vad = TAKE(loaded.vad);
        return 0;
}

int loaded_check_model(const struct loaded *loaded, const char *language, enum decode_task task,
                       struct error *error) {
        if (language && language[0] && !whisper_model_knows_language(loaded->model, language))
                return error_set(error, -EINVAL, "the model does not know the language %s%s",
                                 language,
                                 whisper_model_info(loaded->model).is_multilingual
                                         ? ""
                                         : ": it is English-only");
        if (task == DECODE_TRANSLATE && !whisper_model_info(loaded->model).is_multilingual)
                return error_set(error, -EINVAL,
                                 "the model is English-only and cannot translate");
        return 0;
}
