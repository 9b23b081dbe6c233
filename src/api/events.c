#include "api/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/event_feed.h"
#include "api/problem.h"
#include "pipeline/hub.h"
#include "util/log.h"
#include "util/mem.h"

// Bytes of an event that are handed on at a time.
#define PIECE ((size_t)16 * 1024)

// What may wait in a socket before the next event does not follow.
#define SOCKET_UNSENT_MAX ((size_t)64 * 1024)

#define CODE_DISMISSED 1008
#define CODE_BUSY      1013
#define BUSY                                                       \
        "your address has too many sessions; close some, or have " \
        "per_address.sessions raised"

struct events {
        struct hub *hub;
        struct event_feed *feed;
};

// One client: by an exchange or by a socket, the other one is NULL.
struct events_client {
        struct hub_session base;  // first: the hub knows the client by it
        struct events *events;
        struct event_reader reader;
        struct exchange *exchange;
        struct websocket *socket;
        bool is_reading;  // it is in the feed
};

static bool wish_of(const struct http_request *request, struct event_wish *ret,
                    struct event_wish_mistake *ret_mistake) {
        return event_wish_read(request->query, http_request_header(request, "Last-Event-ID"),
                               ret, ret_mistake);
}

// --- life of a client ------------------------------------------------------------------------

static struct events_client *client_new(struct events *events,
                                        const struct http_request *request,
                                        const struct hub_session_ops *ops) {
        struct events_client *client = xnew(struct events_client);

        client->events = events;
        client->base.ops = ops;
        client->base.principal = request->principal;
        snprintf(client->base.about, sizeof(client->base.about), "client %s", request->peer);
        snprintf(client->base.address, sizeof(client->base.address), "%s", request->address);
        return client;
}

static void client_stop_reading(struct events_client *client) {
        if (client->is_reading)
                event_feed_leave(client->events->feed, &client->reader);
        client->is_reading = false;
}

static void client_free(struct events_client *client) {
        client_stop_reading(client);
        hub_leave(client->events->hub, &client->base);
        free(client);
}

// False: its address has too many.
static bool client_enter(struct events_client *client) {
        struct hub *hub = client->events->hub;
        bool fits = hub_enter(hub, &client->base);

        hub_session_is(&client->base, hub_reader(hub, "events"));
        if (fits)
                client->base.reader->n_sessions++;
        return fits;
}

static void client_read(struct events_client *client, struct event_wish *wish,
                        const struct event_outlet *outlet) {
        client->is_reading = true;
        event_feed_join(client->events->feed, &client->reader, wish, client->base.principal,
                        outlet);
}

static void client_count(const struct events_client *client, size_t n_events, size_t n_bytes) {
        client->base.reader->observers.n_updates += n_events;
        client->base.reader->observers.n_bytes += n_bytes;
}

// --- what the server asks of it --------------------------------------------------------------

// The base is first.
static struct events_client *client_of(struct hub_session *base) {
        return (struct events_client *)base;
}

static void client_leave(struct hub_session *base, uint16_t code) {
        struct events_client *client = client_of(base);

        if (client->is_reading)
                event_reader_finish(&client->reader, code, "the server is going away");
}

static void client_goodbye(struct hub_session *base, uint16_t code) {
        struct events_client *client = client_of(base);

        if (client->is_reading)
                client->reader.outlet.end(client, code, "the server is going away");
}

static void client_release(struct hub_session *base) {
        (void)base;
}

static bool client_on_overload(struct hub_session *base, const char *words) {
        (void)base;
        (void)words;
        return false;
}

static void client_dismiss(struct hub_session *base, const char *words) {
        struct events_client *client = client_of(base);

        if (client->is_reading)
                event_reader_dismiss(&client->reader, CODE_DISMISSED, words);
}

static const struct hub_session_ops client_ops = {
        .leave = client_leave,
        .goodbye = client_goodbye,
        .release = client_release,
        .on_overload = client_on_overload,
        .dismiss = client_dismiss,
};

static void client_log_end(const struct events_client *client, uint16_t code,
                           const char *reason) {
        log_info(client->base.about, "reader-ended", "events end (%u): %s", code, reason);
}

// --- server-sent events ----------------------------------------------------------------------

static size_t exchange_outlet_write(void *context, const struct event *event, size_t offset) {
        struct events_client *client = context;
        size_t n = event->n - offset < PIECE ? event->n - offset : PIECE;

        if (!exchange_write(client->exchange, event->text + offset, n))
                return 0;
        client_count(client, offset == 0, n);
        return n;
}

static void exchange_outlet_beat(void *context) {
        const struct events_client *client = context;

        (void)exchange_write(client->exchange, ":\n\n", 3);
}

static void exchange_outlet_end(void *context, uint16_t code, const char *reason) {
        struct events_client *client = context;

        client_log_end(client, code, reason);
        exchange_end(client->exchange);
        client_free(client);
}

static void client_on_drained(void *context) {
        struct events_client *client = context;

        event_reader_drained(&client->reader);
}

static void client_on_gone(void *context) {
        client_free(context);
}

static void mistake_reply(struct exchange *exchange, const struct event_wish_mistake *mistake) {
        problem_refuse(exchange, 400, mistake->field, mistake->detail);
}

static void busy_reply(struct exchange *exchange) {
        struct problem problem = {
                .status = 503, .detail = BUSY, .headers = "Retry-After: 60\r\n"};

        problem_reply(exchange, &problem);
}

static void events_stream(struct events *events, struct exchange *exchange,
                          struct event_wish *wish) {
        static const char retry[] = "retry: 1000\n\n";
        static const struct http_response head = {
                .status = 200,
                .content_type = "text/event-stream",
                .headers = "Cache-Control: no-store\r\n",
                .body_length = EXCHANGE_LENGTH_UNKNOWN,
        };
        struct events_client *client =
                client_new(events, exchange_request(exchange), &client_ops);
        struct exchange_handler handler = {
                .on_drained = client_on_drained, .on_gone = client_on_gone, .context = client};
        struct event_outlet outlet = {
                .write = exchange_outlet_write,
                .beat = exchange_outlet_beat,
                .end = exchange_outlet_end,
                .context = client,
        };

        client->exchange = exchange;
        if (!client_enter(client)) {
                client_free(client);
                busy_reply(exchange);
                return;
        }
        exchange_set_handler(exchange, &handler);
        if (!exchange_begin(exchange, &head)) {
                exchange_end(exchange);
                client_free(client);
                return;
        }
        (void)exchange_write(exchange, retry, sizeof(retry) - 1);
        client_read(client, wish, &outlet);
}

void events_answer(struct events *events, struct exchange *exchange) {
        CLEANUP(event_wish_deinit) struct event_wish wish;
        struct event_wish_mistake mistake;

        if (wish_of(exchange_request(exchange), &wish, &mistake))
                events_stream(events, exchange, &wish);
        else
                mistake_reply(exchange, &mistake);
}

// --- WebSockets ------------------------------------------------------------------------------

static size_t socket_outlet_write(void *context, const struct event *event, size_t offset) {
        struct events_client *client = context;

        if (websocket_pending(client->socket) > SOCKET_UNSENT_MAX)
                return 0;
        websocket_send_text(client->socket, event->json, event->n_json);
        client_count(client, 1, event->n_json);
        return event->n - offset;
}

// It is freed when the socket is closed.
static void socket_outlet_end(void *context, uint16_t code, const char *reason) {
        struct events_client *client = context;

        client_log_end(client, code, reason);
        websocket_close(client->socket, code, reason);
        client_stop_reading(client);
}

// Who reads has nothing to say.
static void client_on_text(void *context, const char *text, size_t n) {
        (void)context;
        (void)text;
        (void)n;
}

static void client_on_binary(void *context, const struct websocket_piece *piece) {
        (void)context;
        (void)piece;
}

static void client_on_socket_drained(void *context) {
        struct events_client *client = context;

        if (client->is_reading)
                event_reader_drained(&client->reader);
}

static void client_on_close(void *context, uint16_t code) {
        (void)code;
        client_free(context);
}

bool events_upgrades(const struct http_request *request) {
        CLEANUP(event_wish_deinit) struct event_wish wish;
        struct event_wish_mistake mistake;

        return principal_may_ask(request->principal, SCOPE_READ) &&
               wish_of(request, &wish, &mistake);
}

void events_take(struct events *events, const struct http_request *request,
                 struct websocket *socket) {
        struct events_client *client = client_new(events, request, &client_ops);
        struct websocket_handler handler = {
                .on_text = client_on_text,
                .on_binary = client_on_binary,
                .on_drained = client_on_socket_drained,
                .on_close = client_on_close,
                .context = client,
        };
        struct websocket_limits limits = {.text_max = PIECE, .binary_max = PIECE};
        struct event_outlet outlet = {
                .write = socket_outlet_write,
                .end = socket_outlet_end,
                .context = client,
        };
        CLEANUP(event_wish_deinit) struct event_wish wish = {0};
        struct event_wish_mistake mistake;

        client->socket = socket;
        websocket_set_handler(socket, &handler, &limits);
        if (!client_enter(client))
                websocket_close(socket, CODE_BUSY, BUSY);
        else if (!wish_of(request, &wish, &mistake))
                websocket_close(socket, 1008, mistake.detail);
        else
                client_read(client, &wish, &outlet);
}

// --- life ------------------------------------------------------------------------------------

struct events *events_new(struct hub *hub) {
        struct events *events = xnew(struct events);

        events->hub = hub;
        events->feed = event_feed_new(hub);
        return events;
}

struct events *events_free(struct events *events) {
        if (!events)
                return NULL;
        event_feed_free(events->feed);
        return mem_free(events);
}
