#include "util/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

// Digits of a descriptor's number.
#define DIGITS_MAX 6

static void descriptor_close(const int *descriptor) {
        if (*descriptor >= 0)
                close(*descriptor);
}

int input_descriptor(const char *path) {
        static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};

        if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdin") == 0)
                return STDIN_FILENO;
        for (size_t i = 0; i < 2; i++) {
                const char *number = path + strlen(folders[i]);
                size_t n;

                if (strncmp(path, folders[i], strlen(folders[i])) != 0)
                        continue;
                n = strspn(number, "0123456789");
                if (n > 0 && n <= DIGITS_MAX && number[n] == '\0')
                        return (int)strtol(number, NULL, 10);
        }
        return -1;
}

const char *input_name(const char *path) {
        return input_descriptor(path) == STDIN_FILENO ? "standard input" : path;
}

char *input_label(const char *path) {
        return input_descriptor(path) == STDIN_FILENO ? xstrdup("standard input")
                                                      : xasprintf("'%s'", path);
}

// Until there is something to read, or the end. `patience` in milliseconds, -1 for ever.
static int input_wait(int file, int patience) {
        struct pollfd watch = {.fd = file, .events = POLLIN};
        int r;

        do
                r = poll(&watch, 1, patience);
        while (r < 0 && errno == EINTR);
        if (r < 0)
                return -errno;
        return r == 0 ? -ETIMEDOUT : 0;
}

static int input_open(const char *path, int patience) {
        int descriptor = input_descriptor(path), file, r = 0;
        struct stat status;

        if (descriptor >= 0)
                file = fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        else
                // Nonblocking: opening a pipe waits for its writer otherwise.
                file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (file < 0)
                return -errno;
        if (fstat(file, &status) < 0)
                r = -errno;
        else if (S_ISDIR(status.st_mode))
                r = -EISDIR;
        else if (S_ISFIFO(status.st_mode) && descriptor < 0)
                r = input_wait(file, patience);
        if (r == 0)
                return file;
        close(file);
        return r;
}

int input_read(const char *path, size_t n_max, int patience, char **ret, size_t *ret_n) {
        CLEANUP(descriptor_close) int file = input_open(path, patience);
        CLEANUP(mem_freep) char *text = NULL;
        size_t n = 0;

        if (file < 0)
                return file;
        text = xcalloc(n_max + 1, 1);
        while (n < n_max) {
                ssize_t got = read(file, text + n, n_max - n);
                int r = 0;

                if (got == 0)
                        break;
                if (got > 0)
                        n += (size_t)got;
                else if (errno == EAGAIN)
                        r = input_wait(file, -1);
                else if (errno != EINTR)
                        r = -errno;
                if (r < 0)
                        return r;
        }
        *ret = TAKE(text);
        *ret_n = n;
        return 0;
}
