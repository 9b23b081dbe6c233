#include "net/transport.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>
#include <uv.h>

#include "net/bytes.h"
#include "util/mem.h"

#define READ_BYTES (64 * 1024)  // per call of on_bytes, at most

struct transport {
        uv_tcp_t tcp;
        uv_connect_t connect;
        uv_write_t write;
        uv_shutdown_t shutdown;
        struct loop *loop;
        const struct transport_handler *handler;
        void *context;

        struct bytes sending;  // lent to libuv while is_sending
        struct bytes waiting;  // what comes after
        bool is_sending;
        bool is_finishing;  // FIN follows the last byte
        bool is_finished;
};

// One buffer serves all connections: on_bytes has consumed it before the next read.
static _Thread_local char read_buffer[READ_BYTES];

static void transport_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        (void)handle;
        (void)suggested;
        *ret = uv_buf_init(read_buffer, sizeof(read_buffer));
}

static void transport_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
        struct transport *transport = stream->data;

        if (n > 0) {
                transport->handler->on_bytes(transport->context, (const uint8_t *)buffer->base,
                                             (size_t)n);
        } else if (n == UV_EOF) {
                uv_read_stop(stream);
                transport->handler->on_end(transport->context);
        } else if (n < 0) {
                transport_close(transport);
        }
}

static void transport_on_closed(uv_handle_t *handle) {
        struct transport *transport = handle->data;

        bytes_deinit(&transport->sending);
        bytes_deinit(&transport->waiting);
        transport->handler->on_closed(transport->context);
        free(transport);
}

// Not yet connected. NULL when libuv has no more to give.
static struct transport *transport_new(struct loop *loop,
                                       const struct transport_handler *handler, void *context) {
        struct transport *transport = xnew(struct transport);

        transport->loop = loop;
        transport->handler = handler;
        transport->context = context;
        if (uv_tcp_init(loop_uv(loop), &transport->tcp) < 0)
                return mem_free(transport);
        transport->tcp.data = transport;
        transport->write.data = transport;
        transport->connect.data = transport;
        return transport;
}

struct transport *transport_open(struct loop *loop, int fd,
                                 const struct transport_handler *handler, void *context) {
        struct transport *transport = transport_new(loop, handler, context);

        if (!transport) {
                close(fd);
                return NULL;
        }
        if (uv_tcp_open(&transport->tcp, fd) < 0) {
                close(fd);
                uv_close((uv_handle_t *)&transport->tcp, (uv_close_cb)free);
                return NULL;
        }
        // Messages are small and wanted now; failing costs only delay.
        (void)uv_tcp_nodelay(&transport->tcp, 1);
        transport_read_start(transport);
        return transport;
}

static void transport_on_connected(uv_connect_t *connect, int status) {
        struct transport *transport = connect->data;

        if (transport_is_closing(transport))
                return;
        if (status == 0) {
                (void)uv_tcp_nodelay(&transport->tcp, 1);
                transport_read_start(transport);
        }
        transport->handler->on_connected(transport->context, status);
}

struct transport *transport_connect(struct loop *loop, const struct sockaddr *address,
                                    const struct transport_handler *handler, void *context) {
        struct transport *transport = transport_new(loop, handler, context);

        if (transport && uv_tcp_connect(&transport->connect, &transport->tcp, address,
                                        transport_on_connected) < 0) {
                uv_close((uv_handle_t *)&transport->tcp, (uv_close_cb)free);
                return NULL;
        }
        return transport;
}

// --- writing -----------------------------------------------------------------

static void transport_on_shutdown(uv_shutdown_t *shutdown, int status) {
        (void)shutdown;
        (void)status;  // the peer is gone then; reading tells
}

static void transport_fin(struct transport *transport) {
        transport->is_finished = true;
        if (uv_shutdown(&transport->shutdown, (uv_stream_t *)&transport->tcp,
                        transport_on_shutdown) < 0)
                transport_close(transport);
}

static void transport_on_written(uv_write_t *write, int status);

static void transport_send(struct transport *transport) {
        struct bytes *sending = &transport->sending;
        struct bytes empty = *sending;
        uv_buf_t buffer;

        empty.n = 0;
        *sending = transport->waiting;
        transport->waiting = empty;
        buffer.base = (char *)sending->data;
        buffer.len = sending->n;
        if (uv_write(&transport->write, (uv_stream_t *)&transport->tcp, &buffer, 1,
                     transport_on_written) < 0) {
                transport_close(transport);
                return;
        }
        transport->is_sending = true;
}

static void transport_on_written(uv_write_t *write, int status) {
        struct transport *transport = write->data;

        transport->is_sending = false;
        bytes_clear(&transport->sending);
        if (transport_is_closing(transport))
                return;
        if (status < 0) {
                transport_close(transport);
                return;
        }
        if (transport->waiting.n) {
                transport_send(transport);
                return;
        }
        if (transport->is_finishing && !transport->is_finished)
                transport_fin(transport);
        transport->handler->on_drained(transport->context);
}

void transport_write(struct transport *transport, const void *bytes, size_t n) {
        const uint8_t *from = bytes;

        assert(loop_is_current(transport->loop));
        if (transport_is_closing(transport) || transport->is_finishing)
                return;
        if (!transport->is_sending && n && n <= UINT_MAX) {
                uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)from, (unsigned)n);
                int taken = uv_try_write((uv_stream_t *)&transport->tcp, &buffer, 1);

                if (taken < 0 && taken != UV_EAGAIN) {
                        transport_close(transport);
                        return;
                }
                if (taken > 0) {
                        from += taken;
                        n -= (size_t)taken;
                }
        }
        if (!n)
                return;
        if (!bytes_append(&transport->waiting, from, n)) {
                transport_close(transport);
                return;
        }
        if (!transport->is_sending)
                transport_send(transport);
}

size_t transport_pending(const struct transport *transport) {
        return transport->waiting.n +
               (transport->is_sending
                        ? uv_stream_get_write_queue_size((const uv_stream_t *)&transport->tcp)
                        : 0);
}

void transport_finish(struct transport *transport) {
        if (transport->is_finishing || transport_is_closing(transport))
                return;
        transport->is_finishing = true;
        if (!transport->is_sending)
                transport_fin(transport);
}

// --- reading, end --------------------------------------------------------------

void transport_read_start(struct transport *transport) {
        int result;

        if (transport_is_closing(transport))
                return;
        result = uv_read_start((uv_stream_t *)&transport->tcp, transport_on_alloc,
                               transport_on_read);
        if (result < 0 && result != UV_EALREADY)
                transport_close(transport);
}

void transport_read_stop(struct transport *transport) {
        if (!transport_is_closing(transport))
                uv_read_stop((uv_stream_t *)&transport->tcp);
}

void transport_close(struct transport *transport) {
        assert(loop_is_current(transport->loop));
        if (!transport_is_closing(transport))
                uv_close((uv_handle_t *)&transport->tcp, transport_on_closed);
}

bool transport_is_closing(const struct transport *transport) {
        return uv_is_closing((const uv_handle_t *)&transport->tcp);
}
