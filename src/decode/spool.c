#include "decode/spool.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio/pcm.h"
#include "util/folder.h"
#include "util/mem.h"
#include "util/number.h"

// Samples that are converted at a time.
#define PIECE 8192

struct spool {
        char *folder;
        int fd;          // -1: no file yet
        int64_t end;     // where the next sound goes
        uint64_t bytes;  // of what is kept
        uint64_t bytes_max;
};

struct spool *spool_new(const char *folder, uint64_t bytes_max) {
        struct spool *spool = xnew(struct spool);

        spool->folder = xstrdup(folder);
        spool->fd = -1;
        spool->bytes_max = bytes_max;
        return spool;
}

struct spool *spool_free(struct spool *spool) {
        if (!spool)
                return NULL;
        if (spool->fd >= 0)
                close(spool->fd);
        free(spool->folder);
        free(spool);
        return NULL;
}

// What was said must not come into the hands of another user of this machine, who may have made
// the folder before us where everybody may (/var/tmp).
static int folder_check(const char *folder, struct error *error) {
        struct stat status;

        if (stat(folder, &status) < 0)
                return error_set(error, -errno, "%s: %m", folder);
        if (status.st_uid != geteuid() && status.st_uid != 0)
                return error_set(error, -EPERM,
                                 "the folder %s belongs to another user (%u): no sound is kept "
                                 "there; remove it, or name another one as backlog.folder",
                                 folder, (unsigned)status.st_uid);
        // Where the sticky bit is set, nobody removes or renames what is another's.
        if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0 && (status.st_mode & S_ISVTX) == 0)
                return error_set(error, -EPERM,
                                 "others may write in the folder %s: no sound is kept there; "
                                 "run: chmod go-w %s",
                                 folder, folder);
        return 0;
}

static int file_make(struct spool *spool, struct error *error) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/spool-XXXXXX", spool->folder);
        int r = folder_make(spool->folder);

        if (r < 0)
                return error_set(error, r, "cannot make the folder %s: %s", spool->folder,
                                 strerrordesc_np(-r));
        r = folder_check(spool->folder, error);
        if (r < 0)
                return r;
        spool->fd = mkostemp(path, O_CLOEXEC);
        if (spool->fd < 0) {
                r = -errno;
                return error_set(error, r, "cannot make a file in %s: %s", spool->folder,
                                 strerrordesc_np(-r));
        }
        unlink(path);
        return 0;
}

static int bytes_write(int fd, const void *bytes, size_t n, int64_t offset) {
        const char *from = bytes;

        while (n > 0) {
                ssize_t written = pwrite(fd, from, n, offset);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return -errno;
                from += written;
                offset += written;
                n -= (size_t)written;
        }
        return 0;
}

static int bytes_read(int fd, void *bytes, size_t n, int64_t offset) {
        char *to = bytes;

        while (n > 0) {
                ssize_t got = pread(fd, to, n, offset);

                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        return got < 0 ? -errno : -EIO;
                to += got;
                offset += got;
                n -= (size_t)got;
        }
        return 0;
}

static int16_t sample_to_s16(float sample) {
        float scaled = roundf(sample * 32768.0f);

        if (scaled > 32767.0f)
                scaled = 32767.0f;
        return (int16_t)(scaled < -32768.0f ? -32768.0f : scaled);
}

static int samples_write(const struct spool *spool, const float *samples, size_t n) {
        int64_t offset = spool->end;
        uint16_t piece[PIECE];

        while (n > 0) {
                size_t length = n < PIECE ? n : PIECE;
                int r;

                for (size_t i = 0; i < length; i++)
                        piece[i] = htole16((uint16_t)sample_to_s16(samples[i]));
                r = bytes_write(spool->fd, piece, length * sizeof(*piece), offset);
                if (r < 0)
                        return r;
                offset += (int64_t)(length * sizeof(*piece));
                samples += length;
                n -= length;
        }
        return 0;
}

int spool_put(struct spool *spool, const float *samples, size_t n, struct spool_place *ret,
              struct error *error) {
        uint64_t bytes = n * sizeof(int16_t);
        CLEANUP(mem_freep) char *most = NULL;
        int r = 0;

        if (spool->bytes + bytes > spool->bytes_max) {
                most = size_words(spool->bytes_max);
                return error_set(error, -ENOSPC, "the spool has reached its limit of %s", most);
        }
        if (spool->fd < 0)
                r = file_make(spool, error);
        if (r < 0)
                return r;
        r = samples_write(spool, samples, n);
        if (r < 0)
                return error_set(error, r, "cannot write into %s: %s", spool->folder,
                                 strerrordesc_np(-r));
        *ret = (struct spool_place){.offset = spool->end, .n_samples = n};
        spool->end += (int64_t)bytes;
        spool->bytes += bytes;
        return 0;
}

int spool_get(const struct spool *spool, const struct spool_place *place, float *ret) {
        int64_t offset = place->offset;
        uint8_t piece[PIECE * sizeof(int16_t)];

        for (size_t n = place->n_samples; n > 0;) {
                size_t length = n < PIECE ? n : PIECE;
                int r = bytes_read(spool->fd, piece, length * sizeof(int16_t), offset);

                if (r < 0)
                        return r;
                pcm_to_float(PCM_S16, piece, length, ret);
                offset += (int64_t)(length * sizeof(int16_t));
                ret += length;
                n -= length;
        }
        return 0;
}

void spool_drop(struct spool *spool, struct spool_place *place) {
        int64_t bytes = (int64_t)(place->n_samples * sizeof(int16_t));

        if (bytes == 0)
                return;
        spool->bytes -= (uint64_t)bytes;
        if (spool->bytes == 0) {
                spool->end = 0;
                (void)!ftruncate(spool->fd, 0);
        } else {
                // Where the file system cannot, the room comes back when all is caught up.
                (void)fallocate(spool->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                                place->offset, bytes);
        }
        *place = (struct spool_place){0};
}

uint64_t spool_bytes(const struct spool *spool) {
        return spool->bytes;
}
