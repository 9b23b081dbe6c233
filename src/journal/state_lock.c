#include "journal/state_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/mem.h"

#define LOCK_FILE "journal.lock"

struct state_lock {
        char *path;
        int fd;
};

struct state_lock *state_lock_release(struct state_lock *lock) {
        if (!lock)
                return NULL;
        if (lock->fd >= 0)
                close(lock->fd);
        free(lock->path);
        return mem_free(lock);
}

bool state_lock_is_lost(const struct state_lock *lock) {
        struct stat there, ours;

        return stat(lock->path, &there) < 0 || fstat(lock->fd, &ours) < 0 ||
               there.st_ino != ours.st_ino || there.st_dev != ours.st_dev;
}

// The words for who has it: its process, if it has written that down.
static int lock_refuse(const struct state_lock *lock, const char *folder, struct error *error) {
        char text[32];
        ssize_t n = pread(lock->fd, text, sizeof(text) - 1, 0);
        long process;

        text[n > 0 ? n : 0] = '\0';
        process = strtol(text, NULL, 10);
        if (process <= 0)
                return error_set(error, -EBUSY,
                                 "another eavesdrop has the state folder %s: stop it, or give "
                                 "this one a folder of its own with --state-dir",
                                 folder);
        return error_set(error, -EBUSY,
                         "another eavesdrop, process %ld, has the state folder %s: stop it, or "
                         "give this one a folder of its own with --state-dir",
                         process, folder);
}

int state_lock_take(struct state_lock **ret, const char *folder, struct error *error) {
        CLEANUP(state_lock_releasep) struct state_lock *lock = xnew(struct state_lock);
        char text[32];
        int n;

        lock->path = xasprintf("%s/" LOCK_FILE, folder);
        lock->fd = open(lock->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (lock->fd < 0)
                return error_set(error, -errno, "cannot open %s: %m", lock->path);
        if (flock(lock->fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
                return lock_refuse(lock, folder, error);
        if (state_lock_is_lost(lock))
                return error_set(error, -EAGAIN, "%s was removed meanwhile", lock->path);
        // For people and for those who are refused; a full disk is no reason not to start.
        n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
        (void)!fchmod(lock->fd, 0600);
        (void)!ftruncate(lock->fd, 0);
        (void)!pwrite(lock->fd, text, (size_t)n, 0);
        *ret = TAKE(lock);
        return 0;
}
