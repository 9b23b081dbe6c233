#include "net/local_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/mem.h"

#define BACKLOG    64
#define GROUP_TEXT ((size_t)64 * 1024)  // of a group's entry, its members included

struct local_socket {
        char *path;
        int fd;
        int group;
        struct stat file;  // while we listen; st_ino 0 before
};

static bool address_fill(struct sockaddr_un *ret, const char *path) {
        size_t n = strlen(path);

        *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
        if (n >= sizeof(ret->sun_path))
                return false;
        memcpy(ret->sun_path, path, n + 1);
        return true;
}

static int socket_new(void) {
        return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

// --- what is there already -------------------------------------------------------------------

// 0: somebody answers; else the errno: ECONNREFUSED, nobody does.
static int address_ask(const struct sockaddr_un *address) {
        int number, fd = socket_new();

        if (fd < 0)
                return errno;
        number =
                connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 ? errno : 0;
        close(fd);
        return number == EAGAIN ? 0 : number;  // so many ask that it cannot keep up
}

int local_socket_ask(const char *path) {
        struct sockaddr_un address;

        return address_fill(&address, path) ? -address_ask(&address) : -ENAMETOOLONG;
}

// Remove what a process that was killed has left.
static int path_clear(const struct sockaddr_un *address, struct error *error) {
        const char *path = address->sun_path;
        struct stat there;
        int number;

        if (lstat(path, &there) < 0)
                return errno == ENOENT
                               ? 0
                               : error_set(error, -errno, "cannot look at %s: %m", path);
        if (!S_ISSOCK(there.st_mode))
                return error_set(error, -EEXIST,
                                 "%s is no socket, and nothing of ours: move it away", path);
        number = address_ask(address);
        if (number == 0)
                return error_set(error, -EADDRINUSE, "another process answers on %s", path);
        if (number != ECONNREFUSED && number != ENOENT)
                return error_set(error, -number, "%s is another's: %s", path,
                                 strerrordesc_np(number));
        if (unlink(path) < 0 && errno != ENOENT)
                return error_set(error, -errno, "cannot remove %s, which nobody answers on: %m",
                                 path);
        return 0;
}

// --- opening ---------------------------------------------------------------------------------

// The folder, locked: of two that find a dead socket there, one looks after the other.
static int folder_lock(const char *path, struct error *error) {
        CLEANUP(mem_freep) char *folder = xstrdup(path);
        char *slash = strrchr(folder, '/');
        int fd;

        if (slash)
                slash[slash == folder] = '\0';
        fd = open(slash ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return error_set(error, -errno, "cannot open the folder of %s: %m", path);
        if (flock(fd, LOCK_EX | LOCK_NB) == 0)
                return fd;
        close(fd);
        return error_set(error, -EAGAIN, "another process is making a socket beside %s", path);
}

static int group_find(const char *name) {
        CLEANUP(mem_freep) char *text = xcalloc(GROUP_TEXT, 1);
        struct group entry, *found = NULL;

        if (!name || getgrnam_r(name, &entry, text, GROUP_TEXT, &found) != 0 || !found)
                return -1;
        return (int)found->gr_gid;
}

// Nobody can connect before listen(): until then the file gets its mode and group.
static int socket_listen(struct local_socket *local, const struct sockaddr_un *address) {
        const char *path = address->sun_path;

        if (bind(local->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
                return -errno;
        if (lstat(path, &local->file) < 0)
                return -errno;
        if (local->group >= 0)
                (void)!lchown(path, (uid_t)-1, (gid_t)local->group);
        if (chmod(path, 0660) < 0 || listen(local->fd, BACKLOG) < 0)
                return -errno;
        return 0;
}

int local_socket_open(struct local_socket **ret, const char *path, const char *group,
                      struct error *error) {
        CLEANUP(local_socket_closep) struct local_socket *local = xnew(struct local_socket);
        struct sockaddr_un address;
        int folder, r;

        local->fd = -1;
        local->path = xstrdup(path);
        local->group = group_find(group);
        if (!address_fill(&address, path))
                return error_set(error, -ENAMETOOLONG,
                                 "%s has %zu bytes, and the path of a socket at most %zu", path,
                                 strlen(path), sizeof(address.sun_path) - 1);
        folder = folder_lock(path, error);
        if (folder < 0)
                return folder;
        r = path_clear(&address, error);
        if (r == 0) {
                local->fd = socket_new();
                r = local->fd < 0 ? -errno : socket_listen(local, &address);
                if (r < 0)
                        error_set(error, r, "cannot listen on %s: %s", path,
                                  strerrordesc_np(-r));
        }
        close(folder);
        if (r == 0)
                *ret = TAKE(local);
        return r;
}

int local_socket_fd(const struct local_socket *local) {
        return local->fd;
}

int local_socket_group(const struct local_socket *local) {
        return local->group;
}

struct local_socket *local_socket_close(struct local_socket *local) {
        struct stat there;

        if (!local)
                return NULL;
        // While our socket is open, no other file can have its number.
        if (local->file.st_ino && lstat(local->path, &there) == 0 &&
            there.st_ino == local->file.st_ino && there.st_dev == local->file.st_dev)
                (void)!unlink(local->path);
        if (local->fd >= 0)
                close(local->fd);
        free(local->path);
        return mem_free(local);
}
