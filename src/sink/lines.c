#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "journal/row_json.h"
#include "sink/sink_ops.h"
#include "util/mem.h"

#define LINES_BATCH 64  // their JSON takes some 2 ms of the loop
#define LINES_MODE  0600

// The file: the worker's while one is at work, else the loop's.
struct lines_file {
        char *path;
        int fd;  // -1: closed
};

struct lines {
        struct sink *sink;
        struct loop *loop;
        struct lines_file *file;
        struct lines_job *job;  // at work; NULL: none
        bool wants_reopen;
};

// What is written by one of libuv's workers, since a disk may take its time.
struct lines_job {
        uv_work_t work;
        struct lines *lines;  // NULL: the sink was closed meanwhile
        struct lines_file *file;
        bool wants_reopen;
        char *bytes;  // a line feed in front, for where a line was begun; then lines
        size_t n;     // with it
        struct error error;
};

// --- on a worker ----------------------------------------------------------------------------

static void file_close(struct lines_file *file) {
        if (file->fd >= 0)
                close(file->fd);
        file->fd = -1;
}

// Whether the path is still that of the file that is open.
static bool file_is_current(const struct lines_file *file) {
        struct stat open_one, there;

        return file->fd >= 0 && fstat(file->fd, &open_one) == 0 &&
               stat(file->path, &there) == 0 && open_one.st_ino == there.st_ino &&
               open_one.st_dev == there.st_dev;
}

// A new file's name is on disk only with its folder.
static void folder_sync(const char *path) {
        CLEANUP(mem_freep) char *copy = xstrdup(path);
        int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0)
                return;
        (void)fsync(fd);
        close(fd);
}

static int file_trouble(const struct lines_file *file, int code, struct error *error) {
        return error_set(error, -code, "%s: %s", file->path,
                         code == ENOSPC || code == EDQUOT ? "the disk is full"
                                                          : strerrordesc_np(code));
}

static int file_open(struct lines_file *file, struct error *error) {
        struct stat status;

        // A pipe without a reader would be waited for.
        file->fd = open(file->path, O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_CLOEXEC,
                        LINES_MODE);
        if (file->fd < 0)
                return file_trouble(file, errno, error);
        if (fstat(file->fd, &status) == 0 && !S_ISREG(status.st_mode)) {
                file_close(file);
                return error_set(error, -EINVAL, "%s: it is no regular file", file->path);
        }
        folder_sync(file->path);
        return 0;
}

// How long the file is, and whether its last line has no end: a crash, or a full disk.
static int file_look(const struct lines_file *file, off_t *ret_size, bool *ret_is_begun,
                     struct error *error) {
        struct stat status;
        char last = '\n';

        errno = 0;
        if (fstat(file->fd, &status) < 0 ||
            (status.st_size > 0 && pread(file->fd, &last, 1, status.st_size - 1) != 1))
                return file_trouble(file, errno ? errno : EIO, error);
        *ret_size = status.st_size;
        *ret_is_begun = last != '\n';
        return 0;
}

// Take away what was written of a batch that has no room, unless others have written as well.
static void file_take_back(const struct lines_file *file, off_t size, size_t written) {
        struct stat status;

        if (written > 0 && fstat(file->fd, &status) == 0 &&
            status.st_size == size + (off_t)written)
                (void)!ftruncate(file->fd, size);
}

static int file_append(struct lines_file *file, const char *bytes, size_t n,
                       struct error *error) {
        size_t written = 0;
        bool is_begun = false;
        off_t size = 0;
        int r = file_look(file, &size, &is_begun, error);

        if (r < 0)
                return r;
        if (!is_begun) {
                bytes++;
                n--;
        }
        while (written < n) {
                ssize_t more = write(file->fd, bytes + written, n - written);

                if (more < 0 && errno == EINTR)
                        continue;
                if (more <= 0) {
                        r = file_trouble(file, more < 0 ? errno : ENOSPC, error);
                        file_take_back(file, size, written);
                        return r;
                }
                written += (size_t)more;
        }
        return fsync(file->fd) < 0 ? file_trouble(file, errno, error) : 0;
}

static void lines_work(uv_work_t *work) {
        struct lines_job *job = work->data;
        struct lines_file *file = job->file;

        if (job->wants_reopen || !file_is_current(file))
                file_close(file);
        // After an error nothing is known of what is on disk: it is looked at anew.
        if ((file->fd < 0 && file_open(file, &job->error) < 0) ||
            file_append(file, job->bytes, job->n, &job->error) < 0)
                file_close(file);
}

// --- on the loop ----------------------------------------------------------------------------

static struct lines_file *file_free(struct lines_file *file) {
        file_close(file);
        free(file->path);
        return mem_free(file);
}

static void lines_on_worked(uv_work_t *work, int status) {
        struct lines_job *job = work->data;
        struct lines *lines = job->lines;
        struct error error = job->error;

        if (!lines)
                file_free(job->file);
        free(job->bytes);
        free(job);
        if (!lines)
                return;
        lines->job = NULL;
        if (status < 0 || error.code < 0)
                sink_answer(lines->sink, SINK_RETRY, 0,
                            status < 0 ? uv_strerror(status) : error.text, 0);
        else
                sink_answer(lines->sink, SINK_TAKEN, 0, NULL, 0);
}

// The rows as lines, each behind a line feed of which the first is for a line that was begun.
static char *rows_write(const struct row *rows, size_t n, size_t *ret_n) {
        char *bytes = NULL;
        FILE *out = open_memstream(&bytes, ret_n);

        if (!out)
                abort();
        fputc('\n', out);
        for (size_t i = 0; i < n; i++) {
                CLEANUP(mem_freep) char *json = row_json(&rows[i], NULL);

                fputs(json, out);
                fputc('\n', out);
        }
        if (fclose(out) != 0)
                abort();
        return bytes;
}

static void lines_send(void *state, const struct row *rows, size_t n) {
        struct lines *lines = state;
        struct lines_job *job = xnew(struct lines_job);
        int r;

        job->work.data = job;
        job->lines = lines;
        job->file = lines->file;
        job->wants_reopen = lines->wants_reopen;
        job->bytes = rows_write(rows, n, &job->n);
        lines->wants_reopen = false;
        lines->job = job;
        r = uv_queue_work(loop_uv(lines->loop), &job->work, lines_work, lines_on_worked);
        if (r < 0)
                lines_on_worked(&job->work, r);
}

static int lines_check(const struct sink_config *config, struct error *error) {
        if (!config->path || config->path[0] == '\0')
                return error_set(error, -EINVAL, "path: say which file the lines go to");
        return 0;
}

static int lines_open(void **ret, struct sink *sink, struct loop *loop,
                      const struct sink_config *config, struct error *error) {
        struct lines *lines = xnew(struct lines);

        (void)error;
        lines->sink = sink;
        lines->loop = loop;
        lines->file = xnew(struct lines_file);
        lines->file->path = xstrdup(config->path);
        lines->file->fd = -1;
        *ret = lines;
        return 0;
}

// The old file is let go of at once: whoever renamed it may compress it, or need its room.
static void lines_reopen(void *state) {
        struct lines *lines = state;

        if (lines->job)
                lines->wants_reopen = true;
        else
                file_close(lines->file);
}

static void *lines_close(void *state) {
        struct lines *lines = state;

        if (lines->job)
                lines->job->lines = NULL;
        else
                file_free(lines->file);
        return mem_free(lines);
}

const struct sink_ops sink_lines = {
        .type = "lines",
        .batch_max = LINES_BATCH,
        .check = lines_check,
        .open = lines_open,
        .send = lines_send,
        .reopen = lines_reopen,
        .close = lines_close,
};
