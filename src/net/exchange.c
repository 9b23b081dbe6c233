#include "net/exchange.h"

#include <assert.h>
#include <http_parser.h>
#include <stdio.h>
#include <string.h>

#include "net/bytes.h"
#include "net/exchange_private.h"
#include "net/http_reply.h"
#include "net/listener.h"

#define NO_MEMORY "no memory is left for more, try again later"

// A call from outside of the connection's own changed something: have the connection look.
static void exchange_wake(struct exchange *exchange) {
        if (!exchange->is_serving)
                run_queue_add(run_queue_of(exchange->loop), &exchange->entry);
}

void exchange_refuse(struct exchange *exchange, int status, const char *reason) {
        if (exchange->is_answered || exchange->is_refused)
                return;
        if (exchange->is_begun)  // too late to say it, and what was said is to be no answer
                transport_close(exchange->transport);
        else
                http_reply_refuse(exchange->transport, loop_wall(exchange->loop),
                                  &exchange->request, status, reason, exchange->is_head_only);
        exchange->is_refused = true;
        exchange->keeps_alive = false;
}

// --- the body ----------------------------------------------------------------------

// What is due of the body must have come within so long.
static void body_wait(struct exchange *exchange, nsec_t patience) {
        exchange->body_due_at = loop_now(exchange->loop) + patience;
        loop_timer_set(exchange->deadline, patience);
}

// So much must have come before the deadline, which is put off.
static void body_expect(struct exchange *exchange) {
        exchange->n_body_due = exchange->n_body + EXCHANGE_BODY_STEP;
        body_wait(exchange, EXCHANGE_BODY_TIMEOUT);
}

void exchange_set_handler(struct exchange *exchange, const struct exchange_handler *handler) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

        assert(!exchange->has_handler && !exchange->is_begun && handler->on_gone);
        exchange->handler = *handler;
        exchange->has_handler = true;
        if (!handler->on_body)
                exchange_pause(exchange);
        if (!handler->on_body || !exchange->n_announced)
                return;
        if (exchange->n_announced != UINT64_MAX && exchange->n_announced > handler->body_max) {
                exchange_refuse(exchange, HTTP_STATUS_PAYLOAD_TOO_LARGE,
                                "the body is too large");
                return;
        }
        if (exchange->is_continue_due)
                transport_write(exchange->transport, go_on, sizeof(go_on) - 1);
        exchange->is_continue_due = false;
        body_expect(exchange);
}

void exchange_hand_over(struct exchange *exchange, const struct exchange_handler *handler) {
        assert(exchange->has_handler && !exchange->is_begun && handler->on_gone);
        exchange->handler.on_drained = handler->on_drained;
        exchange->handler.on_gone = handler->on_gone;
        exchange->handler.context = handler->context;
}

void exchange_take(struct exchange *exchange, const uint8_t *bytes, size_t n) {
        exchange->n_body += n;
        if (exchange->is_answered || exchange->is_refused)
                return;
        if (exchange->n_body > exchange->handler.body_max) {
                exchange_refuse(exchange, HTTP_STATUS_PAYLOAD_TOO_LARGE,
                                "the body is too large");
                return;
        }
        if (exchange->n_body >= exchange->n_body_due)
                body_expect(exchange);
        exchange->handler.on_body(exchange->handler.context, bytes, n);
}

void exchange_take_end(struct exchange *exchange) {
        exchange->is_body_complete = true;
        if (exchange->is_answered || exchange->is_refused)
                return;
        loop_timer_cancel(exchange->deadline);
        if (exchange->handler.on_body_end)
                exchange->handler.on_body_end(exchange->handler.context);
}

void exchange_pause(struct exchange *exchange) {
        if (exchange->is_paused || exchange->is_body_complete || !exchange->n_announced)
                return;
        exchange->is_paused = true;
        exchange->body_patience = exchange->body_due_at - loop_now(exchange->loop);
        if (exchange->body_patience < 0)
                exchange->body_patience = 0;
        loop_timer_cancel(exchange->deadline);
}

void exchange_resume(struct exchange *exchange) {
        if (!exchange->is_paused || !exchange->handler.on_body)
                return;
        exchange->is_paused = false;
        body_wait(exchange, exchange->body_patience);
        exchange_wake(exchange);
}

bool exchange_takes_input(const struct exchange *exchange) {
        return !exchange->is_paused && !exchange->is_body_complete && !exchange->is_refused;
}

// --- the answer --------------------------------------------------------------------

static void exchange_send(struct exchange *exchange, const void *bytes, size_t n) {
        exchange->n_sent += n;
        transport_write(exchange->transport, bytes, n);
}

// What is left of the body is short enough to be read for the next request's sake, as far as is
// known. A client that asked whether to send it, and was not answered, may send it or not: then
// nobody knows where the next request begins.
static bool body_is_short(const struct exchange *exchange) {
        if (exchange->is_body_complete)
                return true;
        if (exchange->is_continue_due)
                return false;
        return exchange->n_announced == UINT64_MAX ||
               exchange->n_announced - exchange->n_body <= EXCHANGE_UNREAD_MAX;
}

static void answer_begin(struct exchange *exchange, const struct http_response *response) {
        enum http_framing framing = HTTP_LENGTH;

        exchange->is_begun = true;
        exchange->is_head_only =
                exchange->is_head_only || !http_status_has_body(response->status);
        exchange->n_left = response->body_length;
        if (exchange->n_left == EXCHANGE_LENGTH_UNKNOWN &&
            http_status_has_body(response->status))
                framing = exchange->is_1_0 ? HTTP_UNTIL_CLOSE : HTTP_CHUNKED;
        exchange->is_chunked = framing == HTTP_CHUNKED;
        exchange->keeps_alive = exchange->keeps_alive && framing != HTTP_UNTIL_CLOSE;
        http_reply_head(exchange->transport, loop_wall(exchange->loop), exchange->request.page,
                        response, framing, !exchange->keeps_alive);
}

// The handler has let go of the exchange. The rest of the body is read from here on for the
// next request's sake.
static void answer_complete(struct exchange *exchange) {
        exchange->is_answered = true;
        exchange->is_paused = false;
        exchange->is_choked = exchange->is_drained = false;
        if (exchange->n_announced != UINT64_MAX)
                exchange->n_announced -= exchange->n_body;
        exchange->n_body = 0;
        if (exchange->stall)
                loop_timer_cancel(exchange->stall);
        if (!exchange->is_body_complete)
                loop_timer_set(exchange->deadline, LISTENER_REQUEST_TIMEOUT);
        exchange_wake(exchange);
}

static bool answer_has_memory(const struct exchange *exchange, size_t n) {
        return n <= BYTES_KEEP ||
               budget_has_room(transport_budget(exchange->transport), BUDGET_SENDING, 2 * n);
}

void exchange_reply(struct exchange *exchange, const struct http_response *response) {
        assert(!exchange->is_begun);
        exchange->keeps_alive = exchange->keeps_alive && body_is_short(exchange);
        if (!answer_has_memory(exchange, response->body_length))
                exchange_refuse(exchange, HTTP_STATUS_SERVICE_UNAVAILABLE, NO_MEMORY);
        if (!exchange->is_refused) {
                answer_begin(exchange, response);
                if (!exchange->is_head_only)
                        exchange_send(exchange, response->body, response->body_length);
        }
        answer_complete(exchange);
}

bool exchange_begin(struct exchange *exchange, const struct http_response *response) {
        assert(!exchange->is_begun);
        if (!exchange->handler.on_body)
                exchange->keeps_alive = exchange->keeps_alive && body_is_short(exchange);
        if (!exchange->is_refused)
                answer_begin(exchange, response);
        return !exchange->is_refused && !exchange->is_head_only;
}

// Bytes that the peer has taken since the connection was opened, heads left out: only how it
// grows means something.
static int64_t answer_taken(const struct exchange *exchange) {
        return (int64_t)(exchange->n_sent - transport_pending(exchange->transport));
}

// While the peer is slow: it takes something, or it goes.
static void exchange_on_stall(void *context) {
        struct exchange *exchange = context;
        int64_t n_taken = answer_taken(exchange);

        if (n_taken <= exchange->n_taken) {
                transport_close(exchange->transport);
                return;
        }
        exchange->n_taken = n_taken;
        loop_timer_set(exchange->stall, EXCHANGE_STALL_TIMEOUT);
}

static void exchange_choke(struct exchange *exchange) {
        if (exchange->is_choked)
                return;
        exchange->is_choked = true;
        exchange->n_taken = answer_taken(exchange);
        if (!exchange->stall)
                exchange->stall = loop_timer_new(exchange->loop, exchange_on_stall, exchange);
        loop_timer_set(exchange->stall, EXCHANGE_STALL_TIMEOUT);
}

bool exchange_write(struct exchange *exchange, const void *bytes, size_t n) {
        char size[24];

        assert(n <= EXCHANGE_UNSENT_MAX);
        if (exchange->is_refused || exchange->is_head_only || !n)
                return true;
        assert(exchange->is_begun);
        if (exchange->n_unsent + n > EXCHANGE_UNSENT_MAX) {
                exchange_choke(exchange);
                return false;
        }
        exchange->n_unsent += n;
        if (exchange->n_left != EXCHANGE_LENGTH_UNKNOWN) {
                assert(n <= exchange->n_left);
                exchange->n_left -= n;
        }
        if (exchange->is_chunked)
                exchange_send(exchange, size,
                              (size_t)snprintf(size, sizeof(size), "%zx\r\n", n));
        exchange_send(exchange, bytes, n);
        if (exchange->is_chunked)
                exchange_send(exchange, "\r\n", 2);
        return true;
}

void exchange_end(struct exchange *exchange) {
        bool has_body = !exchange->is_refused && !exchange->is_head_only;

        assert(exchange->is_begun || exchange->is_refused);
        if (has_body && exchange->is_chunked)
                exchange_send(exchange, "0\r\n\r\n", 5);
        else if (has_body && exchange->n_left && exchange->n_left != EXCHANGE_LENGTH_UNKNOWN)
                transport_close(exchange->transport);  // so that it is no whole answer
        answer_complete(exchange);
}

void exchange_cut(struct exchange *exchange) {
        transport_close(exchange->transport);
        answer_complete(exchange);
}

void exchange_drained(struct exchange *exchange) {
        exchange->n_unsent = 0;
        if (!exchange->is_choked)
                return;
        exchange->is_choked = false;
        exchange->is_drained = true;
        loop_timer_cancel(exchange->stall);
        exchange_wake(exchange);
}

void exchange_serve(struct exchange *exchange) {
        if (!exchange->is_drained)
                return;
        exchange->is_drained = false;
        // If another write was refused meanwhile, that has yet to be sent.
        if (exchange->handler.on_drained && !exchange->is_choked)
                exchange->handler.on_drained(exchange->handler.context);
}

// --- life --------------------------------------------------------------------------

const struct http_request *exchange_request(const struct exchange *exchange) {
        return &exchange->request;
}

void exchange_start(struct exchange *exchange, const struct exchange_terms *terms) {
        *exchange = (struct exchange){
                .request = exchange->request,
                .transport = exchange->transport,
                .loop = exchange->loop,
                .deadline = exchange->deadline,
                .stall = exchange->stall,
                .entry = exchange->entry,
                .n_sent = exchange->n_sent,
                .is_serving = exchange->is_serving,
                .n_announced = terms->n_announced,
                .is_continue_due =
                        terms->expects_continue && terms->n_announced && !terms->is_1_0,
                .keeps_alive = terms->keeps_alive,
                .is_1_0 = terms->is_1_0,
                .is_head_only = strcmp(exchange->request.method, "HEAD") == 0,
                .is_active = true,
        };
}

void exchange_check_taken(struct exchange *exchange) {
        if (!exchange->is_answered && !exchange->has_handler)
                exchange_refuse(exchange, HTTP_STATUS_INTERNAL_SERVER_ERROR, "nobody answers");
}

bool exchange_is_last(const struct exchange *exchange) {
        return exchange->is_answered && (!exchange->keeps_alive || !body_is_short(exchange) ||
                                         exchange->n_body > EXCHANGE_UNREAD_MAX);
}

void exchange_stop(struct exchange *exchange) {
        bool is_cut_short =
                exchange->is_active && !exchange->is_answered && exchange->has_handler;

        exchange->is_active = false;
        exchange->is_answered = true;
        if (exchange->stall)
                loop_timer_cancel(exchange->stall);
        if (is_cut_short)
                exchange->handler.on_gone(exchange->handler.context);
}

void exchange_deinit(struct exchange *exchange) {
        run_queue_remove(run_queue_of(exchange->loop), &exchange->entry);
        exchange->stall = loop_timer_free(exchange->stall);
}
