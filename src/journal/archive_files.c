#include "journal/archive_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "util/array.h"
#include "util/folder.h"
#include "util/mem.h"

#define NAME_LONG   180  // bytes of a folder's name; longer ones end in a hash
#define HASH_BYTES  16
#define FILE_SUFFIX ".opus"
#define NEW_SUFFIX  ".new"  // of a file that is to take the place of another

// More than an hour of sound can take.
#define FILE_BYTES_MAX ((uint64_t)256 << 20)

// --- names -----------------------------------------------------------------------------------

static bool is_plain(char byte) {
        return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
               (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
}

char *archive_files_name(const char *stream) {
        char *name = xcalloc(3 * strlen(stream) + 2 + NAME_LONG, 1);
        uint8_t hash[SHA256_DIGEST_LENGTH];
        size_t n = 0;

        for (const char *at = stream; *at; at++)
                if (is_plain(*at))
                        name[n++] = *at;
                else
                        n += (size_t)snprintf(name + n, 4, "%%%02X", (unsigned char)*at);
        if (n == 0)
                name[n++] = '%';  // nobody's but of the name without bytes
        if (n <= NAME_LONG)
                return name;
        SHA256((const unsigned char *)stream, strlen(stream), hash);
        n = (size_t)snprintf(name + NAME_LONG, 3, "%%~");
        for (size_t i = 0; i < HASH_BYTES; i++)
                n += (size_t)snprintf(name + NAME_LONG + n, 3, "%02x", hash[i]);
        return name;
}

static char *path_of(const struct archive_files *files, const struct archive_file *file,
                     const char *suffix) {
        time_t seconds = (time_t)(file->hour / 1000);
        struct tm tm;
        char hour[32];

        gmtime_r(&seconds, &tm);
        strftime(hour, sizeof(hour), "%Y-%m-%dT%H", &tm);
        return xasprintf("%s/%s/%s" FILE_SUFFIX "%s", files->root, file->stream, hour, suffix);
}

// The hour of "2026-11-30T12.opus"; -1 for other names.
static int64_t hour_read(const char *name) {
        struct tm tm = {0};
        const char *end = strptime(name, "%Y-%m-%dT%H", &tm);

        if (!end || strcmp(end, FILE_SUFFIX) != 0)
                return -1;
        return (int64_t)timegm(&tm) * 1000;
}

static int64_t hour_of(int64_t ms) {
        return ms - (ms % ARCHIVE_HOUR + ARCHIVE_HOUR) % ARCHIVE_HOUR;
}

// --- the list --------------------------------------------------------------------------------

static int file_compare(const struct archive_file *file, int64_t hour, const char *name) {
        if (file->hour != hour)
                return file->hour < hour ? -1 : 1;
        return strcmp(file->stream, name);
}

static struct archive_file *file_get(struct archive_files *files, int64_t hour,
                                     const char *name) {
        size_t first = 0, last = files->n;

        while (first < last) {
                size_t middle = (first + last) / 2;

                if (file_compare(&files->items[middle], hour, name) < 0)
                        first = middle + 1;
                else
                        last = middle;
        }
        if (first < files->n && file_compare(&files->items[first], hour, name) == 0)
                return &files->items[first];
        files->items =
                array_grow(files->items, files->n, &files->capacity, sizeof(*files->items));
        memmove(&files->items[first + 1], &files->items[first],
                (files->n - first) * sizeof(*files->items));
        files->items[first] = (struct archive_file){.stream = xstrdup(name), .hour = hour};
        files->n++;
        return &files->items[first];
}

static void file_size_set(struct archive_files *files, struct archive_file *file,
                          uint64_t n_bytes) {
        files->n_bytes += n_bytes - file->n_bytes;
        file->n_bytes = n_bytes;
}

static void file_forget(struct archive_files *files, size_t i) {
        CLEANUP(mem_freep)
        char *folder = xasprintf("%s/%s", files->root, files->items[i].stream);

        rmdir(folder);  // fails while there are others in it
        file_size_set(files, &files->items[i], 0);
        free(files->items[i].stream);
        files->n--;
        memmove(&files->items[i], &files->items[i + 1], (files->n - i) * sizeof(*files->items));
}

// Take in the files of a stream's folder. What was to replace another file when the process
// died is removed.
static void folder_read(struct archive_files *files, const char *name) {
        CLEANUP(mem_freep) char *path = xasprintf("%s/%s", files->root, name);
        DIR *folder = opendir(path);

        for (struct dirent *entry; folder && (entry = readdir(folder));) {
                struct stat status;
                int64_t hour = hour_read(entry->d_name);
                size_t n = strlen(entry->d_name);

                if (n > strlen(NEW_SUFFIX) &&
                    strcmp(entry->d_name + n - strlen(NEW_SUFFIX), NEW_SUFFIX) == 0)
                        unlinkat(dirfd(folder), entry->d_name, 0);
                else if (hour >= 0 && fstatat(dirfd(folder), entry->d_name, &status,
                                              AT_SYMLINK_NOFOLLOW) == 0)
                        file_size_set(files, file_get(files, hour, name),
                                      (uint64_t)status.st_size);
        }
        if (folder)
                closedir(folder);
}

int archive_files_open(struct archive_files **ret, const char *folder, struct error *error) {
        CLEANUP(archive_files_freep) struct archive_files *files = xnew(struct archive_files);
        DIR *root;
        int r;

        files->root = xasprintf("%s/" ARCHIVE_FOLDER, folder);
        r = folder_make(files->root);
        if (r < 0)
                return error_set(error, r, "cannot make the folder %s: %s", files->root,
                                 strerrordesc_np(-r));
        root = opendir(files->root);
        if (!root)
                return error_set(error, -errno, "cannot read the folder %s: %m", files->root);
        for (struct dirent *entry; (entry = readdir(root));)
                if (entry->d_name[0] != '.')
                        folder_read(files, entry->d_name);
        closedir(root);
        *ret = TAKE(files);
        return 0;
}

struct archive_files *archive_files_free(struct archive_files *files) {
        if (!files)
                return NULL;
        for (size_t i = 0; i < files->n; i++)
                free(files->items[i].stream);
        free(files->items);
        free(files->root);
        return mem_free(files);
}

// --- bytes -----------------------------------------------------------------------------------

static int bytes_write(int fd, const uint8_t *bytes, size_t n) {
        while (n > 0) {
                ssize_t written = write(fd, bytes, n);

                if (written < 0 && errno == EINTR)
                        continue;
                if (written < 0)
                        return -errno;
                bytes += written;
                n -= (size_t)written;
        }
        return 0;
}

static int bytes_read(int fd, struct archive_bytes *ret) {
        uint8_t piece[65536];
        ssize_t got;

        while ((got = read(fd, piece, sizeof(piece))) != 0) {
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        return -errno;
                if (ret->n + (size_t)got > FILE_BYTES_MAX)
                        return -EFBIG;
                archive_bytes_add(ret, piece, (size_t)got);
        }
        return 0;
}

static int path_read(const char *path, struct archive_bytes *ret) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        int r;

        if (fd < 0)
                return -errno;
        r = bytes_read(fd, ret);
        close(fd);
        return r;
}

int archive_files_load(const struct archive_files *files, size_t i, struct archive_bytes *ret) {
        CLEANUP(mem_freep) char *path = path_of(files, &files->items[i], "");

        return path_read(path, ret);
}

// Cut off what was being written when the process before died.
static int file_make_whole(const char *path, int fd, off_t size) {
        struct archive_bytes bytes = {0};
        int r = size > 0 ? path_read(path, &bytes) : 0;
        size_t whole = r == 0 ? archive_windows_read(bytes.items, bytes.n, NULL, NULL) : 0;

        free(bytes.items);
        if (r == 0 && (off_t)whole < size && ftruncate(fd, (off_t)whole) < 0)
                r = -errno;
        return r;
}

static int file_add(struct archive_files *files, struct archive_file *file, const char *path,
                    int fd, const struct archive_bytes *link) {
        struct stat status;
        int r = fstat(fd, &status) < 0 ? -errno : 0;

        if (r == 0 && (!file->is_whole || (uint64_t)status.st_size != file->n_bytes)) {
                r = file_make_whole(path, fd, status.st_size);
                if (r == 0 && fstat(fd, &status) < 0)
                        r = -errno;
        }
        if (r < 0)
                return r;
        file->is_whole = true;
        r = bytes_write(fd, link->items, link->n);
        if (r == 0 && fdatasync(fd) < 0)
                r = -errno;
        if (r < 0) {
                file->is_whole = ftruncate(fd, status.st_size) == 0;
                file_size_set(files, file, (uint64_t)status.st_size);
                return r;
        }
        file_size_set(files, file, (uint64_t)status.st_size + link->n);
        return 0;
}

int archive_files_add(struct archive_files *files, const char *name, int64_t start,
                      const struct archive_bytes *link) {
        struct archive_file *file = file_get(files, hour_of(start), name);
        CLEANUP(mem_freep) char *path = path_of(files, file, "");
        CLEANUP(mem_freep) char *folder = xasprintf("%s/%s", files->root, name);
        int r = folder_make(folder);
        int fd = -1;

        if (r == 0) {
                fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
                r = fd < 0 ? -errno : file_add(files, file, path, fd, link);
        }
        if (fd >= 0)
                close(fd);
        if (r < 0 && file->n_bytes == 0) {
                if (fd >= 0)
                        unlink(path);
                file_forget(files, (size_t)(file - files->items));
        }
        return r;
}

// --- fewer of them ---------------------------------------------------------------------------

// Zeros over what is there, as far as the file system writes in place.
static void bytes_scrub(int fd) {
        static const uint8_t zeros[65536];
        struct stat status;

        if (fstat(fd, &status) < 0)
                return;
        for (off_t at = 0; at < status.st_size;) {
                size_t n = sizeof(zeros);
                ssize_t written;

                if (status.st_size - at < (off_t)n)
                        n = (size_t)(status.st_size - at);
                written = pwrite(fd, zeros, n, at);
                if (written <= 0)
                        break;
                at += written;
        }
        (void)fdatasync(fd);
}

// A whole new file of that name beside the old one, which it replaces then.
static int path_replace(const char *path, const char *path_new,
                        const struct archive_bytes *bytes) {
        int fd = open(path_new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        int r = fd < 0 ? -errno : bytes_write(fd, bytes->items, bytes->n);

        if (r == 0 && fdatasync(fd) < 0)
                r = -errno;
        if (fd >= 0)
                close(fd);
        if (r == 0 && rename(path_new, path) < 0)
                r = -errno;
        if (r < 0)
                unlink(path_new);
        return r;
}

int archive_files_replace(struct archive_files *files, size_t i,
                          const struct archive_bytes *bytes) {
        struct archive_file *file = &files->items[i];
        CLEANUP(mem_freep) char *path = path_of(files, file, "");
        CLEANUP(mem_freep) char *path_new = path_of(files, file, NEW_SUFFIX);
        CLEANUP(mem_freep) char *folder = xasprintf("%s/%s", files->root, file->stream);
        int old = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        int r = 0;

        if (old < 0 && errno != ENOENT)
                return -errno;
        if (bytes->n > 0)
                r = path_replace(path, path_new, bytes);
        else if (old >= 0 && unlink(path) < 0)
                r = -errno;
        if (r == 0)
                r = folder_sync(folder);
        if (r == 0 && old >= 0)
                bytes_scrub(old);
        if (old >= 0)
                close(old);
        if (r < 0)
                return r;
        file_size_set(files, file, bytes->n);
        file->is_whole = true;
        if (bytes->n == 0)
                file_forget(files, i);
        return 0;
}

int64_t archive_files_newest(const struct archive_files *files) {
        return files->n > 0 ? files->items[files->n - 1].hour + ARCHIVE_HOUR : 0;
}

bool archive_files_drop_oldest(struct archive_files *files) {
        CLEANUP(mem_freep) char *path = NULL;

        if (files->n == 0)
                return false;
        path = path_of(files, &files->items[0], "");
        // What cannot be removed is not ours any more; it is found again at the next start.
        unlink(path);
        file_forget(files, 0);
        return true;
}

void archive_files_tidy(struct archive_files *files, int64_t now, double keep_age,
                        uint64_t keep_bytes) {
        while (files->n > 0 && keep_age > 0 &&
               (double)(now - files->items[0].hour - ARCHIVE_HOUR) > keep_age * 1e3)
                archive_files_drop_oldest(files);
        while (files->n > 0 && keep_bytes > 0 && files->n_bytes > keep_bytes)
                archive_files_drop_oldest(files);
}
