// The AudioSocket dialect: a call that Asterisk sends over plain TCP. Nothing is sent back but
// that we hang up; the text is for those who read the call's stream.
#include <stdlib.h>

#include "dialect/audiosocket/messages.h"
#include "dialect/call.h"
#include "util/log.h"
#include "util/mem.h"

// Of the rate in one call: it follows the codec, which is agreed on anew when a call is held or
// transferred. Each costs a resampler.
#define CHANGES_MAX 16

struct audiosocket {
        struct audiosocket_reader reader;
        unsigned rate;       // of its sound
        unsigned n_changes;  // of that
        bool is_hung_up;     // by the other side
};

static void audiosocket_begin(struct session *session, const struct http_request *request) {
        (void)request;
        session->state = xnew(struct audiosocket);
}

static void call_begin(struct session *session, const char *uuid) {
        struct audiosocket *state = session->state;
        CLEANUP(mem_freep)
        char *name = audiosocket_stream(hub_parts(session->hub)->calls, uuid);
        struct request request = {.name = name, .format = PCM_S16, .rate = 8000};

        if (!name) {
                CLEANUP(mem_freep)
                char *words = xasprintf("the call %s is not among audiosocket.calls", uuid);

                session_refuse(session, 1008, words, 0);
                return;
        }
        state->rate = request.rate;
        if (call_open(session, &request, NULL))
                session_started(session, name);
}

static void sound_take(struct session *session, const struct audiosocket_said *said) {
        struct audiosocket *state = session->state;

        if (said->rate != state->rate) {
                struct request shape = {.format = PCM_S16, .rate = said->rate};
                struct error error;

                if (state->n_changes++ == CHANGES_MAX) {
                        session_refuse(session, 1008, "the sound's rate changes all the time",
                                       0);
                        return;
                }
                if (session_sound_change(session, &shape, &error) < 0) {
                        session_refuse(session, 1008, error.text, 0);
                        return;
                }
                state->rate = said->rate;
        }
        session_feed(session, said->bytes, said->n);
}

static void hung_up(struct session *session) {
        struct audiosocket *state = session->state;

        state->is_hung_up = true;
        session_leave(session, 1000);
}

static size_t audiosocket_on_bytes(struct session *session, const uint8_t *bytes, size_t n) {
        struct audiosocket *state = session->state;
        struct audiosocket_said said;
        struct error error;
        size_t taken = audiosocket_read(&state->reader, bytes, n, &said, &error);

        if (taken == 0) {
                session_refuse(session, 1008, error.text, 0);
                return n;
        }
        switch (said.event) {
        case AUDIOSOCKET_CALL:
                call_begin(session, said.uuid);
                break;
        case AUDIOSOCKET_SOUND:
                sound_take(session, &said);
                break;
        case AUDIOSOCKET_TROUBLE:
                log_info(session->base.about, "call-troubled", "Asterisk says error 0x%02x",
                         said.code);
                hung_up(session);
                break;
        case AUDIOSOCKET_HANGUP:
                hung_up(session);
                break;
        case AUDIOSOCKET_NOTHING:
                break;
        }
        return taken;
}

// --- the end ---------------------------------------------------------------------------------

static void hangup_send(struct session *session) {
        const struct audiosocket *state = session->state;

        if (!state || !state->is_hung_up)
                session_send(session, audiosocket_encode_hangup(), AUDIOSOCKET_HEAD);
}

static void audiosocket_refuse(struct session *session, const char *words, nsec_t retry) {
        (void)words;
        (void)retry;
        hangup_send(session);
}

static void audiosocket_goodbye(struct session *session, uint16_t code) {
        hangup_send(session);
        session_close(session, code, "");
}

static void audiosocket_close(struct session *session) {
        call_close(session);
        session->state = mem_free(session->state);
}

const struct dialect dialect_audiosocket = {
        .name = "audiosocket",
        .scope = SCOPE_LISTEN,
        .begin = audiosocket_begin,
        .on_bytes = audiosocket_on_bytes,
        .on_end = hung_up,
        .refuse = audiosocket_refuse,
        .goodbye = audiosocket_goodbye,
        .close = audiosocket_close,
};
