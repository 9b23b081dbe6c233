// The Vosk dialect, in lock step: each message of sound is answered by exactly one text, and
// nothing is ever sent that was not asked for, since a stock client takes the next text that
// comes for its answer. What becomes final between two messages is told with the next answer.
//
// A client that is answered at once would pour in a file as fast as it can read it. While too
// much of its sound is not yet text, answers wait, and so does the client. It is read from all
// the same, since a stock client that has no answer to its pings for 20 s hangs up.
#include <stdlib.h>

#include "dialect/session.h"
#include "dialect/vosk/messages.h"
#include "util/mem.h"

// Bytes of sound that are taken from a client whose answer waits: more than is left of any
// usual message.
#define VOSK_BEYOND_MAX ((size_t)1024 * 1024)

struct vosk {
        struct vosk_config config;
        size_t n_owed;      // answers to sound
        size_t n_unsent;    // final segments that were not told yet
        size_t n_beyond;    // bytes of sound that came while its answer waits
        bool is_resetting;  // what was said so far is being made text, and told next
};

// --- text leaves -----------------------------------------------------------------------------

static void vosk_on_update(void *context, const struct stream_facts *facts,
                           const struct update *update) {
        struct session *session = context;
        struct vosk *state = session->state;

        (void)facts;
        state->n_unsent += update->n_finals;
}

static const struct observer_ops vosk_observer = {
        .name = "vosk",
        .on_update = vosk_on_update,
};

// All that is final and was not told.
static void result_send(struct session *session) {
        struct vosk *state = session->state;
        const struct segment **finals = NULL;
        size_t n_finals = 0, n;
        int64_t origin = 0;
        char *text;

        if (session->stream) {
                n_finals = session_recent_finals(session->stream, state->n_unsent, 0, &finals);
                origin = stream_origin(session->stream);
        }
        text = vosk_encode_result(&state->config, finals, n_finals, origin, &n);
        session_send(session, text, n);
        free(finals);
        state->n_unsent = 0;
}

static void partial_send(struct session *session) {
        size_t n;
        char *text = vosk_encode_partial(stream_current(session->stream)->tail->text, &n);

        session_send(session, text, n);
}

// Give the answers that are owed, unless they have to wait.
static void vosk_pay(struct session *session) {
        struct vosk *state = session->state;

        while (state->n_owed > 0 && !state->is_resetting && !session_is_held_up(session)) {
                state->n_owed--;
                if (state->n_unsent > 0)
                        result_send(session);
                else
                        partial_send(session);
        }
}

static void vosk_on_idle(struct session *session) {
        struct vosk *state = session->state;

        if (!state->is_resetting)
                return;
        state->is_resetting = false;
        result_send(session);
        vosk_pay(session);
}

// --- sound comes -----------------------------------------------------------------------------

static bool vosk_stream_open(struct session *session) {
        struct vosk *state = session->state;
        struct request request = {
                .name = "vosk",
                .format = PCM_S16,
                .rate = state->config.rate,
                .history = SESSION_SEGMENTS_MAX,
        };
        struct error error;

        client_options_apply(&state->config.options, &request);
        if (!session_admit(session))
                return false;
        if (session_stream_open(session, &request, &vosk_observer, &error) == 0)
                return true;
        session_refuse(session, 1008, error.text, 0);
        return false;
}

// session_feed() has stopped reading where the client is held up: needlessly, unless it goes on
// without waiting.
static void vosk_listen(struct session *session, size_t n) {
        struct vosk *state = session->state;
        bool is_held_up = session_is_held_up(session);

        state->n_beyond = is_held_up ? state->n_beyond + n : 0;
        if (is_held_up)
                session_read(session, state->n_owed <= 1 && state->n_beyond <= VOSK_BEYOND_MAX);
}

static void vosk_on_binary(struct session *session, const struct websocket_piece *piece) {
        struct vosk *state = session->state;

        if (!session->stream && !vosk_stream_open(session))
                return;
        session_feed(session, piece->bytes, piece->n);
        if (piece->is_last) {
                state->n_owed++;
                vosk_pay(session);
        }
        vosk_listen(session, piece->n);
}

static void vosk_reset(struct session *session) {
        struct vosk *state = session->state;

        if (state->is_resetting)
                return;
        if (!session->stream) {
                result_send(session);
                return;
        }
        state->is_resetting = true;
        session_end_sound(session);  // on_idle tells
}

// A config is of the sound to come: beside a stream it changes nothing.
static int text_read(struct session *session, const char *text, size_t n, enum vosk_type *ret,
                     struct error *error) {
        struct vosk *state = session->state;
        struct vosk_config unused = VOSK_CONFIG_USUAL;
        int r;

        if (!session->stream)
                return vosk_message_parse(ret, &state->config, text, n, error);
        r = vosk_message_parse(ret, &unused, text, n, error);
        vosk_config_deinit(&unused);
        return r;
}

static void vosk_on_text(struct session *session, const char *text, size_t n) {
        enum vosk_type type;
        struct error error;

        if (text_read(session, text, n, &type, &error) != 0)
                session_refuse(session, 1008, error.text, 0);
        else if (type == VOSK_EOF)
                session_leave(session, 1000);  // goodbye tells the rest
        else if (type == VOSK_RESET)
                vosk_reset(session);
}

// --- its life --------------------------------------------------------------------------------

// Whoever comes here speaks Vosk.
static bool vosk_matches(const struct http_request *request) {
        (void)request;
        return true;
}

static void vosk_begin(struct session *session, const struct http_request *request) {
        struct vosk *state = session->state = xnew(struct vosk);

        (void)request;
        state->config = VOSK_CONFIG_USUAL;
        session_started(session, "Vosk client");
        (void)session_admit(session);
}

// The dialect has no words for that; the close frame has.
static void vosk_refuse(struct session *session, const char *words, nsec_t retry) {
        (void)session;
        (void)words;
        (void)retry;
}

// Who has said that this was all waits for the rest of the text; others get it if there is any.
static void vosk_goodbye(struct session *session, uint16_t code) {
        const struct vosk *state = session->state;

        if (code == 1000 || state->n_unsent > 0 || state->n_owed > 0)
                result_send(session);
        session_close(session, code, code == 1000 ? "" : "the server is going away");
}

static void vosk_close(struct session *session) {
        struct vosk *state = session->state;

        if (state)
                vosk_config_deinit(&state->config);
        free(state);
}

const struct dialect dialect_vosk = {
        .name = "vosk",
        .scope = SCOPE_LISTEN,
        .matches_request = vosk_matches,
        .begin = vosk_begin,
        .on_text = vosk_on_text,
        .on_binary = vosk_on_binary,
        .on_idle = vosk_on_idle,
        .on_relief = vosk_pay,
        .refuse = vosk_refuse,
        .goodbye = vosk_goodbye,
        .close = vosk_close,
};
