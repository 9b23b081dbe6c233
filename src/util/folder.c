#include "util/folder.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "util/mem.h"

int folder_make(const char *folder) {
        CLEANUP(mem_freep) char *path = xstrdup(folder);

        if (path[0] == '\0')
                return -ENOENT;
        for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(path, 0700) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return mkdir(path, 0700) < 0 && errno != EEXIST ? -errno : 0;
}
