#include "server/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/whisperlive/messages.h"
#include "util/log.h"
#include "util/mem.h"

nsec_t session_wall(const struct session *session) {
        return loop_wall(server_services(session->server)->loop);
}

void session_refuse(struct session *session, uint16_t code, const char *text) {
        size_t n;
        char *message = eavesdrop_encode_error(session_wall(session), NULL, text, &n);

        session_send(session, message, n);
        session_turn_away(session, code, text);
}

void session_turn_away(struct session *session, uint16_t code, const char *text) {
        struct server_counts *counts = server_counts(session->server);

        log_info(session->about, "client-refused", "%s", text);
        if (code == 1013)
                counts->n_refused_busy++;
        else
                counts->n_refused_invalid++;
        session->is_leaving = true;
        loop_timer_cancel(session->setup_timer);
        websocket_close(session->socket, code, text);
}

void session_started(struct session *session, const char *about) {
        server_counts(session->server)->n_sessions[session->ops->reader]++;
        log_debug(session->about, "session-started", "%s", about);
}

// --- before the kind is known ----------------------------------------------------------------

static void opening_on_text(struct session *session, const char *text, size_t n) {
        if (session->role == EAVESDROP_HEALTH_CHECK) {
                websocket_close(session->socket, 1000, "healthy");
                return;
        }
        if (eavesdrop_is_message(text, n)) {
                session->ops = &session_eavesdrop;
        } else if (whisperlive_is_hello(text, n)) {
                session->ops = &session_whisperlive;
        } else {
                session_refuse(session, 1008,
                               "the first text frame must be a JSON object with \"type\" "
                               "(eavesdrop) or \"uid\" (WhisperLive)");
                return;
        }
        session->ops->on_text(session, text, n);
}

static void opening_on_binary(struct session *session, const struct websocket_piece *piece) {
        (void)piece;
        session_refuse(session, 1008, "audio before setup: send the setup message first");
}

static void opening_goodbye(struct session *session, uint16_t code) {
        websocket_close(session->socket, code, "server is going away");
}

static void opening_close(struct session *session) {
        (void)session;
}

static const struct session_ops session_opening = {
        .name = "opening",
        .reader = READER_UNKNOWN,
        .on_text = opening_on_text,
        .on_binary = opening_on_binary,
        .goodbye = opening_goodbye,
        .close = opening_close,
};

static void session_on_setup_timeout(void *context) {
        session_refuse(context, 1008, "no setup message within 30 s");
}

// --- the socket's events ---------------------------------------------------------------------

static void session_on_text(void *context, const char *text, size_t n) {
        struct session *session = context;

        if (!session->is_leaving)
                session->ops->on_text(session, text, n);
}

static void session_on_binary(void *context, const struct websocket_piece *piece) {
        struct session *session = context;

        if (!session->is_leaving)
                session->ops->on_binary(session, piece);
}

static void session_on_drained(void *context) {
        struct session *session = context;

        if (session->ops->on_drained && !session->is_leaving)
                session->ops->on_drained(session);
}

static void session_on_close(void *context, uint16_t code) {
        struct session *session = context;

        // Dropped by the server itself, while the client had text to come.
        if (code == 1008 && !session->is_leaving)
                log_info(session->about, "client-dropped",
                         "read too slowly or broke the protocol: connection closed (%u)", code);
        log_debug(session->about, "client-left", "connection closed (%u)", code);
        session->socket = NULL;
        session_free(session);
}

// --- the stream's events ---------------------------------------------------------------------

static void session_on_idle(void *context) {
        struct session *session = context;

        if (session->ops->on_idle)
                session->ops->on_idle(session);
        if (session->is_leaving)
                session->ops->goodbye(session, session->leaving_code);
}

// --- limits per address ----------------------------------------------------------------------

static bool address_backlog_is_full(const struct session *session) {
        double most = server_parts(session->server)->config->address_backlog;

        return most > 0 && scheduler_owner_backlog(server_services(session->server)->scheduler,
                                                   session->address) > most;
}

char *session_address_busy(const struct session *session) {
        if (!address_backlog_is_full(session))
                return NULL;
        return xasprintf(
                "Server busy: more than %.0f s of sound from your address are not text "
                "yet; try again in a minute, or have per_address.backlog raised",
                server_parts(session->server)->config->address_backlog);
}

void session_hold(struct session *session) {
        if (session->is_held || !session->stream || !session->socket ||
            !stream_is_flood(session->stream) || !address_backlog_is_full(session))
                return;
        session->is_held = true;
        websocket_pause(session->socket);
}

void session_release(struct session *session) {
        if (!session->is_held || address_backlog_is_full(session))
                return;
        session->is_held = false;
        if (!session->is_paused && session->socket)
                websocket_resume(session->socket);
}

// Is there room for one more session of its address?
static bool session_fits(struct session *session) {
        size_t most = (size_t)server_parts(session->server)->config->address_sessions;
        size_t n = tally_add(server_addresses(session->server), session->address);

        return most == 0 || n <= most;
}

// --- the stream's events ---------------------------------------------------------------------

static void session_on_relief(void *context) {
        struct session *session = context;

        if (session->is_paused && !session->is_held && session->socket)
                websocket_resume(session->socket);
        session->is_paused = false;
        if (session->ops->on_relief)
                session->ops->on_relief(session);
}

// Once: where one window fails, others do, too.
static void session_on_failure(void *context, const char *words) {
        struct session *session = context;

        if (session->is_failure_told || !session->ops->on_warning)
                return;
        session->is_failure_told = true;
        session->ops->on_warning(session, words);
}

// --- for the kinds ---------------------------------------------------------------------------

int session_stream_open(struct session *session, const struct stream_settings *settings,
                        const struct observer_ops *observer, struct error *error) {
        struct stream_listener listener = {
                .on_idle = session_on_idle,
                .on_relief = session_on_relief,
                .on_failure = session_on_failure,
                .context = session,
        };
        int r = stream_open(&session->stream, server_services(session->server), settings,
                            &listener, error);

        if (r < 0)
                return r;
        loop_timer_cancel(session->setup_timer);
        session->observer = (struct observer){
                .ops = observer,
                .state = session,
                .wants_tail = true,
                .counts = &server_counts(session->server)->observers[session->ops->reader],
        };
        stream_add_observer(session->stream, &session->observer);
        return 0;
}

void session_send(struct session *session, char *text, size_t n) {
        if (session->socket)
                websocket_send_text(session->socket, text, n);
        server_counts(session->server)->observers[session->ops->reader].n_bytes += n;
        free(text);
}

// Said once: what follows will be no better.
static void session_implausible(struct session *session) {
        log_warning(
                session->about, "sound-implausible",
                "the sound is no float32: nearly all samples are beyond -1..1, far too small "
                "or not finite; the client probably sends int16");
        if (session->ops->on_implausible)
                session->ops->on_implausible(session);
}

#define FEED_SAMPLES 4096

void session_feed(struct session *session, enum pcm_format format, const uint8_t *bytes,
                  size_t n) {
        float samples[FEED_SAMPLES];
        size_t size = pcm_sample_size(format);

        if (format == PCM_F32 && plausibility_add(&session->plausibility, bytes, n / size))
                session_implausible(session);
        for (size_t left = n / size; left > 0;) {
                size_t piece = left < FEED_SAMPLES ? left : FEED_SAMPLES;

                pcm_to_float(format, bytes, piece, samples);
                stream_on_audio(session->stream, samples, piece);
                bytes += piece * size;
                left -= piece;
        }
        if (stream_is_backlogged(session->stream) && !session->is_paused) {
                session->is_paused = true;
                websocket_pause(session->socket);
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

void session_leave(struct session *session, uint16_t code) {
        if (session->is_leaving)
                return;
        session->is_leaving = true;
        session->leaving_code = code;
        loop_timer_cancel(session->setup_timer);
        if (session->stream)
                stream_flush(session->stream);  // on_idle says goodbye
        else
                session->ops->goodbye(session, code);
}

// --- life ------------------------------------------------------------------------------------

// The role: from the header, or for browsers, which cannot set it, from the query.
static bool session_role(const struct http_request *request, enum eavesdrop_role *ret) {
        CLEANUP(mem_freep) char *query = http_request_query(request, "type");
        const char *header = http_request_header(request, "X-Client-Type");

        return eavesdrop_role_from_name(header ? header : query, ret);
}

static char *session_names(const struct http_request *request) {
        const char *header = http_request_header(request, "X-Stream-Names");

        return header ? xstrdup(header) : http_request_query(request, "streams");
}

void session_open(struct server *server, const struct http_request *request,
                  struct websocket *socket) {
        struct session *session = xnew(struct session);
        struct websocket_handler handler = {
                .on_text = session_on_text,
                .on_binary = session_on_binary,
                .on_drained = session_on_drained,
                .on_close = session_on_close,
                .context = session,
        };
        struct websocket_limits limits = {.text_max = SESSION_TEXT_MAX};
        CLEANUP(mem_freep) char *names = session_names(request);

        session->ops = &session_opening;
        session->server = server;
        session->socket = socket;
        session->setup_timer = loop_timer_new(server_services(server)->loop,
                                              session_on_setup_timeout, session);
        snprintf(session->about, sizeof(session->about), "client %s", request->peer);
        snprintf(session->address, sizeof(session->address), "%s", request->address);
        session->principal = request->principal;
        server_add_session(server, session);
        websocket_set_handler(socket, &handler, &limits);
        if (!session_fits(session)) {
                session_refuse(session, 1013,
                               "Server busy: your address has too many sessions; close some, "
                               "or have per_address.sessions raised");
                return;
        }
        if (!session_role(request, &session->role)) {
                session_refuse(session, 1008,
                               "unknown client type: use transcriber, rtsp_subscriber or "
                               "health_check");
                return;
        }
        log_debug(session->about, "client-came", "connected: %s", session->principal->name);
        if (session->role == EAVESDROP_SUBSCRIBER) {
                session->ops = &session_subscriber;
                session_subscribe(session, names);
                return;
        }
        loop_timer_set(session->setup_timer, SESSION_SETUP_TIMEOUT);
}

void session_free(struct session *session) {
        server_remove_session(session->server, session);
        tally_remove(server_addresses(session->server), session->address);
        session->ops->close(session);
        if (session->stream)
                stream_remove_observer(session->stream, &session->observer);
        session->stream = stream_close(session->stream);
        session->setup_timer = loop_timer_free(session->setup_timer);
        free(session);
}
