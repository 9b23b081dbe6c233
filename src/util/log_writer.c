#include "util/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "util/mem.h"
#include "util/thread.h"

// So much of a full queue has to be free again before the count of dropped lines is told: a
// reader that takes a line a second would otherwise read of little else.
#define ROOM_SHARE 4

struct log_writer {
        int fd;
        size_t size;
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t is_changed;
        // Under the lock:
        char *queued;  // what the thread takes next
        size_t n_queued;
        bool is_writing;
        bool is_ending;
        uint64_t n_dropped;
        // The thread's own; changes places with `queued`.
        char *written;
};

// --- the thread --------------------------------------------------------------------------

// All of it, however long its reader takes. What cannot be written at all (the reader is gone)
// is given up: there is nowhere left to complain.
static void bytes_write(int fd, const char *bytes, size_t n) {
        while (n > 0) {
                ssize_t written = write(fd, bytes, n);

                if (written >= 0) {
                        bytes += written;
                        n -= (size_t)written;
                } else if (errno == EAGAIN) {
                        // Another process that shares the descriptor made it non-blocking.
                        struct pollfd ready = {.fd = fd, .events = POLLOUT};

                        (void)poll(&ready, 1, -1);
                } else if (errno != EINTR) {
                        return;
                }
        }
}

static void *writer_run(void *context) {
        struct log_writer *writer = context;

        pthread_mutex_lock(&writer->lock);
        while (!writer->is_ending || writer->n_queued > 0) {
                char *bytes = writer->queued;
                size_t n = writer->n_queued;

                if (n == 0) {
                        pthread_cond_wait(&writer->is_changed, &writer->lock);
                        continue;
                }
                writer->queued = writer->written;
                writer->written = bytes;
                writer->n_queued = 0;
                writer->is_writing = true;
                pthread_mutex_unlock(&writer->lock);
                bytes_write(writer->fd, bytes, n);
                pthread_mutex_lock(&writer->lock);
                writer->is_writing = false;
                pthread_cond_broadcast(&writer->is_changed);
        }
        pthread_mutex_unlock(&writer->lock);
        return NULL;
}

// --- the others ----------------------------------------------------------------------------

static struct log_writer *writer_free(struct log_writer *writer) {
        pthread_cond_destroy(&writer->is_changed);
        pthread_mutex_destroy(&writer->lock);
        free(writer->queued);
        free(writer->written);
        free(writer);
        return NULL;
}

struct log_writer *log_writer_new(int fd, size_t queue_bytes) {
        struct log_writer *writer = xnew(struct log_writer);
        pthread_condattr_t attributes;

        writer->fd = fd;
        writer->size = queue_bytes;
        writer->queued = xcalloc(queue_bytes, 1);
        writer->written = xcalloc(queue_bytes, 1);
        pthread_mutex_init(&writer->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&writer->is_changed, &attributes);
        pthread_condattr_destroy(&attributes);
        return thread_start(&writer->thread, "log", writer_run, writer) == 0
                       ? writer
                       : writer_free(writer);
}

void log_writer_put(struct log_writer *writer, const char *line, size_t n) {
        pthread_mutex_lock(&writer->lock);
        if (n < writer->size - writer->n_queued) {
                memcpy(writer->queued + writer->n_queued, line, n);
                writer->queued[writer->n_queued + n] = '\n';
                writer->n_queued += n + 1;
                pthread_cond_broadcast(&writer->is_changed);
        } else {
                writer->n_dropped++;
        }
        pthread_mutex_unlock(&writer->lock);
}

uint64_t log_writer_take_dropped(struct log_writer *writer) {
        uint64_t n = 0;

        pthread_mutex_lock(&writer->lock);
        if (writer->size - writer->n_queued > writer->size / ROOM_SHARE) {
                n = writer->n_dropped;
                writer->n_dropped = 0;
        }
        pthread_mutex_unlock(&writer->lock);
        return n;
}

static struct timespec deadline_in(nsec_t duration) {
        struct timespec deadline;

        clock_gettime(CLOCK_MONOTONIC, &deadline);
        deadline.tv_sec += (time_t)(duration / NSEC_PER_SEC);
        deadline.tv_nsec += (long)(duration % NSEC_PER_SEC);
        if (deadline.tv_nsec >= NSEC_PER_SEC) {
                deadline.tv_sec++;
                deadline.tv_nsec -= (long)NSEC_PER_SEC;
        }
        return deadline;
}

bool log_writer_flush(struct log_writer *writer, nsec_t timeout) {
        struct timespec deadline = deadline_in(timeout);
        int code = 0;
        bool is_empty;

        pthread_mutex_lock(&writer->lock);
        while ((writer->n_queued > 0 || writer->is_writing) && code == 0)
                code = pthread_cond_timedwait(&writer->is_changed, &writer->lock, &deadline);
        is_empty = writer->n_queued == 0 && !writer->is_writing;
        pthread_mutex_unlock(&writer->lock);
        return is_empty;
}

struct log_writer *log_writer_stop(struct log_writer *writer, nsec_t timeout) {
        if (!writer || !log_writer_flush(writer, timeout))
                return writer;
        pthread_mutex_lock(&writer->lock);
        writer->is_ending = true;
        pthread_cond_broadcast(&writer->is_changed);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(writer->thread, NULL);
        return writer_free(writer);
}
