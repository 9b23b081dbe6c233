/* Fetching a model: each file to a temporary name beside its place, checked, renamed. A lock on
 * the model's folder keeps two fetches of the same model apart; the later one finds the work
 * done.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "models/files.h"
#include "models/models.h"
#include "util/mem.h"

#define SHA256_HEX  (2 * 32 + 1)
#define COPY_BYTES  (256 * 1024)
#define LOCK_NAME   ".lock"
#define PART_SUFFIX ".part"

static EVP_MD_CTX *digest_free(EVP_MD_CTX *digest) {
        EVP_MD_CTX_free(digest);
        return NULL;
}

DEFINE_CLEANUP(EVP_MD_CTX *, digest_free);

static void fd_close(const int *fd) {
        if (*fd >= 0)
                close(*fd);
}

static int file_sha256(int fd, char ret[SHA256_HEX]) {
        CLEANUP(digest_freep) EVP_MD_CTX *digest = EVP_MD_CTX_new();
        CLEANUP(mem_freep) char *bytes = xcalloc(COPY_BYTES, 1);
        unsigned char sum[EVP_MAX_MD_SIZE];
        unsigned n_sum;
        ssize_t n;

        if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL))
                return -ENOMEM;
        while ((n = read(fd, bytes, COPY_BYTES)) > 0)
                if (!EVP_DigestUpdate(digest, bytes, (size_t)n))
                        return -ENOMEM;
        if (n < 0)
                return -errno;
        if (!EVP_DigestFinal_ex(digest, sum, &n_sum))
                return -ENOMEM;
        for (unsigned i = 0; i < n_sum; i++)
                snprintf(ret + 2 * (size_t)i, 3, "%02x", sum[i]);
        return 0;
}

int models_verify_file(const char *path, const struct model_file *file, struct error *error) {
        CLEANUP(fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
        char sum[SHA256_HEX];
        struct stat status;
        int r;

        if (fd < 0 || fstat(fd, &status) < 0)
                return error_set(error, -errno, "%s: %m", path);
        if (status.st_size != file->size)
                return error_set(error, -EBADMSG, "%s has %" PRId64 " bytes, expected %" PRId64,
                                 file->name, (int64_t)status.st_size, file->size);
        r = file_sha256(fd, sum);
        if (r < 0)
                return error_set(error, r, "%s: cannot be read: %s", path, strerrordesc_np(-r));
        if (strcmp(sum, file->sha256) != 0)
                return error_set(error, -EBADMSG,
                                 "%s has the wrong checksum: SHA-256 %s, expected %s",
                                 file->name, sum, file->sha256);
        return 0;
}

// The folder and those above it.
static int folder_make(const char *path, struct error *error) {
        CLEANUP(mem_freep) char *prefix = xstrdup(path);

        for (char *at = prefix + 1;; at++) {
                char kept = *at;

                if (kept != '/' && kept != 0)
                        continue;
                *at = 0;
                if (mkdir(prefix, 0777) < 0 && errno != EEXIST)
                        return error_set(error, -errno, "cannot make the folder %s: %m",
                                         prefix);
                if (!kept)
                        return 0;
                *at = kept;
        }
}

// Waits until no other fetch has it; the lock goes with the descriptor.
static int folder_lock(int *ret, const char *folder, struct error *error) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/" LOCK_NAME, folder);
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        int r;

        if (fd < 0)
                return error_set(error, -errno, "cannot write to %s: %m", folder);
        do
                r = flock(fd, LOCK_EX);
        while (r < 0 && errno == EINTR);
        if (r < 0) {
                r = error_set(error, -errno, "cannot lock %s: %m", path);
                close(fd);
                return r;
        }
        *ret = fd;
        return 0;
}

// Check the file under its temporary name and put it in its place; else remove it.
static int part_accept(const char *part, const char *path, const struct model_file *file,
                       struct error *error) {
        int r = models_verify_file(part, file, error);

        if (r == 0 && rename(part, path) < 0)
                r = error_set(error, -errno, "cannot rename %s: %m", part);
        if (r < 0)
                unlink(part);
        return r;
}

// What to do is the user's to choose: the hub's words, and the ways around it.
static int hub_explain(const struct model_entry *entry, const char *folder,
                       const struct error *hub, struct error *error) {
        return error_set(
                error, -ENETUNREACH,
                "%s; where the model hub is out of reach, name a proxy in https_proxy "
                "or a mirror in EAVESDROP_HUB_URL, copy the model's files into %s, or, "
                "in eavesdrop's source folder, run: tools/fetch-weights PROGRAM %s",
                hub->text, folder, entry->name);
}

// Make sure of one file in the model's own folder.
static int file_fetch(const struct model_entry *entry, const struct model_file *file,
                      const char *folder, const struct fetch_progress *progress,
                      struct error *error) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", folder, file->name);
        CLEANUP(mem_freep) char *part = xasprintf("%s" PART_SUFFIX, path);
        struct error hub;
        int r;

        if (models_verify_file(path, file, NULL) == 0)
                return 0;
        r = models_download(entry, file, part, progress, &hub);
        if (r == 0)
                return part_accept(part, path, file, error);
        unlink(part);
        if (r == -ENETUNREACH)
                return hub_explain(entry, folder, &hub, error);
        return error_set(error, r, "%s", hub.text);
}

int models_fetch(const struct model_entry *entry, const char *folder, models_progress progress,
                 void *context, struct error *error) {
        CLEANUP(mem_freep) char *own = NULL;
        CLEANUP(fd_close) int lock = -1;
        const struct fetch_progress told = {progress, context};
        int r;

        r = models_require_folder(folder, error);
        if (r < 0)
                return r;
        own = xasprintf("%s/%s", folder, entry->name);
        r = folder_make(own, error);
        if (r < 0)
                return r;
        r = folder_lock(&lock, own, error);
        if (r < 0)
                return r;
        for (size_t i = 0; i < entry->n_files; i++) {
                r = file_fetch(entry, &entry->files[i], own, &told, error);
                if (r < 0) {
                        error_prefix(error, "%s", entry->name);
                        return r;
                }
        }
        return 0;
}
