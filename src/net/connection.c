#include "net/connection.h"

#include <http_parser.h>
#include <stdlib.h>
#include <string.h>

#include "net/acceptor.h"
#include "net/exchange_private.h"
#include "net/handshake.h"
#include "net/http_head.h"
#include "net/http_reply.h"
#include "net/origin.h"
#include "net/peer.h"
#include "net/tls_identity.h"
#include "net/transport.h"
#include "net/websocket_private.h"
#include "util/mem.h"

// A request costs as much as this many bytes, and the bytes of its answer: sixteen of them, and
// it is the next connection's turn.
#define REQUEST_COST ((size_t)4096)

#define NO_MEMORY "no memory is left for more, try again later"

struct connection {
        struct listener *listener;  // NULL once dropped
        struct connection *next, **link;
        struct loop *loop;
        struct transport *transport;
        struct peer peer;
        bool is_encrypted;

        http_parser parser;
        struct http_head head;
        int refusal;          // HTTP status that a parser callback decided on
        const char *reason;   // words for it
        bool is_begun;        // the first byte of a request has come
        bool is_head_due;     // a head is complete, and to be looked at outside the parser
        bool is_finishing;    // the last reply is under way; input is ignored
        bool has_peer_ended;  // no more input will come
        size_t n_unsent;      // of the last answer, when it was looked at
        nsec_t taken_at;      // when that was less than before
        struct loop_timer *deadline;
        struct exchange exchange;  // from a request's head to the next one's

        struct websocket *websocket;  // after an upgrade; then the above is idle
};

// --- the parser's callbacks ----------------------------------------------------

static int connection_on_begin(http_parser *parser) {
        struct connection *connection = parser->data;

        connection->is_begun = true;
        loop_timer_set(connection->deadline, LISTENER_REQUEST_TIMEOUT);
        return 0;
}

static int connection_on_url(http_parser *parser, const char *piece, size_t n) {
        struct connection *connection = parser->data;

        return http_head_add_target(&connection->head, piece, n) ? 0 : -1;
}

static int connection_on_field(http_parser *parser, const char *piece, size_t n) {
        struct connection *connection = parser->data;

        if (connection->head.is_complete)
                return 0;  // trailers of a chunked body
        return http_head_add_name(&connection->head, piece, n) ? 0 : -1;
}

static int connection_on_value(http_parser *parser, const char *piece, size_t n) {
        struct connection *connection = parser->data;

        if (connection->head.is_complete)
                return 0;
        return http_head_add_value(&connection->head, piece, n) ? 0 : -1;
}

static int connection_refusal_set(struct connection *connection, int status,
                                  const char *reason) {
        connection->refusal = status;
        connection->reason = reason;
        return -1;
}

// Bytes of the body that there will be; UINT64_MAX: chunked.
static uint64_t parser_body(const http_parser *parser) {
        if (parser->flags & F_CHUNKED)
                return UINT64_MAX;
        return parser->content_length == UINT64_MAX ? 0 : parser->content_length;
}

static int connection_on_head(http_parser *parser) {
        struct connection *connection = parser->data;
        const struct http_head *head = &connection->head;
        const char *host, *upgrade, *expect;

        if (!http_head_complete(&connection->head))
                return -1;
        if (parser->http_major != 1)
                return connection_refusal_set(connection,
                                              HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED,
                                              "HTTP/1.1 and 1.0 are spoken here");
        // What such a body ends with is anybody's guess (RFC 9112, 6.3).
        if (parser->uses_transfer_encoding && !(parser->flags & F_CHUNKED))
                return connection_refusal_set(connection, HTTP_STATUS_BAD_REQUEST,
                                              "Transfer-Encoding must end in chunked");
        host = http_head_next(head, "Host", NULL);
        if ((!host && parser->http_minor > 0) || (host && http_head_next(head, "Host", host)))
                return connection_refusal_set(connection, HTTP_STATUS_BAD_REQUEST,
                                              "a request needs one Host header");
        expect = http_head_next(head, "Expect", NULL);
        if (expect && strcasecmp(expect, "100-continue") != 0)
                return connection_refusal_set(connection, HTTP_STATUS_EXPECTATION_FAILED,
                                              "only 100-continue can be expected");
        // Other protocols than WebSocket (h2c) may be ignored (RFC 9110, 7.8). CONNECT, which
        // the parser takes for an upgrade too, is then an ordinary request.
        upgrade = http_head_next(head, "Upgrade", NULL);
        if (!upgrade || !http_list_has(upgrade, "websocket"))
                parser->upgrade = 0;
        if (parser->upgrade && (parser->method != HTTP_GET || parser_body(parser)))
                return connection_refusal_set(connection, HTTP_STATUS_BAD_REQUEST,
                                              "a WebSocket begins with GET without a body");
        // It is answered outside the parser. What an upgrade is to is no body, and the parser
        // must have seen the end of the head before that is handed on.
        connection->is_head_due = !parser->upgrade;
        http_parser_pause(parser, connection->is_head_due);
        return 0;
}

static int connection_on_body(http_parser *parser, const char *piece, size_t n) {
        struct connection *connection = parser->data;

        exchange_take(&connection->exchange, (const uint8_t *)piece, n);
        http_parser_pause(parser, !exchange_takes_input(&connection->exchange));
        return 0;
}

static int connection_on_complete(http_parser *parser) {
        struct connection *connection = parser->data;

        if (parser->upgrade)
                connection->is_head_due = true;
        else
                exchange_take_end(&connection->exchange);
        http_parser_pause(parser, 1);
        return 0;
}

// --- answering -----------------------------------------------------------------

// The last reply is written: wait a little for the peer to hang up.
static void connection_finish(struct connection *connection, nsec_t patience) {
        connection->is_finishing = true;
        transport_finish(connection->transport);
        transport_read_start(connection->transport);
        if (!transport_is_closing(connection->transport))
                loop_timer_set(connection->deadline, patience);
}

// Say no more than that, and close.
static void connection_refuse(struct connection *connection, int status, const char *reason) {
        bool is_head = connection->is_begun && connection->parser.method == HTTP_HEAD;

        if (connection->exchange.is_active)
                exchange_refuse(&connection->exchange, status, reason);
        else
                http_reply_refuse(connection->transport, loop_wall(connection->loop),
                                  &connection->exchange.request, status, reason, is_head);
        connection_finish(connection, CONNECTION_LINGER);
        exchange_stop(&connection->exchange);
}

// Say what the parser stumbled over.
static void connection_refuse_parse(struct connection *connection) {
        enum http_errno number = HTTP_PARSER_ERRNO(&connection->parser);

        if (connection->refusal)
                connection_refuse(connection, connection->refusal, connection->reason);
        else if (number == HPE_HEADER_OVERFLOW)
                connection_refuse(connection, HTTP_STATUS_REQUEST_HEADER_FIELDS_TOO_LARGE,
                                  "the request's head is too long");
        else if (number == HPE_INVALID_VERSION)
                connection_refuse(connection, HTTP_STATUS_HTTP_VERSION_NOT_SUPPORTED,
                                  "HTTP/1.1 and 1.0 are spoken here");
        else
                connection_refuse(connection, HTTP_STATUS_BAD_REQUEST,
                                  http_errno_description(number));
}

static bool connection_has_memory(const struct connection *connection, enum budget_kind kind,
                                  size_t n) {
        return budget_has_room(transport_budget(connection->transport), kind, n);
}

static void connection_upgrade(struct connection *connection,
                               const struct http_request *request) {
        struct listener *listener = connection->listener;
        struct handshake handshake = {0};
        CLEANUP(mem_freep) char *answer = NULL;
        CLEANUP(mem_freep) char *headers = NULL;
        const char *reason = NULL;
        int refusal = handshake_check(&connection->head, &handshake, &reason);

        handshake.has_deflate = handshake.has_deflate && listener->deflater;
        if (!refusal && connection_has_memory(connection, BUDGET_MESSAGES, CONNECTION_MEMORY))
                connection->websocket =
                        websocket_new(connection->loop, connection->transport, WEBSOCKET_SERVER,
                                      handshake.has_deflate ? listener->deflater : NULL);
        if (!connection->websocket) {
                connection_refuse(connection,
                                  refusal ? refusal : HTTP_STATUS_SERVICE_UNAVAILABLE,
                                  refusal ? reason : NO_MEMORY);
                return;
        }
        loop_timer_cancel(connection->deadline);
        if (listener->handler.upgrade_headers)
                headers = listener->handler.upgrade_headers(listener->handler.context, request);
        handshake.headers = headers;
        answer = handshake_answer(&handshake);
        transport_write(connection->transport, answer, strlen(answer));
        listener->handler.on_websocket(listener->handler.context, request,
                                       connection->websocket);
        if (!websocket_has_handler(connection->websocket))
                websocket_close(connection->websocket, 1011, "nobody listens");
        http_head_deinit(&connection->head);
        connection->head = (struct http_head){0};
}

// Whoever asked last is not needed any more.
static void connection_dismiss(struct connection *connection, const struct listener *listener) {
        struct http_request *request = &connection->exchange.request;

        if (request->principal && listener->handler.dismiss)
                listener->handler.dismiss(listener->handler.context, request);
        request->principal = NULL;
}

// Refuse what the listener's owner forbids.
static bool connection_forbid(struct connection *connection, struct http_request *request) {
        const struct listener_handler *handler = &connection->listener->handler;
        int status = HTTP_STATUS_FORBIDDEN;
        CLEANUP(mem_freep)
        char *words =
                handler->admit ? handler->admit(handler->context, request, &status) : NULL;

        if (words)
                connection_refuse(connection, status, words);
        return words;
}

static void connection_exchange(struct connection *connection) {
        const struct listener_handler *handler = &connection->listener->handler;
        const http_parser *parser = &connection->parser;
        struct exchange_terms terms = {
                .n_announced = parser_body(parser),
                .expects_continue = http_head_next(&connection->head, "Expect", NULL),
                .keeps_alive = http_should_keep_alive(parser) && !parser->upgrade,
                .is_1_0 = parser->http_minor == 0,
        };

        exchange_start(&connection->exchange, &terms);
        if (parser->upgrade)  // the parser has seen the end of it, and will not tell
                exchange_take_end(&connection->exchange);
        handler->on_request(handler->context, &connection->exchange);
        exchange_check_taken(&connection->exchange);
}

// Whether the name that we are called by is one of our certificate's, if we still have one.
static bool connection_is_certified(const struct connection *connection) {
        const char *host = http_head_next(&connection->head, "Host", NULL);
        struct authority authority;

        return connection->is_encrypted && connection->listener->identity && host &&
               authority_read(host, &authority) &&
               tls_identity_is_for(connection->listener->identity, authority.host);
}

// A head is complete: see to whom it goes.
static void connection_dispatch(struct connection *connection) {
        struct http_request *request = &connection->exchange.request;
        const char *reason = NULL;

        connection_dismiss(connection, connection->listener);
        *request = (struct http_request){
                .method = http_method_str((enum http_method)connection->parser.method),
                .peer = connection->peer.name,
                .address = connection->peer.address,
                .is_loopback = connection->peer.is_loopback,
                .is_encrypted = connection->is_encrypted,
                .is_certified = connection_is_certified(connection),
                .local = connection->peer.is_local ? &connection->peer.local : NULL,
                .phrase = connection->listener->handler.phrase,
        };
        if (!http_request_read(request, &connection->head, &reason))
                connection_refuse(connection, HTTP_STATUS_BAD_REQUEST, reason);
        else if (connection_forbid(connection, request))
                ;  // the refusal is said
        else if (connection->parser.upgrade && listener_upgrades(connection->listener, request))
                connection_upgrade(connection, request);
        else
                connection_exchange(connection);
}

// Whether the peer still takes what is left of the last answer, however slowly.
static bool connection_is_taken(struct connection *connection) {
        size_t n_unsent = transport_pending(connection->transport);
        nsec_t now = loop_now(connection->loop);

        if (n_unsent < connection->n_unsent)
                connection->taken_at = now;
        connection->n_unsent = n_unsent;
        return n_unsent && now - connection->taken_at < EXCHANGE_STALL_TIMEOUT;
}

// Go on to the next request, or close, if the exchange is over.
static void connection_proceed(struct connection *connection) {
        struct exchange *exchange = &connection->exchange;

        if (!exchange->is_active || transport_is_closing(connection->transport))
                return;
        connection->n_unsent = transport_pending(connection->transport);
        connection->taken_at = loop_now(connection->loop);
        if (exchange->is_refused || exchange_is_last(exchange)) {
                connection_finish(connection, exchange->is_refused ? CONNECTION_LINGER
                                                                   : LISTENER_REQUEST_TIMEOUT);
                exchange_stop(exchange);
        } else if (exchange->is_answered && exchange->is_body_complete) {
                exchange_stop(exchange);
                http_head_clear(&connection->head);
                exchange->request.path = exchange->request.page = NULL;
                connection->is_begun = false;
                loop_timer_set(connection->deadline, CONNECTION_IDLE_TIMEOUT);
        }
}

// Take in some more of a request. Returns how many of the bytes belonged to it.
static size_t connection_parse(struct connection *connection, const uint8_t *bytes, size_t n) {
        static const http_parser_settings settings = {
                .on_message_begin = connection_on_begin,
                .on_url = connection_on_url,
                .on_header_field = connection_on_field,
                .on_header_value = connection_on_value,
                .on_headers_complete = connection_on_head,
                .on_body = connection_on_body,
                .on_message_complete = connection_on_complete,
        };
        http_parser *parser = &connection->parser;
        size_t used = http_parser_execute(parser, &settings, (const char *)bytes, n);

        if (HTTP_PARSER_ERRNO(parser) == HPE_PAUSED)
                http_parser_pause(parser, 0);
        if (HTTP_PARSER_ERRNO(parser) != HPE_OK)
                connection_refuse_parse(connection);
        else if (connection->is_head_due)
                connection_dispatch(connection);
        connection->is_head_due = false;
        connection_proceed(connection);
        return used;
}

// --- the transport's callbacks ---------------------------------------------------

// Whether there is something to do with more input: not while the exchange at hand waits, nor
// while the peer has too many unread replies.
static bool connection_takes_input(const struct connection *connection) {
        if (connection->websocket || connection->is_finishing ||
            transport_is_closing(connection->transport))
                return false;
        if (connection->exchange.is_active)
                return exchange_takes_input(&connection->exchange);
        return transport_pending(connection->transport) <= CONNECTION_OUTPUT_MAX;
}

// Whether the peer's is not the next step: its body is paused, or its answer not there.
static bool connection_waits(const struct connection *connection) {
        const struct exchange *exchange = &connection->exchange;

        return exchange->is_active && !exchange->is_answered && !exchange_takes_input(exchange);
}

// Take in requests until the bytes are used up, the quantum is spent, or nothing can be done
// with more. While an answer is waited for we read on, to see the peer go; until it sends the
// next request.
static size_t connection_on_bytes(void *context, const uint8_t *bytes, size_t n,
                                  struct quantum *quantum) {
        struct connection *connection = context;
        struct exchange *exchange = &connection->exchange;
        size_t used = 0;

        exchange->is_serving = true;
        while (used < n && connection_takes_input(connection) && !quantum_is_spent(quantum)) {
                size_t cost = exchange->is_active ? 0 : REQUEST_COST;
                uint64_t n_sent = exchange->n_sent;
                size_t parsed = connection_parse(connection, bytes + used, n - used);

                used += parsed;
                quantum_spend(quantum, cost + parsed + (size_t)(exchange->n_sent - n_sent));
        }
        exchange->is_serving = false;
        if (used)
                bytes += used;  // which may be NULL where there are none
        if (connection->websocket)
                return used +
                       websocket_on_bytes(connection->websocket, bytes, n - used, quantum);
        if (connection->is_finishing)
                return n;
        if (used < n && !connection_takes_input(connection)) {
                transport_read_stop(connection->transport);
                if (connection_waits(connection))
                        loop_timer_set(connection->deadline, EXCHANGE_LOOK);
        }
        return used;
}

// The exchange has changed outside of the connection's own calls, or what was written is sent.
static void connection_serve(void *context, struct quantum *quantum) {
        struct connection *connection = context;
        struct exchange *exchange = &connection->exchange;
        uint64_t n_sent = exchange->n_sent;

        if (!exchange->is_active || transport_is_closing(connection->transport))
                return;
        exchange->is_serving = true;
        exchange_serve(exchange);
        connection_proceed(connection);
        exchange->is_serving = false;
        quantum_spend(quantum, (size_t)(exchange->n_sent - n_sent));
        if (connection_takes_input(connection))
                transport_read_start(connection->transport);
}

static void connection_on_end(void *context) {
        struct connection *connection = context;

        if (connection->websocket) {
                websocket_on_end(connection->websocket);
                return;
        }
        // Who is still to be answered has gone: only few close their side and wait.
        if (connection->exchange.is_active && !connection->exchange.is_answered) {
                transport_close(connection->transport);
                return;
        }
        connection->has_peer_ended = true;
        if (transport_pending(connection->transport) && !connection->is_finishing)
                connection_finish(connection, LISTENER_REQUEST_TIMEOUT);
        if (!transport_pending(connection->transport))
                transport_close(connection->transport);
}

static void connection_on_drained(void *context) {
        struct connection *connection = context;

        if (connection->websocket) {
                websocket_on_drained(connection->websocket);
        } else if (connection->has_peer_ended) {
                transport_close(connection->transport);
        } else if (connection->exchange.is_active) {
                exchange_drained(&connection->exchange);
        } else if (connection_takes_input(connection)) {
                transport_read_start(connection->transport);
        }
}

static void connection_on_plain(void *context) {
        struct connection *connection = context;

        connection->is_encrypted = false;
        if (!connection->is_finishing)
                connection_refuse(connection, HTTP_STATUS_BAD_REQUEST,
                                  "this port speaks TLS: begin the address with https:// or "
                                  "wss://");
}

static void connection_on_closed(void *context) {
        struct connection *connection = context;

        if (connection->websocket)
                websocket_end(connection->websocket);
        websocket_free(connection->websocket);
        exchange_stop(&connection->exchange);
        exchange_deinit(&connection->exchange);
        if (connection->listener) {
                connection_dismiss(connection, connection->listener);
                tally_remove(&connection->listener->addresses, connection->peer.address);
                connection->listener->n_connections--;
                *connection->link = connection->next;
                if (connection->next)
                        connection->next->link = connection->link;
        }
        loop_timer_free(connection->deadline);
        http_head_deinit(&connection->head);
        free(connection);
}

static void connection_on_deadline(void *context) {
        struct connection *connection = context;
        bool is_over = !connection->exchange.is_active;
        bool is_waiting = connection_waits(connection);

        if (is_waiting && !transport_is_broken(connection->transport))
                loop_timer_set(connection->deadline, EXCHANGE_LOOK);
        else if (!is_waiting && is_over &&
                 (connection->is_finishing || !connection->is_begun) &&
                 connection_is_taken(connection))
                loop_timer_set(connection->deadline, LISTENER_REQUEST_TIMEOUT);
        else if (is_waiting || (is_over && (connection->is_finishing ||
                                            transport_pending(connection->transport))))
                transport_close(connection->transport);
        else if (connection->is_begun)
                connection_refuse(connection, HTTP_STATUS_REQUEST_TIMEOUT,
                                  "the request took too long");
        else
                connection_finish(connection, CONNECTION_LINGER);
}

// --- life ----------------------------------------------------------------------

// Its address has too many. Many of these are closed without a word.
static void connection_turn_away(struct connection *connection, bool is_silent) {
        if (is_silent)
                transport_close(connection->transport);
        else
                connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                                  "your address has too many connections; close some, or "
                                  "have per_address.connections raised");
}

void connection_open(struct listener *listener, int fd, bool is_busy) {
        static const struct transport_handler handler = {
                .on_bytes = connection_on_bytes,
                .on_end = connection_on_end,
                .on_drained = connection_on_drained,
                .on_closed = connection_on_closed,
                .on_plain = connection_on_plain,
        };
        struct connection *connection = xnew(struct connection);
        size_t n_alike;

        peer_know(&connection->peer, fd, acceptor_group(listener->acceptor));
        connection->transport = transport_open(listener->loop, fd, listener->handler.budget,
                                               &handler, connection);
        if (!connection->transport) {
                free(connection);
                return;
        }
        connection->is_encrypted = listener->identity;
        transport_set_owner(connection->transport, connection->peer.address);
        connection->loop = listener->loop;
        connection->exchange = (struct exchange){
                .loop = listener->loop,
                .transport = connection->transport,
                .entry = {.serve = connection_serve,
                          .context = connection,
                          .flow = run_queue_flow(run_queue_of(listener->loop),
                                                 connection->peer.address,
                                                 strlen(connection->peer.address))},
        };
        connection->listener = listener;
        connection->next = listener->connections;
        connection->link = &listener->connections;
        if (connection->next)
                connection->next->link = &connection->next;
        listener->connections = connection;
        listener->n_connections++;
        http_parser_init(&connection->parser, HTTP_REQUEST);
        connection->parser.data = connection;
        connection->deadline =
                loop_timer_new(listener->loop, connection_on_deadline, connection);
        connection->exchange.deadline = connection->deadline;
        loop_timer_set(connection->deadline, LISTENER_REQUEST_TIMEOUT);
        n_alike = tally_add(&listener->addresses, connection->peer.address);
        if (listener->identity && !transport_encrypt(connection->transport, listener->identity))
                transport_close(connection->transport);
        else if (listener->per_address_max && n_alike > listener->per_address_max)
                connection_turn_away(connection,
                                     n_alike > listener->per_address_max + listener->busy_max);
        else if (is_busy)
                connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                                  "too many connections, try again later");
}

void connection_drop(struct connection *connection) {
        const struct listener *listener = TAKE(connection->listener);

        loop_timer_cancel(connection->deadline);
        if (connection->websocket)
                websocket_end(connection->websocket);
        exchange_stop(&connection->exchange);
        connection_dismiss(connection, listener);
        transport_close(connection->transport);
}

struct connection *connection_next(const struct connection *connection) {
        return connection->next;
}
