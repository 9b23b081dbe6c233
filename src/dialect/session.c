#include "dialect/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/hub_admission.h"
#include "pipeline/hub_parking.h"
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
        websocket_close(session->socket, code, reason);
}

void session_read(struct session *session, bool is_wanted) {
        if (!session->socket)
                return;
        if (is_wanted)
                websocket_resume(session->socket);
        else
                websocket_pause(session->socket);
}

size_t session_unsent(const struct session *session) {
        return websocket_pending(session->socket);
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

        if (!dialect->scope || (principal_may(principal, dialect->scope) &&
                                principal_may_speak(principal, dialect->name)))
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
        const struct dialect *const *dialect = session->dialects;

        do {
                if ((*dialect)->matches_request && (*dialect)->matches_request(request)) {
                        session_recognise(session, *dialect);
                        return;
                }
        } while (*++dialect);
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
        session_refuse(context, 1008, "no setup message within 30 s", 0);
}

// --- the socket's events ---------------------------------------------------------------------

static void session_on_text(void *context, const char *text, size_t n) {
        struct session *session = context;

        if (session->is_leaving)
                return;
        if (session->dialect)
                session->dialect->on_text(session, text, n);
        else
                session_on_first_text(session, text, n);
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

static void session_on_drained(void *context) {
        struct session *session = context;

        if (session->dialect && session->dialect->on_drained && !session->is_leaving)
                session->dialect->on_drained(session);
}

static void session_free(struct session *session) {
        if (session->dialect)
                session->dialect->close(session);
        if (session->stream)
                stream_remove_observer(session->stream, &session->observer);
        hub_close(session->hub, session->base.stream);
        feed_deinit(&session->feed);
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
        session->socket = NULL;
        session_free(session);
}

// --- the stream's events ---------------------------------------------------------------------

static void session_on_idle(void *context) {
        struct session *session = context;

        if (session->dialect->on_idle)
                session->dialect->on_idle(session);
        if (session->is_leaving)
                session->dialect->goodbye(session, session->leaving_code);
}

static void session_on_relief(void *context) {
        struct session *session = context;

        if (session->is_paused && !session->is_held)
                session_read(session, true);
        session->is_paused = false;
        if (session->dialect->on_relief)
                session->dialect->on_relief(session);
}

// Once: where one window fails, others do, too.
static void session_on_failure(void *context, const char *words) {
        struct session *session = context;

        if (session->is_failure_told || !session->dialect->on_warning)
                return;
        session->is_failure_told = true;
        session->dialect->on_warning(session, words);
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
        session_goodbye(session_of(base), code);
}

static bool session_ask_overload(struct hub_session *base, const char *words) {
        struct session *session = session_of(base);

        if (session->is_leaving || !session->stream || !session->dialect->on_overload)
                return false;
        session->dialect->on_overload(session, words);
        return true;
}

// Whoever pours sound in is not read from while its address's backlog is too large; and is
// again when it is not.
static void session_hold(struct session *session) {
        if (session->is_held || !session->stream || !session->socket ||
            !stream_is_flood(session->stream) || !hub_is_full_for(session->hub, &session->base))
                return;
        session->is_held = true;
        session_read(session, false);
}

static void session_ask_release(struct hub_session *base) {
        struct session *session = session_of(base);

        if (!session->is_held || hub_is_full_for(session->hub, base))
                return;
        session->is_held = false;
        if (!session->is_paused)
                session_read(session, true);
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
        if (session->socket)
                websocket_send_text(session->socket, text, n);
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

void session_leave(struct session *session, uint16_t code) {
        if (session->is_leaving)
                return;
        session->is_leaving = true;
        session->leaving_code = code;
        loop_timer_cancel(session->setup_timer);
        if (session->stream)
                stream_flush(session->stream);  // on_idle says goodbye
        else
                session_goodbye(session, code);
}

static struct stream_listener listener_of(struct session *session) {
        return (struct stream_listener){
                .on_idle = session_on_idle,
                .on_relief = session_on_relief,
                .on_failure = session_on_failure,
                .context = session,
        };
}

// The feed is there already.
static void stream_take(struct session *session, struct stream *stream,
                        const struct request *request, const struct observer_ops *observer) {
        session->stream = stream;
        session->observer = (struct observer){
                .ops = observer,
                .state = session,
                .wants_tail = request->wants_partials,
                .counts = &session->base.reader->observers,
        };
        stream_add_observer(session->stream, &session->observer);
}

int session_stream_open(struct session *session, struct request *request,
                        const struct observer_ops *observer, struct error *error) {
        struct stream_listener listener = listener_of(session);
        struct hub_stream *opened;
        int r = feed_init(&session->feed, request, error);

        if (r == 0)
                r = hub_open(&opened, session->hub, request, &session->base, &listener, error);
        if (r < 0)
                return r;
        stream_take(session, opened->stream, request, observer);
        return 0;
}

bool session_stream_claim(struct session *session, const struct request *request,
                          const struct observer_ops *observer) {
        struct stream_listener listener = listener_of(session);
        struct hub_stream *claimed;

        if (feed_init(&session->feed, request, NULL) < 0)
                return false;
        claimed = hub_claim(session->hub, request, &session->base, &listener);
        if (claimed)
                stream_take(session, claimed->stream, request, observer);
        return claimed;
}

void session_stream_park(struct session *session, nsec_t patience) {
        stream_remove_observer(session->stream, &session->observer);
        session->stream = NULL;
        hub_park(&session->base, patience);
}

static void session_on_samples(void *context, const float *samples, size_t n) {
        stream_on_audio(context, samples, n);
}

void session_feed(struct session *session, const uint8_t *bytes, size_t n) {
        if (feed_push(&session->feed, bytes, n, session_on_samples, session->stream)) {
                log_warning(
                        session->base.about, "sound-implausible",
                        "the sound is no float32: nearly all samples are beyond -1..1, far too "
                        "small or not finite; the client probably sends int16");
                if (session->dialect->on_implausible)
                        session->dialect->on_implausible(session);
        }
        if (stream_is_backlogged(session->stream) && !session->is_paused) {
                session->is_paused = true;
                session_read(session, false);
        }
        session_hold(session);
}

size_t session_recent_finals(const struct stream *stream, size_t n_new, size_t n_wished,
                             const struct segment ***ret) {
        const struct history *history = stream_history(stream);
        size_t length = history_length(history), n = n_wished > n_new ? n_wished : n_new;
        const struct segment **finals;

        if (n > length)
                n = length;
        finals = xcalloc(n, sizeof(struct segment *));
        for (size_t i = 0; i < n; i++)
                finals[i] = history_get(history, length - n + i);
        *ret = finals;
        return n;
}

// --- life ------------------------------------------------------------------------------------

void session_open(struct hub *hub, const struct dialect *const *dialects,
                  const struct http_request *request, struct websocket *socket) {
        struct session *session = xnew(struct session);
        struct websocket_handler handler = {
                .on_text = session_on_text,
                .on_binary = session_on_binary,
                .on_drained = session_on_drained,
                .on_close = session_on_close,
                .context = session,
        };
        struct websocket_limits limits = {.text_max = SESSION_TEXT_MAX};
        bool fits;

        session->base.ops = &session_ops;
        session->base.principal = request->principal;
        snprintf(session->base.about, sizeof(session->base.about), "client %s", request->peer);
        snprintf(session->base.address, sizeof(session->base.address), "%s", request->address);
        session->hub = hub;
        session->dialects = dialects;
        session->socket = socket;
        session->setup_timer =
                loop_timer_new(hub_parts(hub)->loop, session_on_setup_timeout, session);
        fits = hub_enter(hub, &session->base);
        websocket_set_handler(socket, &handler, &limits);
        session_on_request(session, request);
        if (!fits) {
                session_refuse(session, 1013,
                               "Server busy: your address has too many sessions, or your "
                               "token; close some, or have per_address.sessions or "
                               "per_token.sessions raised",
                               0);
                return;
        }
        if (session->dialect && !session_is_allowed(session))
                return;
        log_debug(session->base.about, "client-came", "connected: %s",
                  session->base.principal->name);
        loop_timer_set(session->setup_timer, SESSION_SETUP_TIMEOUT);
        if (session->dialect && session->dialect->begin)
                session->dialect->begin(session, request);
}
