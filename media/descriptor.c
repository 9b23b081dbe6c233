#include "media/descriptor.h"

#include <errno.h>
#include <libavutil/error.h>
#include <libavutil/mem.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "media/joint.h"
#include "media/pages.h"
#include "util/mem.h"

#define BUFFER_SIZE 65536

// Sizes in heads are not always right to the last byte.
#define SIZE_SLACK 4096

struct media_descriptor {
        int input;
        bool is_seekable;
        int64_t origin;    // where the input stood
        int64_t begin;     // of the part that is read
        int64_t end;       // where another begins; -1: none does, as far as is known
        int64_t position;  // of the next byte
        int64_t promised;  // where the part ends by its own account; -1: unknown
        int64_t missing;   // bytes before that, at the input's end
        struct media_pages pages;
        // Bytes of a pipe that were looked at and are still to be read.
        uint8_t ahead[MEDIA_JOINT_HEAD];
        size_t n_ahead;
        uint64_t n_read, limit;
        bool is_beyond;
        void (*on_idle)(void *context);
        void *idle_context;
        AVIOContext *io;
};

// --- bytes ------------------------------------------------------------------------

// Live: what was read is handed on when nothing has followed it for so long.
static void input_await(const struct media_descriptor *descriptor) {
        struct pollfd entry = {descriptor->input, POLLIN, 0};

        if (descriptor->on_idle && poll(&entry, 1, MEDIA_DESCRIPTOR_IDLE_MS) == 0)
                descriptor->on_idle(descriptor->idle_context);
}

// As read(); waits where the input would not.
static ssize_t input_read(struct media_descriptor *descriptor, uint8_t *bytes, size_t n,
                          int64_t position) {
        for (;;) {
                ssize_t got = descriptor->is_seekable
                                      ? pread(descriptor->input, bytes, n, position)
                                      : read(descriptor->input, bytes, n);
                struct pollfd entry = {descriptor->input, POLLIN, 0};

                if (got >= 0)
                        return got;
                if (errno == EAGAIN)
                        poll(&entry, 1, -1);
                else if (errno != EINTR)
                        return -errno;
        }
}

// As many bytes as there are, up to `n`.
static size_t input_read_whole(struct media_descriptor *descriptor, uint8_t *bytes, size_t n,
                               int64_t position) {
        size_t done = 0;

        while (done < n) {
                ssize_t got = input_read(descriptor, bytes + done, n - done,
                                         position + (int64_t)done);

                if (got <= 0)
                        break;
                done += (size_t)got;
        }
        return done;
}

// --- parts ------------------------------------------------------------------------

// Look at the first bytes of a part, and in a file also at those behind it.
static void part_begin(struct media_descriptor *descriptor, int64_t begin) {
        uint8_t head[MEDIA_JOINT_HEAD];
        size_t n = descriptor->n_ahead;
        int64_t length;

        descriptor->begin = descriptor->position = begin;
        descriptor->end = descriptor->promised = -1;
        descriptor->missing = 0;
        media_pages_init(&descriptor->pages);
        if (descriptor->is_seekable) {
                n = input_read_whole(descriptor, head, MEDIA_JOINT_HEAD, begin);
        } else {
                n += input_read_whole(descriptor, descriptor->ahead + n, MEDIA_JOINT_HEAD - n,
                                      0);
                descriptor->n_ahead = n;
                memcpy(head, descriptor->ahead, n);
        }
        length = media_joint_length(head, n);
        if (length < 0)
                return;
        descriptor->promised = begin + length;
        // Others know by themselves where the next file begins.
        if (!media_joint_is_head(head, n))
                return;
        if (descriptor->is_seekable) {
                n = input_read_whole(descriptor, head, MEDIA_JOINT_HEAD, begin + length);
                if (!media_joint_is_head(head, n))
                        return;
        }
        descriptor->end = descriptor->promised;
}

// A pipe is where another part should begin: does it?
static bool part_is_over(struct media_descriptor *descriptor) {
        if (descriptor->is_seekable)
                return true;
        if (descriptor->n_ahead == 0)
                descriptor->n_ahead =
                        input_read_whole(descriptor, descriptor->ahead, MEDIA_JOINT_HEAD, 0);
        if (media_joint_is_head(descriptor->ahead, descriptor->n_ahead))
                return true;
        descriptor->end = -1;  // something else: the demuxer may make sense of it
        return false;
}

// --- for libavformat -----------------------------------------------------------------

static int read_packet(void *opaque, uint8_t *bytes, int size) {
        struct media_descriptor *descriptor = opaque;
        size_t n = (size_t)size;
        ssize_t got;

        if (descriptor->limit && descriptor->n_read >= descriptor->limit) {
                descriptor->is_beyond = true;
                return AVERROR(EFBIG);
        }
        if (descriptor->position == descriptor->end && part_is_over(descriptor))
                return AVERROR_EOF;
        if (descriptor->end >= 0 && (int64_t)n > descriptor->end - descriptor->position)
                n = (size_t)(descriptor->end - descriptor->position);
        if (descriptor->n_ahead > 0) {
                got = (ssize_t)(n < descriptor->n_ahead ? n : descriptor->n_ahead);
                memcpy(bytes, descriptor->ahead, (size_t)got);
                descriptor->n_ahead -= (size_t)got;
                memmove(descriptor->ahead, descriptor->ahead + got, descriptor->n_ahead);
        } else {
                input_await(descriptor);
                got = input_read(descriptor, bytes, n, descriptor->position);
        }
        if (got == 0 && descriptor->position < descriptor->promised)
                descriptor->missing = descriptor->promised - descriptor->position;
        if (got == 0)
                return AVERROR_EOF;
        if (got < 0)
                return AVERROR((int)-got);
        if (!descriptor->is_seekable)
                media_pages_feed(&descriptor->pages, bytes, (size_t)got);
        descriptor->position += got;
        descriptor->n_read += (uint64_t)got;
        return (int)got;
}

// libavformat seeks from the begin, or asks for the size.
static int64_t seek(void *opaque, int64_t offset, int whence) {
        struct media_descriptor *descriptor = opaque;
        struct stat status;
        int64_t end = descriptor->end;

        if (end < 0) {
                if (fstat(descriptor->input, &status) < 0)
                        return AVERROR(errno);
                end = status.st_size;
        }
        if (whence == AVSEEK_SIZE)
                return end - descriptor->begin;
        if ((whence & ~AVSEEK_FORCE) != SEEK_SET)
                return AVERROR(EINVAL);
        offset += descriptor->begin;
        if (offset < descriptor->begin)
                return AVERROR(EINVAL);
        // Behind the end there is nothing to be read, least of all the next part.
        descriptor->position = descriptor->end >= 0 && offset > end ? end : offset;
        return offset - descriptor->begin;
}

// --- the door ---------------------------------------------------------------------

struct media_descriptor *media_descriptor_new(int input) {
        struct media_descriptor *descriptor = xnew(struct media_descriptor);
        struct pollfd entry = {input, POLLIN, 0};
        struct stat status;

        descriptor->input = input;
        if (fstat(input, &status) == 0 && S_ISREG(status.st_mode)) {
                descriptor->origin = lseek(input, 0, SEEK_CUR);
                descriptor->is_seekable = descriptor->origin >= 0;
        }
        if (!descriptor->is_seekable) {
                descriptor->origin = 0;
                // Before its writer comes, a FIFO reads as if it were at its end.
                while (poll(&entry, 1, -1) < 0 && errno == EINTR)
                        continue;
        }
        part_begin(descriptor, descriptor->origin);
        return descriptor;
}

static void io_free(struct media_descriptor *descriptor) {
        if (descriptor->io)
                av_freep(&descriptor->io->buffer);
        avio_context_free(&descriptor->io);
}

struct media_descriptor *media_descriptor_free(struct media_descriptor *descriptor) {
        if (!descriptor)
                return NULL;
        io_free(descriptor);
        free(descriptor);
        return NULL;
}

AVIOContext *media_descriptor_open(struct media_descriptor *descriptor) {
        uint8_t *buffer = av_malloc(BUFFER_SIZE);

        io_free(descriptor);
        if (!buffer)
                return NULL;
        descriptor->io = avio_alloc_context(buffer, BUFFER_SIZE, 0, descriptor, read_packet,
                                            NULL, descriptor->is_seekable ? seek : NULL);
        if (!descriptor->io)
                av_free(buffer);
        return descriptor->io;
}

void media_descriptor_on_idle(struct media_descriptor *descriptor,
                              void (*on_idle)(void *context), void *context) {
        descriptor->on_idle = on_idle;
        descriptor->idle_context = context;
}

size_t media_descriptor_head(const struct media_descriptor *descriptor,
                             const uint8_t **ret_bytes) {
        *ret_bytes = descriptor->ahead;
        return descriptor->n_ahead;
}

bool media_descriptor_is_seekable(const struct media_descriptor *descriptor) {
        return descriptor->is_seekable;
}

bool media_descriptor_next(struct media_descriptor *descriptor) {
        if (descriptor->end < 0)
                return false;
        if (!descriptor->is_seekable) {
                // What the demuxer left unread of the part.
                uint8_t rest[4096];
                int got;

                do
                        got = read_packet(descriptor, rest, sizeof(rest));
                while (got > 0);
                if (descriptor->end < 0 || descriptor->position != descriptor->end)
                        return false;
        }
        part_begin(descriptor, descriptor->end);
        return true;
}

bool media_descriptor_rewind(struct media_descriptor *descriptor) {
        if (!descriptor->is_seekable)
                return false;
        part_begin(descriptor, descriptor->origin);
        return true;
}

void media_descriptor_limit(struct media_descriptor *descriptor, uint64_t n_bytes) {
        descriptor->limit = n_bytes ? descriptor->n_read + n_bytes : 0;
        descriptor->is_beyond = false;
}

bool media_descriptor_is_beyond(const struct media_descriptor *descriptor) {
        return descriptor->is_beyond;
}

// A file's demuxer went to and fro: its pages are followed once more.
static void pages_follow(struct media_descriptor *descriptor) {
        CLEANUP(mem_freep) char *buffer = xcalloc(BUFFER_SIZE, 1);
        uint8_t *bytes = (uint8_t *)buffer;
        int64_t position = descriptor->begin;
        ssize_t got;

        media_pages_init(&descriptor->pages);
        while (!descriptor->pages.is_lost &&
               (got = input_read(descriptor, bytes, BUFFER_SIZE, position)) > 0) {
                media_pages_feed(&descriptor->pages, bytes, (size_t)got);
                position += got;
        }
}

int64_t media_descriptor_missing(struct media_descriptor *descriptor) {
        if (descriptor->missing > 0)
                return descriptor->missing > SIZE_SLACK ? descriptor->missing : 0;
        if (descriptor->is_seekable)
                pages_follow(descriptor);
        return (int64_t)media_pages_missing(&descriptor->pages);
}

bool media_descriptor_is_empty(const struct media_descriptor *descriptor) {
        return descriptor->n_read == 0;
}
