#include "util/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

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

int folder_sync(const char *folder) {
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = fsync(fd) < 0 ? -errno : 0;
        close(fd);
        return r;
}

int folder_lock(int *ret, const char *folder, const char *file, struct error *error) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, file);
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return error_set(error, -errno, "cannot open %s: %m", path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
                close(fd);
                return error_set(error, -EBUSY,
                                 "another eavesdrop has the folder %s: give this one a state "
                                 "folder of its own with --state-dir",
                                 folder);
        }
        *ret = fd;
        return 0;
}
