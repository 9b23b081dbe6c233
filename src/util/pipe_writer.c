#include "util/pipe_writer.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "util/mem.h"

// Bytes that wait before pipe_writer_write() says stop.
#define QUEUE_MAX ((size_t)256 * 1024)

struct pipe_writer {
        uv_pipe_t pipe;
        void (*on_drain)(void *context);
        void *context;
        bool is_shut;  // the pipe is closed, or about to be
        bool is_ending, is_full;
        bool is_gone;    // pipe_writer_close() was called
        bool is_closed;  // libuv has let go of the pipe
};

struct write_request {
        uv_write_t request;
        uint8_t bytes[];
};

static void writer_free_if_done(struct pipe_writer *writer) {
        if (writer->is_gone && writer->is_closed)
                free(writer);
}

static void writer_on_closed(uv_handle_t *handle) {
        struct pipe_writer *writer = handle->data;

        writer->is_closed = true;
        writer_free_if_done(writer);
}

static void writer_shut(struct pipe_writer *writer) {
        if (writer->is_shut)
                return;
        writer->is_shut = true;
        uv_close((uv_handle_t *)&writer->pipe, writer_on_closed);
}

static size_t writer_queue(const struct pipe_writer *writer) {
        return uv_stream_get_write_queue_size((const uv_stream_t *)&writer->pipe);
}

size_t pipe_writer_pending(const struct pipe_writer *writer) {
        return writer->is_shut ? 0 : writer_queue(writer);
}

static void writer_on_written(uv_write_t *request, int status) {
        struct pipe_writer *writer = request->data;

        free(request);
        if (writer->is_shut)
                return;
        // Whoever does not read any more says elsewhere why.
        if (status < 0 || (writer->is_ending && writer_queue(writer) == 0))
                writer_shut(writer);
        if (!writer->is_full || (!writer->is_shut && writer_queue(writer) > QUEUE_MAX / 2))
                return;
        writer->is_full = false;
        writer->on_drain(writer->context);
}

bool pipe_writer_write(struct pipe_writer *writer, const uint8_t *bytes, size_t n) {
        struct write_request *write;
        uv_buf_t buffer;

        if (writer->is_shut || writer->is_ending || n == 0)
                return true;
        write = xcalloc(1, sizeof(*write) + n);
        memcpy(write->bytes, bytes, n);
        write->request.data = writer;
        buffer = uv_buf_init((char *)write->bytes, (unsigned)n);
        if (uv_write(&write->request, (uv_stream_t *)&writer->pipe, &buffer, 1,
                     writer_on_written) < 0) {
                free(write);
                return true;
        }
        writer->is_full = writer_queue(writer) > QUEUE_MAX;
        return !writer->is_full;
}

void pipe_writer_end(struct pipe_writer *writer) {
        writer->is_ending = true;
        if (!writer->is_shut && writer_queue(writer) == 0)
                writer_shut(writer);
}

// --- life -----------------------------------------------------------------------

// libuv writes to pipes with write(): a reader that closed its end must not end us.
static void sigpipe_ignore(void) {
        struct sigaction current;

        if (sigaction(SIGPIPE, NULL, &current) == 0 && current.sa_handler == SIG_DFL)
                (void)signal(SIGPIPE, SIG_IGN);
}

// uv_pipe_init and uv_pipe_open on a fresh pipe end fail for nothing that happens: aborts.
struct pipe_writer *pipe_writer_open(struct loop *loop, int descriptor,
                                     void (*on_drain)(void *context), void *context) {
        struct pipe_writer *writer = xnew(struct pipe_writer);

        sigpipe_ignore();
        writer->on_drain = on_drain;
        writer->context = context;
        if (uv_pipe_init(loop_uv(loop), &writer->pipe, 0) < 0 ||
            uv_pipe_open(&writer->pipe, descriptor) < 0)
                abort();
        writer->pipe.data = writer;
        return writer;
}

struct pipe_writer *pipe_writer_close(struct pipe_writer *writer) {
        if (!writer)
                return NULL;
        writer->is_gone = true;
        writer_shut(writer);
        writer_free_if_done(writer);
        return NULL;
}
