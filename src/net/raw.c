#include "net/raw.h"

#include <assert.h>
#include <stdlib.h>

#include "net/acceptor.h"
#include "net/http_head.h"
#include "net/peer.h"
#include "net/raw_private.h"
#include "net/transport.h"
#include "util/log.h"
#include "util/mem.h"

#define SEND_MAX_DEFAULT ((size_t)1024 * 1024)
#define CLOSE_TIMEOUT    (5 * NSEC_PER_SEC)  // for the peer to take what is left and hang up
#define RAW_LOOK         NSEC_PER_SEC        // whether a peer that has ended is still there
#define RAW_MEMORY       ((size_t)64 * 1024)

// A step costs as much as this many bytes.
#define STEP_COST ((size_t)256)

struct raw {
        struct listener *listener;  // NULL once dropped
        struct raw *next, **link;
        struct loop *loop;
        struct transport *transport;
        struct peer peer;
        struct http_request request;  // what there is to say of who came
        struct raw_handler handler;
        size_t send_max;
        struct loop_timer *timer;
        bool has_handler;
        bool is_paused;
        bool is_closing;  // ours is said; input is ignored
        bool has_ended;   // no more input will come
        bool is_dropped;  // for reading too slowly
        bool is_over;     // on_close was called
};

// --- sending ---------------------------------------------------------------------------------

size_t raw_pending(const struct raw *raw) {
        return transport_pending(raw->transport);
}

void raw_send(struct raw *raw, const void *bytes, size_t n) {
        size_t pending;

        assert(loop_is_current(raw->loop));
        if (raw->is_closing || transport_is_closing(raw->transport))
                return;
        if (n + raw_pending(raw) > raw->send_max)
                transport_flush(raw->transport);  // what was gathered is not the reader's
        pending = raw_pending(raw);
        // A piece larger than the limit is no fault of a reader who keeps up.
        if (pending && (pending >= raw->send_max || n > raw->send_max - pending)) {
                raw->is_closing = raw->is_dropped = true;
                transport_close(raw->transport);
                return;
        }
        transport_write(raw->transport, bytes, n);
}

void raw_close(struct raw *raw) {
        assert(loop_is_current(raw->loop));
        if (raw->is_closing || transport_is_closing(raw->transport))
                return;
        raw->is_closing = true;
        raw->is_paused = false;
        loop_timer_set(raw->timer, CLOSE_TIMEOUT);
        transport_finish(raw->transport);
        transport_read_start(raw->transport);
        if (raw->has_ended && !raw_pending(raw))
                transport_close(raw->transport);
}

// --- arriving --------------------------------------------------------------------------------

static size_t raw_on_bytes(void *context, const uint8_t *bytes, size_t n,
                           struct quantum *quantum) {
        struct raw *raw = context;
        size_t used = 0;

        while (used < n && !raw->is_closing && !raw->is_paused && !quantum_is_spent(quantum)) {
                size_t taken =
                        raw->handler.on_bytes(raw->handler.context, bytes + used, n - used);

                assert(taken <= n - used && (taken || raw->is_paused));
                used += taken;
                quantum_spend(quantum, STEP_COST + taken);
        }
        return raw->is_closing ? n : used;
}

static void raw_on_end(void *context) {
        struct raw *raw = context;

        raw->has_ended = true;
        if (raw->is_closing && raw_pending(raw))
                return;  // on_drained closes
        if (raw->is_closing || !raw->handler.on_end) {
                transport_close(raw->transport);
                return;
        }
        loop_timer_set(raw->timer, RAW_LOOK);
        raw->handler.on_end(raw->handler.context);
}

static void raw_on_drained(void *context) {
        struct raw *raw = context;

        if (raw->is_closing && raw->has_ended)
                transport_close(raw->transport);
        else if (!raw->is_closing && raw->handler.on_drained)
                raw->handler.on_drained(raw->handler.context);
}

void raw_pause(struct raw *raw) {
        assert(loop_is_current(raw->loop));
        if (raw->is_closing)
                return;
        raw->is_paused = true;
        transport_read_stop(raw->transport);
}

void raw_resume(struct raw *raw) {
        assert(loop_is_current(raw->loop));
        if (raw->is_closing)
                return;
        raw->is_paused = false;
        transport_read_start(raw->transport);
}

static void raw_on_timer(void *context) {
        struct raw *raw = context;

        if (raw->is_closing || transport_is_broken(raw->transport))
                transport_close(raw->transport);
        else
                loop_timer_set(raw->timer, RAW_LOOK);
}

// --- life ------------------------------------------------------------------------------------

void raw_set_handler(struct raw *raw, const struct raw_handler *handler, size_t send_max) {
        raw->handler = *handler;
        raw->send_max = send_max ? send_max : SEND_MAX_DEFAULT;
        raw->has_handler = true;
}

static void raw_end(struct raw *raw) {
        if (raw->is_over)
                return;
        raw->is_over = raw->is_closing = true;
        if (raw->has_handler)
                raw->handler.on_close(raw->handler.context, raw->is_dropped);
}

// Whoever came is not needed any more.
static void raw_dismiss(struct raw *raw, const struct listener *listener) {
        if (raw->request.principal && listener->handler.dismiss)
                listener->handler.dismiss(listener->handler.context, &raw->request);
        raw->request.principal = NULL;
}

static void raw_on_closed(void *context) {
        struct raw *raw = context;

        raw_end(raw);
        if (raw->listener) {
                raw_dismiss(raw, raw->listener);
                tally_remove(&raw->listener->addresses, raw->peer.address);
                raw->listener->n_connections--;
                *raw->link = raw->next;
                if (raw->next)
                        raw->next->link = raw->link;
        }
        loop_timer_free(raw->timer);
        free(raw);
}

// Whether there is room for it, and its peer may.
static bool raw_is_let_in(struct raw *raw, size_t n_alike) {
        struct listener *listener = raw->listener;
        const struct listener_handler *handler = &listener->handler;
        CLEANUP(mem_freep) char *words = NULL;
        int status;

        if (listener->per_address_max && n_alike > listener->per_address_max) {
                log_info("listener", "connection-refused",
                         "%s: its address has too many connections to port %d "
                         "(per_address.connections)",
                         raw->peer.name, listener->port);
                return false;
        }
        if (!budget_has_room(handler->budget, BUDGET_MESSAGES, RAW_MEMORY)) {
                log_info("listener", "connection-refused",
                         "%s: no memory is left for a connection to port %d", raw->peer.name,
                         listener->port);
                return false;
        }
        words = handler->admit ? handler->admit(handler->context, &raw->request, &status)
                               : NULL;
        return !words;
}

void raw_open(struct listener *listener, int fd) {
        static const struct transport_handler handler = {
                .on_bytes = raw_on_bytes,
                .on_end = raw_on_end,
                .on_drained = raw_on_drained,
                .on_closed = raw_on_closed,
        };
        static const struct http_head no_head;
        struct raw *raw = xnew(struct raw);

        peer_know(&raw->peer, fd, acceptor_group(listener->acceptor));
        raw->transport =
                transport_open(listener->loop, fd, listener->handler.budget, &handler, raw);
        if (!raw->transport) {
                free(raw);
                return;
        }
        transport_set_owner(raw->transport, raw->peer.address);
        raw->loop = listener->loop;
        raw->timer = loop_timer_new(raw->loop, raw_on_timer, raw);
        raw->request = (struct http_request){
                .method = "",
                .path = "",
                .query = "",
                .peer = raw->peer.name,
                .address = raw->peer.address,
                .is_loopback = raw->peer.is_loopback,
                .head = &no_head,
        };
        raw->listener = listener;
        raw->next = listener->raws;
        raw->link = &listener->raws;
        if (raw->next)
                raw->next->link = &raw->next;
        listener->raws = raw;
        listener->n_connections++;
        if (raw_is_let_in(raw, tally_add(&listener->addresses, raw->peer.address)))
                listener->handler.on_raw(listener->handler.context, &raw->request, raw);
        if (!raw->has_handler) {
                raw->is_closing = true;
                transport_close(raw->transport);
        }
}

void raw_drop(struct raw *raw) {
        const struct listener *listener = TAKE(raw->listener);

        loop_timer_cancel(raw->timer);
        raw_end(raw);
        raw_dismiss(raw, listener);
        transport_close(raw->transport);
}

struct raw *raw_next(const struct raw *raw) {
        return raw->next;
}
