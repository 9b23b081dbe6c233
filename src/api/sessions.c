#include "api/sessions.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api/parameters.h"
#include "api/problem.h"
#include "api/reply.h"
#include "net/exchange.h"
#include "pipeline/hub.h"
#include "util/log.h"
#include "util/mem.h"

// Digits of the largest id that is looked for.
#define ID_DIGITS_MAX 18

// Of all its streams.
static size_t session_backlog(const struct hub *hub, const struct hub_session *session) {
        size_t n = 0;

        for (const struct hub_stream *stream = session->stream ? hub_first(hub) : NULL; stream;
             stream = hub_next(hub, stream))
                n += stream->session == session ? stream_backlog(stream->stream) : 0;
        return n;
}

static json_t *session_json(const struct hub *hub, const struct hub_session *session) {
        const struct hub_stream *stream = session->stream;

        return json_pack("{s:I, s:s, s:s, s:o, s:s, s:o, s:o, s:I}", "id",
                         (json_int_t)session->id, "dialect", session->reader->name, "principal",
                         session->principal->name, "address", reply_string(session->address),
                         "about", session->about, "since", reply_time(session->since), "stream",
                         stream ? reply_string(stream_name(stream->stream)) : json_null(),
                         "backlog", (json_int_t)session_backlog(hub, session));
}

void sessions_answer(struct exchange *exchange, const struct hub *hub) {
        json_t *list = json_array();

        if (!parameters_none(exchange)) {
                json_decref(list);
                return;
        }
        for (const struct hub_session *session = hub_first_session(hub); session;
             session = hub_next_session(session))
                json_array_insert_new(list, 0, session_json(hub, session));
        reply_json(exchange, 200, json_pack("{s:o}", "sessions", list), NULL);
}

// The session of an id as it stands in a path. NULL: none.
static struct hub_session *session_find(const struct hub *hub, const char *id) {
        size_t n = strlen(id);

        if (n > ID_DIGITS_MAX || strspn(id, "0123456789") != n)
                return NULL;
        return hub_find_session(hub, strtoull(id, NULL, 10));
}

void sessions_dismiss(struct exchange *exchange, const struct hub *hub, const char *id) {
        struct hub_session *session;

        if (!parameters_none(exchange))
                return;
        session = session_find(hub, id);
        if (!session) {
                problem_refuse(exchange, 404, "id",
                               "no such session: GET /api/v1/sessions has those there are");
                return;
        }
        log_info("api", "session-dismissed", "%s had session %" PRIu64 " (%s) closed",
                 exchange_request(exchange)->peer, session->id, session->about);
        session->ops->dismiss(session, "the server's administrator has closed this session");
        reply_done(exchange);
}
