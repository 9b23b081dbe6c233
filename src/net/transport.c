#include "net/transport.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include "net/bytes.h"
#include "net/tls.h"
#include "util/mem.h"

// A step of a handshake has to compute with large numbers, which takes as long as looking at so
// many bytes does.
#define HANDSHAKE_COST ((size_t)16 * 1024)

struct transport {
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_tcp_t tcp;
                uv_pipe_t pipe;  // a unix socket
        };
        uv_connect_t connect;
        uv_write_t write;
        uv_shutdown_t shutdown;
        struct loop *loop;
        const struct transport_handler *handler;
        void *context;

        struct tls *tls;       // NULL: not encrypted, and what follows is empty
        struct bytes arrived;  // as it was read, and not yet decrypted
        struct bytes held;     // to be encrypted
        bool has_more;         // there may be input without more to arrive

        struct run_queue_entry entry;
        struct bytes input;   // what the peer meant, and not yet used
        size_t n_input_used;  // of its beginning
        bool is_reading;      // wanted
        bool is_read_active;  // libuv does it
        bool has_ended;       // the peer has
        bool is_end_reported;

        struct bytes sending;  // lent to libuv while is_sending
        struct bytes waiting;  // what comes after
        bool is_sending;
        bool is_finishing;  // FIN follows the last byte
        bool is_finished;
};

// --- reading -------------------------------------------------------------------

// One buffer serves all connections: what was read into it is copied at once.
static _Thread_local char read_buffer[TRANSPORT_READ];

// Whether there is something to do without reading more.
static bool transport_has_input(const struct transport *transport) {
        return transport->input.n || transport->arrived.n || transport->has_more;
}

static void transport_on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *ret) {
        const struct transport *transport = handle->data;

        (void)suggested;
        // No room, which comes back as UV_ENOBUFS, while there is something left to be used.
        *ret = uv_buf_init(read_buffer,
                           transport_has_input(transport) ? 0 : sizeof(read_buffer));
}

static void transport_drop(struct transport *transport);

static void transport_read_halt(struct transport *transport) {
        transport->is_read_active = false;
        uv_read_stop(&transport->stream);
}

static void transport_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
        struct transport *transport = stream->data;
        struct bytes *to = transport->tls ? &transport->arrived : &transport->input;

        if (n == UV_ENOBUFS) {
                transport_read_halt(transport);
        } else if (n == UV_EOF) {
                // It may come together with the last bytes: they are used first.
                transport_read_halt(transport);
                transport->has_ended = true;
                run_queue_add(run_queue_of(transport->loop), &transport->entry);
        } else if (n < 0 || (n > 0 && !bytes_append(to, buffer->base, (size_t)n))) {
                transport_close(transport);
        } else if (n > 0) {
                run_queue_add(run_queue_of(transport->loop), &transport->entry);
        }
}

static void transport_read(struct transport *transport) {
        transport->is_read_active = true;
        if (uv_read_start(&transport->stream, transport_on_alloc, transport_on_read) < 0)
                transport_close(transport);
}

// --- encryption ------------------------------------------------------------------

// The peer speaks no TLS: so be it, with this connection alone, that it can be told.
static void transport_turn_plain(struct transport *transport) {
        transport->tls = tls_free(transport->tls);
        transport->input = transport->arrived;
        transport->waiting = transport->held;
        transport->arrived = transport->held = (struct bytes){0};
        transport->handler->on_plain(transport->context);
}

// Make input of what arrived, when all input was used: one buffer full at most.
static void transport_decrypt(struct transport *transport, struct quantum *quantum) {
        enum tls_result result = TLS_BYTES;

        if (!tls_is_ready(transport->tls))
                quantum_spend(quantum, HANDSHAKE_COST);
        while (result == TLS_BYTES && transport->input.n < TRANSPORT_READ) {
                size_t n = 0;

                result = tls_read(transport->tls, read_buffer,
                                  TRANSPORT_READ - transport->input.n, &n);
                if (result == TLS_BYTES && !bytes_append(&transport->input, read_buffer, n))
                        result = TLS_BROKEN;
        }
        transport->has_more = result == TLS_BYTES;
        if (result == TLS_ENDED) {
                transport_read_halt(transport);
                transport->has_ended = true;
        }
        // An end in the middle of the handshake is none that could be told.
        if (result == TLS_BROKEN ||
            (result == TLS_WAITS && transport->has_ended && !tls_is_ready(transport->tls)))
                transport_close(transport);
        else if (transport_pending(transport))  // the handshake's, or what had waited for it
                run_queue_want_flush(run_queue_of(transport->loop), &transport->entry);
}

// Encrypt what is held, once that can be done, and the end behind it. False when it failed: the
// connection is closing then.
static bool transport_seal(struct transport *transport) {
        struct bytes *held = &transport->held;

        if (!transport->tls || !tls_is_ready(transport->tls))
                return true;
        if (!tls_write(transport->tls, held->data, held->n)) {
                transport_drop(transport);
                return false;
        }
        bytes_deinit(held);
        if (transport->is_finishing)
                tls_end(transport->tls);
        return true;
}

// --- serving ---------------------------------------------------------------------

// Hand on what was read, as much of it as fits into the quantum.
static void transport_serve(void *context, struct quantum *quantum) {
        struct transport *transport = context;
        struct bytes *input = &transport->input;

        if (!transport->is_reading)
                return;
        if (transport->tls && tls_is_plain(transport->tls))
                transport_turn_plain(transport);
        if (transport->tls && !input->n)
                transport_decrypt(transport, quantum);
        if (transport_is_closing(transport))
                return;
        transport->n_input_used += transport->handler->on_bytes(
                transport->context, input->data ? input->data + transport->n_input_used : NULL,
                input->n - transport->n_input_used, quantum);
        if (transport_is_closing(transport))
                return;
        if (transport->n_input_used == input->n) {
                bytes_deinit(input);
                transport->n_input_used = 0;
        }
        if (!transport->is_reading)
                return;
        if (transport_has_input(transport) || quantum_is_spent(quantum)) {
                run_queue_add(run_queue_of(transport->loop), &transport->entry);
        } else if (transport->has_ended) {
                transport->is_reading = false;
                transport->is_end_reported = true;
                transport->handler->on_end(transport->context);
        } else if (!transport->is_read_active) {
                transport_read(transport);
        }
}

void transport_read_start(struct transport *transport) {
        if (transport_is_closing(transport) || transport->is_reading ||
            transport->is_end_reported)
                return;
        transport->is_reading = true;
        run_queue_add(run_queue_of(transport->loop), &transport->entry);
}

void transport_read_stop(struct transport *transport) {
        transport->is_reading = false;
        if (!transport_is_closing(transport))
                transport_read_halt(transport);
}

// --- life ----------------------------------------------------------------------

static void transport_on_round_end(void *context);

static void transport_on_closed(uv_handle_t *handle) {
        struct transport *transport = handle->data;

        tls_free(transport->tls);
        bytes_deinit(&transport->arrived);
        bytes_deinit(&transport->held);
        bytes_deinit(&transport->input);
        bytes_deinit(&transport->sending);
        bytes_deinit(&transport->waiting);
        transport->handler->on_closed(transport->context);
        free(transport);
}

// Not yet connected. NULL when libuv has no more to give.
static struct transport *transport_new(struct loop *loop, bool is_unix, struct budget *budget,
                                       const struct transport_handler *handler, void *context) {
        const struct bytes arriving = {
                .budget = budget, .kind = BUDGET_MESSAGES, .most = BYTES_KEEP};
        const struct bytes leaving = {.budget = budget, .kind = BUDGET_SENDING};
        struct transport *transport = xnew(struct transport);

        transport->loop = loop;
        transport->handler = handler;
        transport->context = context;
        transport->input = arriving;
        transport->sending = transport->waiting = leaving;
        if ((is_unix ? uv_pipe_init(loop_uv(loop), &transport->pipe, 0)
                     : uv_tcp_init(loop_uv(loop), &transport->tcp)) < 0)
                return mem_free(transport);
        transport->handle.data = transport;
        transport->write.data = transport;
        transport->connect.data = transport;
        transport->entry = (struct run_queue_entry){.serve = transport_serve,
                                                    .flush = transport_on_round_end,
                                                    .context = transport};
        return transport;
}

bool transport_encrypt(struct transport *transport, const struct tls_identity *identity) {
        transport->arrived = transport->input;
        transport->held = transport->waiting;
        transport->tls = tls_new(identity, &transport->arrived, &transport->waiting);
        return transport->tls;
}

void transport_set_owner(struct transport *transport, const char *owner) {
        transport->entry.flow =
                run_queue_flow(run_queue_of(transport->loop), owner, strlen(owner));
}

static bool socket_is_unix(int fd) {
        int domain = AF_UNSPEC;
        socklen_t length = sizeof(domain);

        return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
               domain == AF_UNIX;
}

static bool transport_is_unix(const struct transport *transport) {
        return transport->handle.type == UV_NAMED_PIPE;
}

// Messages are small and wanted now; failing costs only delay.
static void transport_hurry(struct transport *transport) {
        if (!transport_is_unix(transport))
                (void)uv_tcp_nodelay(&transport->tcp, 1);
}

struct transport *transport_open(struct loop *loop, int fd, struct budget *budget,
                                 const struct transport_handler *handler, void *context) {
        struct transport *transport =
                transport_new(loop, socket_is_unix(fd), budget, handler, context);

        if (!transport) {
                close(fd);
                return NULL;
        }
        if ((transport_is_unix(transport) ? uv_pipe_open(&transport->pipe, fd)
                                          : uv_tcp_open(&transport->tcp, fd)) < 0) {
                close(fd);
                uv_close(&transport->handle, (uv_close_cb)free);
                return NULL;
        }
        transport_hurry(transport);
        transport->is_reading = true;
        transport_read(transport);
        return transport;
}

static void transport_on_connected(uv_connect_t *connect, int status) {
        struct transport *transport = connect->data;

        if (transport_is_closing(transport))
                return;
        if (status == 0) {
                transport_hurry(transport);
                transport->is_reading = true;
                transport_read(transport);
        }
        transport->handler->on_connected(transport->context, status);
}

struct transport *transport_connect(struct loop *loop, const struct sockaddr *address,
                                    const struct transport_handler *handler, void *context) {
        struct transport *transport = transport_new(loop, false, NULL, handler, context);

        if (transport && uv_tcp_connect(&transport->connect, &transport->tcp, address,
                                        transport_on_connected) < 0) {
                uv_close(&transport->handle, (uv_close_cb)free);
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
        if (uv_shutdown(&transport->shutdown, &transport->stream, transport_on_shutdown) < 0)
                transport_close(transport);
}

static void transport_on_written(uv_write_t *write, int status);

// What was written last has been sent.
static void transport_fin_if_due(struct transport *transport) {
        if (transport->is_finishing && !transport->is_finished &&
            !transport_is_closing(transport) && transport_pending(transport) == 0)
                transport_fin(transport);
}

// Have libuv send what waits, less its first `n_sent` bytes.
static void transport_send(struct transport *transport, size_t n_sent) {
        struct bytes *sending = &transport->sending;
        struct bytes empty = *sending;
        uv_buf_t buffer;

        *sending = transport->waiting;
        transport->waiting = empty;
        buffer.base = (char *)sending->data + n_sent;
        buffer.len = sending->n - n_sent;
        if (uv_write(&transport->write, &transport->stream, &buffer, 1, transport_on_written) <
            0) {
                transport_drop(transport);
                return;
        }
        transport->is_sending = true;
}

static void transport_on_written(uv_write_t *write, int status) {
        struct transport *transport = write->data;

        transport->is_sending = false;
        bytes_deinit(&transport->sending);
        if (transport_is_closing(transport))
                return;
        if (status < 0) {
                transport_close(transport);
                return;
        }
        if (!transport_seal(transport))
                return;
        if (transport->waiting.n) {
                transport_send(transport, 0);
                return;
        }
        transport_fin_if_due(transport);
        if (transport_pending(transport) == 0)
                transport->handler->on_drained(transport->context);
}

void transport_flush(struct transport *transport) {
        struct bytes *waiting = &transport->waiting;
        uv_buf_t buffer;
        int taken;

        if (transport_is_closing(transport) || !transport_seal(transport) || !waiting->n ||
            transport->is_sending)
                return;
        buffer.base = (char *)waiting->data;
        buffer.len = waiting->n;
        taken = uv_try_write(&transport->stream, &buffer, 1);
        if (taken < 0 && taken != UV_EAGAIN)
                transport_drop(transport);
        else if (taken >= 0 && (size_t)taken == waiting->n)
                bytes_deinit(waiting);
        else
                transport_send(transport, taken > 0 ? (size_t)taken : 0);
}

// The round ends: send what was gathered.
static void transport_on_round_end(void *context) {
        struct transport *transport = context;

        transport_flush(transport);
        transport_fin_if_due(transport);
        if (!transport_is_closing(transport) && transport_pending(transport) == 0)
                transport->handler->on_drained(transport->context);
}

void transport_write(struct transport *transport, const void *bytes, size_t n) {
        struct bytes *to = transport->tls ? &transport->held : &transport->waiting;

        assert(loop_is_current(transport->loop));
        if (!n || transport_is_closing(transport) || transport->is_finishing)
                return;
        if (!bytes_append(to, bytes, n))
                transport_close(transport);
        else if (to->n >= TRANSPORT_GATHER)
                transport_flush(transport);
        // on_drained comes at the round's end, also when all is sent at once.
        if (!transport->is_sending && !transport_is_closing(transport))
                run_queue_want_flush(run_queue_of(transport->loop), &transport->entry);
}

struct budget *transport_budget(const struct transport *transport) {
        return transport->input.budget;
}

size_t transport_pending(const struct transport *transport) {
        return transport->held.n + transport->waiting.n +
               (transport->is_sending ? uv_stream_get_write_queue_size(&transport->stream) : 0);
}

bool transport_is_broken(const struct transport *transport) {
        struct tcp_info info = {0};
        socklen_t length = sizeof(info);
        struct pollfd look = {0};

        if (uv_fileno(&transport->handle, &look.fd) < 0)
                return true;
        if (transport_is_unix(transport))  // who has only ended its own side hangs on
                return poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLERR));
        return getsockopt(look.fd, IPPROTO_TCP, TCP_INFO, &info, &length) < 0 ||
               info.tcpi_state == TCP_CLOSE;
}

void transport_finish(struct transport *transport) {
        if (transport->is_finishing || transport_is_closing(transport))
                return;
        transport->is_finishing = true;
        transport_flush(transport);
        transport_fin_if_due(transport);
}

// --- the end -------------------------------------------------------------------

static void transport_drop(struct transport *transport) {
        if (transport_is_closing(transport))
                return;
        run_queue_remove(run_queue_of(transport->loop), &transport->entry);
        // The handle closes in the background, when the budget may have gone already.
        bytes_leave_budget(&transport->arrived);
        bytes_leave_budget(&transport->held);
        bytes_leave_budget(&transport->input);
        bytes_leave_budget(&transport->sending);
        bytes_leave_budget(&transport->waiting);
        uv_close(&transport->handle, transport_on_closed);
}

void transport_close(struct transport *transport) {
        assert(loop_is_current(transport->loop));
        transport->is_finishing = true;
        transport_flush(transport);
        transport_drop(transport);
}

bool transport_is_closing(const struct transport *transport) {
        return uv_is_closing(&transport->handle);
}
