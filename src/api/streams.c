#include "api/streams.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "api/body.h"
#include "api/parameters.h"
#include "api/problem.h"
#include "api/reply.h"
#include "api/route.h"
#include "auth/principal.h"
#include "manage/pulled.h"
#include "manage/reload.h"
#include "manage/state.h"
#include "net/exchange.h"
#include "util/mem.h"

#define STREAMS_PATH "/api/v1/streams/"

// One that has asked for something that takes a while.
struct waiting {
        struct exchange *exchange;  // NULL: who asked has gone, or nobody waits any longer
        const struct pulled *pulled;
        char *name;  // of the stream that the answer shows; NULL: there is nothing to show
        int status;  // of the answer
        LIST_ENTRY(waiting) link;
};

struct streams {
        struct streams_place place;  // of the last request
        bool is_stopping;
        LIST_HEAD(, waiting) list;
};

// Whether anything may be changed; and where from now on.
static bool may_change(struct streams *streams, struct exchange *exchange,
                       const struct streams_place *place) {
        streams->place = *place;
        if (place->is_stopping)
                problem_refuse(exchange, 503, NULL, "the server is stopping");
        return !place->is_stopping && parameters_none(exchange);
}

// --- what there is ---------------------------------------------------------------------------

static const struct principal *principal_of(const struct exchange *exchange) {
        return exchange_request(exchange)->principal;
}

// By a client, for others to read.
static bool is_brought(const struct hub_stream *stream) {
        return stream->is_listed && !stream_source(stream->stream);
}

// NULL: there is none of that name.
static json_t *stream_json(const struct streams_place *place, const char *name) {
        const struct pulled_stream *pulled = pulled_find(place->pulled, name);
        const struct hub_stream *brought = hub_find(place->hub, name);

        if (pulled)
                return pulled_json(pulled);
        return brought && is_brought(brought) ? pulled_json_of_client(brought) : NULL;
}

static void list_answer(struct exchange *exchange, const struct streams_place *place) {
        json_t *list = json_array();

        if (!parameters_none(exchange)) {
                json_decref(list);
                return;
        }
        for (const struct pulled_stream *stream = pulled_first(place->pulled); stream;
             stream = pulled_next(stream))
                if (principal_may_read(principal_of(exchange), pulled_name(stream)))
                        json_array_append_new(list, pulled_json(stream));
        for (const struct hub_stream *stream = hub_first(place->hub); stream;
             stream = hub_next(place->hub, stream))
                if (is_brought(stream) &&
                    principal_may_read(principal_of(exchange), stream_name(stream->stream)))
                        json_array_append_new(list, pulled_json_of_client(stream));
        reply_json(exchange, 200, json_pack("{so}", "streams", list), NULL);
}

static void stream_answer(struct exchange *exchange, const struct streams_place *place,
                          const char *name) {
        json_t *json;

        if (!parameters_none(exchange))
                return;
        json = principal_may_read(principal_of(exchange), name) ? stream_json(place, name)
                                                                : NULL;
        if (json)
                reply_json(exchange, 200, json, NULL);
        else
                problem_refuse(exchange, 404, NULL, "there is no stream of this name");
}

// --- who waits -------------------------------------------------------------------------------

static void waiting_on_gone(void *context) {
        struct waiting *waiting = context;

        waiting->exchange = NULL;
}

static struct waiting *waiting_new(struct streams *streams, struct exchange *exchange) {
        struct waiting *waiting = xnew(struct waiting);

        waiting->exchange = exchange;
        waiting->pulled = streams->place.pulled;
        LIST_INSERT_HEAD(&streams->list, waiting, link);
        return waiting;
}

static void waiting_free(struct waiting *waiting) {
        LIST_REMOVE(waiting, link);
        free(waiting->name);
        free(waiting);
}

// Who may change a stream need not be one who may read what is said there.
static json_t *shown_to(const struct principal *principal, const struct pulled_stream *stream) {
        json_t *json = pulled_json(stream);

        if (!principal_may_read(principal, pulled_name(stream))) {
                json_object_del(json, "last");
                json_object_del(json, "is_speaking");
                json_object_del(json, "level");
        }
        return json;
}

static void waiting_answer(const struct waiting *waiting) {
        const struct pulled_stream *stream =
                waiting->name ? pulled_find(waiting->pulled, waiting->name) : NULL;
        CLEANUP(mem_freep) char *location = NULL;

        if (waiting->status == 204) {
                reply_done(waiting->exchange);
        } else if (!stream) {
                problem_refuse(waiting->exchange, 404, NULL,
                               "the stream was removed meanwhile");
        } else {
                if (waiting->status == 201)
                        location = xasprintf("Location: " STREAMS_PATH "%s\r\n", waiting->name);
                reply_json(waiting->exchange, waiting->status,
                           shown_to(principal_of(waiting->exchange), stream), location);
        }
}

static void waiting_on_kept(void *context, const char *trouble) {
        struct waiting *waiting = context;
        CLEANUP(mem_freep) char *detail = NULL;

        if (waiting->exchange && trouble) {
                detail = xasprintf("it is done, but a restart of the server undoes it: %s",
                                   trouble);
                problem_refuse(waiting->exchange, 503, NULL, detail);
        } else if (waiting->exchange) {
                waiting_answer(waiting);
        }
        waiting_free(waiting);
}

// It is done: answer when it is on disk. `has_body`: its body was read.
static void answer_when_kept(struct streams *streams, struct exchange *exchange, int status,
                             const char *name, bool has_body) {
        struct waiting *waiting = waiting_new(streams, exchange);
        struct exchange_handler handler = {.on_gone = waiting_on_gone, .context = waiting};

        waiting->status = status;
        waiting->name = xstrdup(name);
        if (has_body)
                exchange_hand_over(exchange, &handler);
        else
                exchange_set_handler(exchange, &handler);
        state_keep(streams->place.state, waiting_on_kept, waiting);
}

// --- what changes something ------------------------------------------------------------------

static void refusal_reply(struct exchange *exchange, const struct refusal *refusal) {
        problem_refuse(exchange, refusal->status, refusal->field, refusal->text);
}

// The server may have begun to stop while the body came.
static bool is_too_late(const struct streams *streams, struct exchange *exchange) {
        if (streams->is_stopping)
                problem_refuse(exchange, 503, NULL, "the server is stopping");
        return streams->is_stopping;
}

static void add_on_json(void *context, struct exchange *exchange, json_t *json) {
        struct streams *streams = context;
        const struct pulled_stream *stream;
        struct refusal refusal;

        if (is_too_late(streams, exchange))
                return;
        if (pulled_add(streams->place.pulled, json, &stream, &refusal) < 0)
                refusal_reply(exchange, &refusal);
        else
                answer_when_kept(streams, exchange, 201, pulled_name(stream), true);
}

static void change_on_json(void *context, struct exchange *exchange, json_t *json) {
        struct streams *streams = context;
        const char *path = exchange_request(exchange)->path + strlen(STREAMS_PATH);
        CLEANUP(mem_freep) char *name = route_text(path, strlen(path));
        struct refusal refusal;

        if (is_too_late(streams, exchange))
                return;
        if (pulled_change(streams->place.pulled, name, json, &refusal) < 0)
                refusal_reply(exchange, &refusal);
        else
                answer_when_kept(streams, exchange, 200, name, true);
}

// Do something with the stream, and answer when that is kept.
static void act(struct streams *streams, struct exchange *exchange,
                const struct streams_place *place, const char *name, int status,
                int (*action)(struct pulled *pulled, const char *name,
                              struct refusal *ret_refusal)) {
        struct refusal refusal;

        if (!may_change(streams, exchange, place))
                return;
        if (action(place->pulled, name, &refusal) < 0)
                refusal_reply(exchange, &refusal);
        else
                answer_when_kept(streams, exchange, status, name, false);
}

static void change_answer(struct streams *streams, struct exchange *exchange,
                          const struct streams_place *place, const char *name) {
        if (name && strcmp(exchange_request(exchange)->method, "DELETE") == 0)
                act(streams, exchange, place, name, 204, pulled_remove);
        else if (may_change(streams, exchange, place))
                body_read(exchange, name ? change_on_json : add_on_json, streams);
}

void streams_answer(struct streams *streams, struct exchange *exchange,
                    const struct streams_place *place, const char *name) {
        const char *method = exchange_request(exchange)->method;

        if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
                change_answer(streams, exchange, place, name);
        else if (name)
                stream_answer(exchange, place, name);
        else
                list_answer(exchange, place);
}

void streams_pause(struct streams *streams, struct exchange *exchange,
                   const struct streams_place *place, const char *name) {
        act(streams, exchange, place, name, 200, pulled_pause);
}

void streams_resume(struct streams *streams, struct exchange *exchange,
                    const struct streams_place *place, const char *name) {
        act(streams, exchange, place, name, 200, pulled_resume);
}

void streams_restart(struct streams *streams, struct exchange *exchange,
                     const struct streams_place *place, const char *name) {
        act(streams, exchange, place, name, 200, pulled_restart);
}

// --- reload ----------------------------------------------------------------------------------

static void reload_on_done(void *context, const struct reload_result *result) {
        struct waiting *waiting = context;

        if (waiting->exchange && result->status == 200)
                reply_json(waiting->exchange, 200, json_incref(result->changes), NULL);
        else if (waiting->exchange)
                problem_refuse(waiting->exchange, result->status, NULL, result->detail);
        waiting_free(waiting);
}

void streams_reload(struct streams *streams, struct exchange *exchange,
                    const struct streams_place *place) {
        struct waiting *waiting;
        struct exchange_handler handler = {.on_gone = waiting_on_gone};

        if (!may_change(streams, exchange, place))
                return;
        waiting = waiting_new(streams, exchange);
        handler.context = waiting;
        exchange_set_handler(exchange, &handler);
        reload_ask(place->reload, reload_on_done, waiting);
}

// --- life ------------------------------------------------------------------------------------

struct streams *streams_new(void) {
        return xnew(struct streams);
}

void streams_stop(struct streams *streams) {
        streams->is_stopping = true;
}

struct streams *streams_free(struct streams *streams) {
        if (!streams)
                return NULL;
        for (struct waiting *waiting = LIST_FIRST(&streams->list), *next; waiting;
             waiting = next) {
                next = LIST_NEXT(waiting, link);
                waiting_free(waiting);
        }
        return mem_free(streams);
}
