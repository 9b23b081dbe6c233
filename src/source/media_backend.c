#include "source/media_backend.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "source/builtin_child.h"
#include "source/ffmpeg_check.h"
#include "source/ffmpeg_child.h"
#include "source/media_process.h"
#include "util/mem.h"

// The path of a program of ours.
static bool is_ours(const char *choice) {
        const char *slash = strrchr(choice, '/');

        return slash && strcmp(slash + 1, MEDIA_PROCESS_PROGRAM) == 0;
}

struct media_backend *media_backend_new(struct loop *loop, const char *choice) {
        if (strcmp(choice, MEDIA_BACKEND_DEFAULT) == 0)
                return builtin_child_backend(loop, NULL);
        return is_ours(choice) ? builtin_child_backend(loop, choice)
                               : ffmpeg_child_backend(loop, choice);
}

void media_backend_allow(struct media_backend *backend, const char *words) {
        free(backend->allow);
        backend->allow = xstrdup(words);
}

struct media_backend *media_backend_free(struct media_backend *backend) {
        if (!backend)
                return NULL;
        media_backend_allow(backend, NULL);
        backend->ops->free(backend);
        return NULL;
}

int media_backend_check(const char *choice, struct error *error) {
        CLEANUP(mem_freep) char *found = NULL;

        if (strcmp(choice, MEDIA_BACKEND_DEFAULT) == 0)
                return media_process_find(&found, error);
        if (!is_ours(choice))
                return ffmpeg_check(choice, error);
        if (access(choice, X_OK) == 0)
                return 0;
        return error_set(error, -errno, "'%s', which is to read streams and files (media): %m",
                         choice);
}
