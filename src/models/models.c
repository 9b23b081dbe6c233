#include "models/models.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "models/files.h"
#include "util/home.h"
#include "util/mem.h"
#include "util/redact.h"

#define VAD_NAME "silero-vad"

char *models_default_folder(void) {
        const char *home = getenv("XDG_DATA_HOME");  // NOLINT(concurrency-mt-unsafe): at start
        CLEANUP(mem_freep) char *own = NULL;

        // The XDG base directory specification: a relative path is to be ignored.
        if (home && home[0] == '/')
                return xasprintf("%s/eavesdrop/models", home);
        own = home_folder();
        return own ? xasprintf("%s/.local/share/eavesdrop/models", own) : NULL;
}

int models_require_folder(const char *folder, struct error *error) {
        if (folder)
                return 0;
        return error_set(error, -ENOENT,
                         "there is no folder for models: HOME is not set, and the user has no "
                         "home folder; name one with --model-dir or EAVESDROP_MODEL_DIR");
}

static char *file_path(const struct model_entry *entry, size_t i, const char *folder) {
        return xasprintf("%s/%s/%s", folder, entry->name, entry->files[i].name);
}

bool models_is_present(const struct model_entry *entry, const char *folder) {
        if (!folder)
                return false;
        for (size_t i = 0; i < entry->n_files; i++) {
                CLEANUP(mem_freep) char *path = file_path(entry, i, folder);
                struct stat status;

                if (stat(path, &status) < 0 || status.st_size != entry->files[i].size)
                        return false;
        }
        return true;
}

static int entry_resolve(char **ret, const struct model_entry *entry, const char *folder,
                         struct error *error) {
        int r = models_require_folder(folder, error);

        if (r < 0)
                return r;
        if (!models_is_present(entry, folder))
                return error_set(error, -ENOENT,
                                 "the model %s is not in %s; run: eavesdrop model fetch %s",
                                 entry->name, folder, entry->name);
        *ret = entry->n_files == 1 ? file_path(entry, 0, folder)
                                   : xasprintf("%s/%s", folder, entry->name);
        return 0;
}

int models_resolve(char **ret, const char *name_or_path, const char *folder,
                   struct error *error) {
        const struct model_entry *entry = models_find(name_or_path);
        CLEANUP(mem_freep) char *shown = NULL;
        struct stat status;
        int code;

        if (entry)
                return entry_resolve(ret, entry, folder, error);
        if (stat(name_or_path, &status) == 0) {
                *ret = xstrdup(name_or_path);
                return 0;
        }
        code = errno;
        shown = redact_value(name_or_path);
        if (strchr(name_or_path, '/'))
                return error_set(error, -ENOENT, "the model %s: %s", shown,
                                 strerrordesc_np(code));
        return error_set(error, -ENOENT,
                         "the model %s is neither a path nor a known name; see: eavesdrop "
                         "model list",
                         shown);
}

int models_resolve_vad(char **ret, const char *folder, struct error *error) {
        return entry_resolve(ret, models_find(VAD_NAME), folder, error);
}
