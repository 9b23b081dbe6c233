#include "source/media_input.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/mem.h"

// Of Linux, for ever: mem's third device.
#define NULL_DEVICE makedev(1, 3)

static int descriptor_check(int descriptor, const struct stat *status, const char *label,
                            struct error *error) {
        if (S_ISDIR(status->st_mode))
                return error_set(error, -EISDIR, "%s is a directory, not a file", label);
        if (isatty(descriptor) == 1)
                return error_set(error, -EINVAL,
                                 "%s is a terminal: send sound into it ('< FILE', or behind "
                                 "a '|')",
                                 label);
        if ((S_ISREG(status->st_mode) && status->st_size == 0) ||
            (S_ISCHR(status->st_mode) && status->st_rdev == NULL_DEVICE))
                return error_set(error, -EINVAL, "%s is empty (zero bytes)", label);
        return 0;
}

// The path of the regular file, if it leads there: it may have been removed since, or be out of
// our reach. NULL otherwise, and when something was read already.
static char *path_of(int descriptor, const struct stat *status) {
        CLEANUP(mem_freep) char *entry = xasprintf("/proc/self/fd/%d", descriptor);
        char target[PATH_MAX];
        struct stat found;
        ssize_t n;

        if (!S_ISREG(status->st_mode) || lseek(descriptor, 0, SEEK_CUR) != 0)
                return NULL;
        n = readlink(entry, target, sizeof(target) - 1);
        if (n <= 0)
                return NULL;
        target[n] = '\0';
        if (stat(target, &found) < 0 || found.st_dev != status->st_dev ||
            found.st_ino != status->st_ino || access(target, R_OK) < 0)
                return NULL;
        return xstrdup(target);
}

int media_input_init(struct media_input *ret, int descriptor, const char *label,
                     struct error *error) {
        struct stat status;
        int r;

        if (fstat(descriptor, &status) < 0) {
                r = -errno;
                return error_set(error, r, "%s: %s", label, strerrordesc_np(-r));
        }
        r = descriptor_check(descriptor, &status, label, error);
        if (r < 0)
                return r;
        *ret = (struct media_input){path_of(descriptor, &status), -1};
        if (ret->path)
                return 0;
        ret->descriptor = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        if (ret->descriptor < 0)
                return error_set(error, -errno, "%s: %m", label);
        return 0;
}

void media_input_deinit(struct media_input *input) {
        input->path = mem_free(input->path);
        if (input->descriptor >= 0)
                close(input->descriptor);
        input->descriptor = -1;
}
