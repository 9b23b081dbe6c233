#include "util/pipe_reader.h"

#include <stdbool.h>
#include <stdlib.h>
#include <uv.h>

#include "util/mem.h"
#include "util/run_queue.h"

#define READ_MAX 65536           // what a pipe holds at most: one read empties it
#define STEP_MAX ((size_t)8192)  // handed on at a time

struct pipe_reader {
        struct loop *loop;
        struct pipe_reader_listener listener;
        uv_pipe_t pipe;
        struct run_queue_entry entry;
        uint8_t bytes[READ_MAX];
        size_t n_bytes, n_handed_on;
        bool is_reading;  // libuv does
        bool has_ended;   // nothing more will come
        bool is_paused;
        bool is_discarding;
        bool is_closed;
};

static void reading_stop(struct pipe_reader *reader) {
        reader->is_reading = false;
        uv_read_stop((uv_stream_t *)&reader->pipe);
}

static void reader_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        struct pipe_reader *reader = handle->data;

        (void)suggested;
        // No room, which comes back as UV_ENOBUFS, while there is something to be handed on.
        *ret = uv_buf_init((char *)reader->bytes, reader->n_bytes ? 0 : READ_MAX);
}

static void reader_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
        struct pipe_reader *reader = stream->data;

        (void)buffer;
        if (n == UV_ENOBUFS) {
                reading_stop(reader);
        } else if (n < 0) {  // maybe together with the last bytes
                reading_stop(reader);
                reader->has_ended = true;
                run_queue_add(run_queue_of(reader->loop), &reader->entry);
        } else if (n > 0 && !reader->is_discarding) {
                reader->n_bytes = (size_t)n;
                run_queue_add(run_queue_of(reader->loop), &reader->entry);
        }
}

static void reading_start(struct pipe_reader *reader) {
        if (reader->is_reading)
                return;
        reader->is_reading = true;
        uv_read_start((uv_stream_t *)&reader->pipe, reader_on_alloc, reader_on_read);
}

static void bytes_hand_on(struct pipe_reader *reader, struct quantum *quantum) {
        while (reader->n_handed_on < reader->n_bytes && !reader->is_paused &&
               !reader->is_discarding && !reader->is_closed && !quantum_is_spent(quantum)) {
                const uint8_t *bytes = reader->bytes + reader->n_handed_on;
                size_t n = reader->n_bytes - reader->n_handed_on;

                if (n > STEP_MAX)
                        n = STEP_MAX;
                n = reader->listener.on_bytes(reader->listener.context, bytes, n);
                reader->n_handed_on += n;
                quantum_spend(quantum, n);
        }
}

static void reader_serve(void *context, struct quantum *quantum) {
        struct pipe_reader *reader = context;

        bytes_hand_on(reader, quantum);
        if (reader->is_discarding || reader->n_handed_on == reader->n_bytes)
                reader->n_bytes = reader->n_handed_on = 0;
        if (reader->is_paused || reader->is_closed)
                return;
        if (reader->n_bytes)
                run_queue_add(run_queue_of(reader->loop), &reader->entry);
        else if (!reader->has_ended)
                reading_start(reader);
        else
                reader->listener.on_end(reader->listener.context);
}

void pipe_reader_pause(struct pipe_reader *reader) {
        if (reader->is_paused || reader->is_discarding)
                return;
        reader->is_paused = true;
        reading_stop(reader);
}

void pipe_reader_resume(struct pipe_reader *reader) {
        if (!reader->is_paused)
                return;
        reader->is_paused = false;
        run_queue_add(run_queue_of(reader->loop), &reader->entry);
}

void pipe_reader_discard(struct pipe_reader *reader) {
        reader->is_discarding = true;
        pipe_reader_resume(reader);
}

// --- life -----------------------------------------------------------------------

static void reader_on_closed(uv_handle_t *handle) {
        free(handle->data);
}

// uv_pipe_init and uv_pipe_open on a fresh pipe end fail for nothing that happens: aborts.
struct pipe_reader *pipe_reader_open(struct loop *loop, int descriptor,
                                     const struct pipe_reader_listener *listener) {
        struct pipe_reader *reader = xnew(struct pipe_reader);

        reader->loop = loop;
        reader->listener = *listener;
        reader->entry = (struct run_queue_entry){
                .serve = reader_serve,
                .context = reader,
                .flow = run_queue_flow(run_queue_of(loop), &reader, sizeof(reader)),
        };
        if (uv_pipe_init(loop_uv(loop), &reader->pipe, 0) < 0 ||
            uv_pipe_open(&reader->pipe, descriptor) < 0)
                abort();
        reader->pipe.data = reader;
        reading_start(reader);
        return reader;
}

struct pipe_reader *pipe_reader_close(struct pipe_reader *reader) {
        if (!reader)
                return NULL;
        reader->is_closed = true;
        run_queue_remove(run_queue_of(reader->loop), &reader->entry);
        uv_close((uv_handle_t *)&reader->pipe, reader_on_closed);
        return NULL;
}
