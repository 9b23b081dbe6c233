#include "dialect/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/raw.h"
#include "pipeline/hub_admission.h"
#include "util/log.h"
#include "util/mem.h"

// The base is first.
static struct session *session_of(struct hub_session *base) {
        return (struct session *)base;
}

nsec_t session_wall(const struct session *session) {
        return loop_wall(hub_parts(session->hub)->loop);
}

void session_close(struct session *session, uint16_t code, const char *reason) {
        session->is_closing = true;
        session->wire->close(session->connection, code, reason);
}

size_t session_unsent(const struct session *session) {
        return session->wire->unsent(session->connection);
}

// --- recognising -----------------------------------------------------------------------------

static void session_recognise(struct session *session, const struct dialect *dialect) {
        session->dialect = dialect;
        hub_session_is(&session->base, hub_reader(session->hub, dialect->name));
}

// Whether whoever asks may be a client of this kind; said if not.
static bool session_is_allowed(struct session *session) {
        const struct principal *principal = session->base.principal;
        const struct dialect *dialect = session->dialect;
        CLEANUP(mem_freep) char *words = NULL;

        if (session_may(session))
                return true;
        if (principal->stranger)
                words = xasprintf("%s (dialect %s)", principal->stranger, dialect->name);
        else
                words = xasprintf("the token '%s' has not the scope %s", principal->name,
                                  dialect->scope == SCOPE_READ ? "read" : "listen");
        session_refuse(session, 1008, words, 0);
        return false;
}

static void session_on_request(struct session *session, const struct http_request *request) {
        const struct dialect *dialect = dialect_of(session->dialects, request);

        if (dialect)
                session_recognise(session, dialect);
}

// What a first text could have been.
static char *first_text_words(const struct dialect *const *dialects) {
        char *words = xstrdup("the first text frame must be a JSON object with ");
        bool is_first = true;

        for (; *dialects; dialects++) {
                char *longer;

                if (!(*dialects)->first_key)
                        continue;
                longer = xasprintf("%s%s%s", words, is_first ? "" : " or ",
                                   (*dialects)->first_key);
                free(words);
                words = longer;
                is_first = false;
        }
        return words;
}

static void session_on_first_text(struct session *session, const char *text, size_t n) {
        const struct dialect *const *dialect = session->dialects;
        CLEANUP(mem_freep) char *words = NULL;

        do {
                if ((*dialect)->matches_text && (*dialect)->matches_text(text, n)) {
                        session_recognise(session, *dialect);
                        if (session_is_allowed(session))
                                (*dialect)->on_text(session, text, n);
                        return;
                }
        } while (*++dialect);
        words = first_text_words(session->dialects);
        session_refuse(session, 1008, words, 0);
}

void session_started(struct session *session, const char *about) {
        loop_timer_cancel(session->setup_timer);
        session->base.reader->n_sessions++;
        log_debug(session->base.about, "session-started", "%s", about);
}

static void session_on_setup_timeout(void *context) {
        struct session *session = context;

        session_refuse(session, 1008, session->overdue, 0);
}

void session_await(struct session *session, nsec_t patience, const char *words) {
        session->overdue = words;
        if (patience > 0)
                loop_timer_set(session->setup_timer, patience);
        else
                loop_timer_cancel(session->setup_timer);
}

// --- the connection's events -----------------------------------------------------------------

static void session_on_text(void *context, const char *text, size_t n) {
        struct session *session = context;

        if (session->is_leaving)
                return;
        if (session->dialect)
                session->dialect->on_text(session, text, n);
        else
                session_on_first_text(session, text, n);
}

static void session_on_text_piece(void *context, const struct websocket_piece *piece) {
        struct session *session = context;

        if (!session->is_leaving)
                session->dialect->on_text_piece(session, piece);
}

static void session_on_binary(void *context, const struct websocket_piece *piece) {
        struct session *session = context;

        if (session->is_leaving)
                return;
        if (session->dialect)
                session->dialect->on_binary(session, piece);
        else
                session_refuse(session, 1008,
                               "audio before setup: send the setup message first", 0);
}

static size_t session_on_bytes(void *context, const uint8_t *bytes, size_t n) {
        struct session *session = context;

        return session->is_leaving ? n : session->dialect->on_bytes(session, bytes, n);
}

static void session_on_end(void *context) {
        struct session *session = context;

        if (session->is_leaving)
                return;
        if (session->dialect->on_end)
                session->dialect->on_end(session);
        else
                session_close(session, 1000, "");
}

static void session_on_drained(void *context) {
        struct session *session = context;

        if (session->dialect && session->dialect->on_drained && !session->is_leaving)
                session->dialect->on_drained(session);
}

static void session_free(struct session *session) {
        if (session->dialect)
                session->dialect->close(session);
        session_channels_close(session);
        hub_leave(session->hub, &session->base);
        session->setup_timer = loop_timer_free(session->setup_timer);
        free(session);
}

static void session_on_close(void *context, uint16_t code) {
        struct session *session = context;

        // Dropped by the server itself, while it had something for the client.
        if (code == 1008 && !session->is_leaving)
                log_info(session->base.about, "client-dropped",
                         "read too slowly or broke the protocol: connection closed (%u)", code);
        log_debug(session->base.about, "client-left", "connection closed (%u)", code);
        session->connection = NULL;
        session_free(session);
}

static void session_on_raw_close(void *context, bool is_dropped) {
        session_on_close(context, is_dropped ? 1008 : 1006);
}

// --- what the server asks --------------------------------------------------------------------

static void session_goodbye(struct session *session, uint16_t code) {
        if (session->dialect)
                session->dialect->goodbye(session, code);
        else
                session_close(session, code, "server is going away");
}

// Said in the dialect's words; of a client that has shown none, in those of the first.
static void session_send_away(struct session *session, uint16_t code, const char *words,
                              nsec_t retry) {
        const struct dialect *dialect =
                session->dialect ? session->dialect : session->dialects[0];

        dialect->refuse(session, words, retry);
        session->is_leaving = true;
        loop_timer_cancel(session->setup_timer);
        session_close(session, code, words);
}

static void session_ask_leave(struct hub_session *base, uint16_t code) {
        session_leave(session_of(base), code);
}

static void session_ask_goodbye(struct hub_session *base, uint16_t code) {
        struct session *session = session_of(base);

        if (!session->is_closing)  // who was sent away may never have been set up
                session_goodbye(session, code);
}

static bool session_ask_overload(struct hub_session *base, const char *words) {
        struct session *session = session_of(base);

        if (session->is_leaving || !session->stream || !session->dialect->on_overload)
                return false;
        session->dialect->on_overload(session, words);
        return true;
}

static void session_ask_release(struct hub_session *base) {
        struct session *session = session_of(base);

        if (!session->is_held || hub_is_full_for(session->hub, base))
                return;
        session->is_held = false;
        if (session->n_paused > 0)
                return;
        session_read(session, true);
        if (session->dialect->on_relief && !session->is_leaving)
                session->dialect->on_relief(session);
}

static void session_ask_dismiss(struct hub_session *base, const char *words) {
        struct session *session = session_of(base);

        if (session->is_closing)
                return;
        log_info(base->about, "client-dismissed", "%s", words);
        session_send_away(session, 1008, words, 0);
}

static void session_tell_stream(struct hub_session *base, struct hub_stream *stream,
                                bool is_open) {
        struct session *session = session_of(base);

        if (session->dialect && session->dialect->on_stream)
                session->dialect->on_stream(session, stream, is_open);
}

static const struct hub_session_ops session_ops = {
        .leave = session_ask_leave,
        .goodbye = session_ask_goodbye,
        .release = session_ask_release,
        .on_overload = session_ask_overload,
        .dismiss = session_ask_dismiss,
        .on_stream = session_tell_stream,
};

// --- for dialects ----------------------------------------------------------------------------

void session_send(struct session *session, char *text, size_t n) {
        if (session->connection)
                session->wire->send(session->connection, text, n);
        session->base.reader->observers.n_bytes += n;
        free(text);
}

void session_refuse(struct session *session, uint16_t code, const char *words, nsec_t retry) {
        struct hub_counts *counts = hub_counts(session->hub);

        log_info(session->base.about, "client-refused", "%s", words);
        if (code == 1013)
                counts->n_refused_busy++;
        else
                counts->n_refused_invalid++;
        session_send_away(session, code, words, retry);
}

bool session_identify(struct session *session, const char *secret) {
        const struct hub_parts *parts = hub_parts(session->hub);
        const struct principal *found;

        if (!session_is_unnamed(session))
                return true;
        found = parts->identify ? parts->identify(parts->identify_context, secret) : NULL;
        if (!found) {
                session_refuse(session, 1008,
                               "the token is not known here: it is mistyped, has "
                               "expired or was revoked",
                               0);
                return false;
        }
        if (!hub_session_belongs(session->hub, &session->base, found)) {
                session_refuse(session, 1013, HUB_TOO_MANY, 0);
                return false;
        }
        return session_is_allowed(session);
}

void session_leave(struct session *session, uint16_t code) {
        if (session->is_leaving)
                return;
        session->is_leaving = true;
        session->leaving_code = code;
        loop_timer_cancel(session->setup_timer);
        if (session->stream)
                session_end_sound(session);  // goodbye once all of it is text
        else
                session_goodbye(session, code);
}

bool session_admit(struct session *session) {
        CLEANUP(mem_freep) char *words = NULL;
        struct hub_refusal refusal;

        if (hub_admits(session->hub, &session->base, &refusal))
                return true;
        words = xasprintf("Server busy: %s; %s", refusal.reason, refusal.remedy);
        session_refuse(session, 1013, words, refusal.retry);
        return false;
}

// --- life ------------------------------------------------------------------------------------

static struct session *session_new(struct hub *hub, const struct dialect *const *dialects,
                                   const struct http_request *request) {
        struct session *session = xnew(struct session);

        session->base.ops = &session_ops;
        session->base.principal = request->principal;
        snprintf(session->base.about, sizeof(session->base.about), "client %s", request->peer);
        snprintf(session->base.address, sizeof(session->base.address), "%s", request->address);
        session->hub = hub;
        session->dialects = dialects;
        session->setup_timer =
                loop_timer_new(hub_parts(hub)->loop, session_on_setup_timeout, session);
        return session;
}

// Let it in, if there is room for it and it may.
static void session_begin(struct session *session, const struct http_request *request,
                          bool fits) {
        if (!fits) {
                session_refuse(session, 1013, HUB_TOO_MANY, 0);
                return;
        }
        if (session->dialect && !session_is_unnamed(session) && !session_is_allowed(session))
                return;
        log_debug(session->base.about, "client-came", "connected: %s",
                  session->base.principal->name);
        session_await(session, SESSION_SETUP_TIMEOUT, "no setup message within 30 s");
        if (session->dialect && session->dialect->begin)
                session->dialect->begin(session, request);
}

void session_open(struct hub *hub, const struct dialect *const *dialects,
                  const struct http_request *request, struct websocket *socket) {
        struct session *session = session_new(hub, dialects, request);
        struct websocket_handler handler = {
                .on_text = session_on_text,
                .on_binary = session_on_binary,
                .on_drained = session_on_drained,
                .on_close = session_on_close,
                .context = session,
        };
        struct websocket_limits limits = {.text_max = SESSION_TEXT_MAX};
        bool fits = hub_enter(hub, &session->base);

        session->wire = &session_wire_websocket;
        session->connection = socket;
        session_on_request(session, request);
        if (session->dialect && session->dialect->on_text_piece)
                handler.on_text_piece = session_on_text_piece;
        if (session->dialect && session->dialect->text_max)
                limits.text_max = session->dialect->text_max;
        websocket_set_handler(socket, &handler, &limits);
        session_begin(session, request, fits);
}

void session_open_raw(struct hub *hub, const struct dialect *const *dialects,
                      const struct http_request *request, struct raw *raw) {
        struct session *session = session_new(hub, dialects, request);
        struct raw_handler handler = {
                .on_bytes = session_on_bytes,
                .on_end = session_on_end,
                .on_drained = session_on_drained,
                .on_close = session_on_raw_close,
                .context = session,
        };
        bool fits = hub_enter(hub, &session->base);

        session->wire = &session_wire_raw;
        session->connection = raw;
        raw_set_handler(raw, &handler, 0);
        session_recognise(session, dialects[0]);
        session_begin(session, request, fits);
}
